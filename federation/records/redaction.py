"""What of a record is shown: codes, rule names, roles and counts; values only to who asks for them.

A value from outside stands in quotes in every sentence of ours (``!r``): what is in quotes goes,
and whatever else looks like an address, a link or a token. Pure.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from federation.decision import TeamMember
from federation.errors import Check
from federation.identity import Grant, Identity
from federation.records.records import Kept

_UNASKED: Final = ("not asked", "not checked")  # what only the sign-in itself knew
_ROLE_RULES: Final = ("policy.rule:", "policy.rule.")
# What policy only remarks, unless it is what refuses: it lets people in all the same.
_REMARKS: Final = frozenset({
    "policy.link.address", "policy.role_sync", "policy.team_taken", "policy.team_bound", "policy.email_taken",
    "policy.last_administrator", "policy.proof_needed",
})  # fmt: skip
_VALUES: Final = re.compile(
    r"""(?<!\w)'(?:[^'\\]|\\.)*'(?!\w) | (?<!\w)"(?:[^"\\]|\\.)*"(?!\w)"""  # as repr writes them
    r"""| \S*[@\\]\S* | \w+://\S+ | \b[\w+/=-]{24,}""",  # an address, a link, a hash or a token
    re.VERBOSE,
)
_HIDDEN: Final = "…"


def outcome(check: Check, refused: str) -> str:
    """Say in a word what came of a rule.

    A role rule that does not match refuses nobody; nor does what policy only remarks, such as an address
    that finds nobody by this connection's word.

    Args:
        check: The rule.
        refused: The code of what refused; "" of whoever was admitted, for whom nothing is broken.
    """
    if check.said is None:
        return "held"
    if check.said.startswith(_UNASKED):
        return "open"
    if check.code.startswith(_ROLE_RULES):
        return "no match"
    is_remark = check.code != refused and (not refused or check.code in _REMARKS)
    return "remark" if is_remark else "BROKEN"


def hide(text: str) -> str:
    """Return a sentence of ours without the values in it, each with its length."""
    return _VALUES.sub(lambda found: f"{_HIDDEN}({len(found[0].strip(_QUOTES))})", text)


_QUOTES: Final = "'\""


def show_check(check: Check, *, values: bool, refused: str) -> dict[str, str | None]:
    """Return a check as plain data; ``refused`` as ``outcome`` has it."""
    said = check.said if values or check.said is None else hide(check.said)
    return {"code": check.code, "outcome": outcome(check, refused).lower(), "said": said}


def show(kept: Kept, *, values: bool, refused: str) -> dict[str, Any]:
    """Return an opened record as plain data.

    Args:
        kept: What the record says.
        values: Whether personal values are told, or only that and how long they are.
        refused: The record's code; "" of whoever was admitted.
    """
    checks = [show_check(one, values=values, refused=refused) for one in kept.checks]
    told: dict[str, Any] = {"checks": checks}
    if kept.who is not None:
        told["identity"] = _identity(kept.who, values=values)
    if kept.cut:
        told["cut"] = list(kept.cut)
    if not kept.how:
        return told
    grants, teams = ([_grant(one) for one in each] for each in kept.grants), kept.teams
    return told | {
        "found": {"how": kept.how, "user": kept.user},
        "grants": dict(zip(("before", "after"), grants, strict=True)),
        "teams": {
            "before": [_member(one, values=values) for one in teams[0]],
            "after": [_member(one, values=values) for one in teams[1]],
        },
        "session": kept.session,
    }


def show_difference(told: Mapping[str, Any], declared: Collection[str]) -> dict[str, Any]:
    """Return what a what-if tells of one person without values: they are named by user and reference.

    Args:
        told: ``what_if.Difference.as_json``.
        declared: Keys of teams that the settings name; any other may be made of a group's name.
    """
    hidden = {
        name: [key if key in declared else _text(key) for key in told[name]] for name in ("joins", "leaves")
    }
    return {**told, **hidden, "email": _address(told["email"])}


def _grant(grant: Grant) -> dict[str, str]:
    return {"role": grant.role, "source": grant.source, "why": grant.why}


def _member(member: TeamMember, *, values: bool) -> dict[str, str]:
    """A team that was made of a group has its name; why somebody is in it may be a group as well."""
    why = member.why if values else _text(member.why)
    return {"team": member.key if values else _text(member.key), "source": member.source, "why": why}


def _identity(who: Identity, *, values: bool) -> dict[str, Any]:
    text = str if values else _text
    subject, proof, groups = who.subject, who.authentication, who.groups
    return {
        "subject": {
            "issuer": subject.issuer,
            "format": subject.format,
            "name_qualifier": subject.name_qualifier,
            "sp_name_qualifier": subject.sp_name_qualifier,
            "value": text(subject.value),
        },
        "email": who.email if values else _address(who.email),
        "email_verified": who.email_verified,
        "given_name": text(who.given_name),
        "family_name": text(who.family_name),
        "display_name": text(who.display_name),
        "groups": {
            "presence": groups.presence.value,
            "count": len(groups.names),
            **({"names": list(groups.names)} if values else {}),
        },
        "attributes": _attributes(who.attributes, values=values),
        "authentication": {
            "instant": _iso(proof.instant),
            "acr": proof.acr,
            "amr": list(proof.amr),
            "session_until": _iso(proof.session_until),
        },
    }


def _attributes(told: Mapping[str, Sequence[str]], *, values: bool) -> dict[str, Any]:
    return {name: list(each) if values else len(each) for name, each in told.items()}


def _text(value: str) -> str:
    return f"{_HIDDEN}({len(value)})" if value else ""


def _address(email: str) -> str:
    """The domain is a matter of the connection, and of most questions that a record answers."""
    return f"{_HIDDEN}@{email.rpartition('@')[2]}" if email else ""


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
