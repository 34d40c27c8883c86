"""What is kept of an attempt: every check, who it was, and what came of it, cut to fit a record.

One JSON object with a version; the records of before were a list of checks and are read still.
What does not fit is deflated first, because that loses nothing; then attributes go, then groups,
and the record says so: an identity that was cut is never taken for a whole one. Pure. Encryption
is the vault's, keeping the store's; see ``signin`` for when, ``redaction`` for what is shown.
"""

import base64
import json
import secrets
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from federation.decision import Settled, TeamMember
from federation.errors import Check, ConfigurationError
from federation.identity import Authentication, Grant, Groups, Identity, Presence, Subject
from federation.store.values import RECORD_OCTETS

VERSION: Final = 2  # 1 was a list of checks
_PLAIN_OCTETS: Final = RECORD_OCTETS * 3 // 4 - 256  # the envelope is base64, with a key id, nonce and tag
_SQUEEZED_OCTETS: Final = 64 * 1024  # what is larger is cut before it is deflated, which takes its time
_SAID: Final = 500  # characters of what a check says
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a record says, opened. Of a refusal there is no outcome; of an old record only checks."""

    checks: tuple[Check, ...]
    who: Identity | None = field(default=None, repr=False)  # without tokens, ids and session of its provider
    cut: tuple[str, ...] = ()  # what did not fit: "attributes", "groups", "teams", "identity", "checks"
    how: str = ""  # how they were found: ``decision.How``
    user: str = ""
    grants: tuple[tuple[Grant, ...], tuple[Grant, ...]] = field(default=((), ()), repr=False)  # before, after
    teams: tuple[tuple[TeamMember, ...], tuple[TeamMember, ...]] = field(default=((), ()), repr=False)
    session: str = ""


def mint_reference() -> str:
    """Return ten base32 characters (50 bits): short enough to read over the telephone."""
    return base64.b32encode(secrets.token_bytes(7)).decode()[:10]


def encode(checks: Sequence[Check], who: Identity | None, settled: Settled | None) -> bytes:
    """Return a record's content, so that it fits once encrypted.

    Args:
        checks: Every rule asked.
        who: As normalized; None where that was refused.
        settled: What came of the decision; None of a refusal.
    """
    told = _identity(who) | _outcome(settled)
    listed = _list_checks(checks)
    whole = _join(listed, told)
    return whole if len(whole) <= _PLAIN_OCTETS else _fit(listed, told)


def _list_checks(checks: Sequence[Check]) -> list[str]:
    return [
        _held(check.code) if check.said is None else _encode([check.code, check.said[:_SAID]])
        for check in checks
    ]


@lru_cache(maxsize=512)
def _held(code: str) -> str:
    """Return a check that held. A sign-in has some sixty of them."""
    return _encode([code, None])


def _join(listed: Sequence[str], told: Mapping[str, Any]) -> bytes:
    further = _encode(told)[1:] if told else "}"
    return f'{{"v":{VERSION},"checks":[{",".join(listed)}]{"," if told else ""}{further}'.encode()


def _identity(who: Identity | None) -> dict[str, Any]:
    if who is None:
        return {}
    subject, proof = who.subject, who.authentication
    return {
        "subject": [
            subject.issuer,
            subject.value,
            subject.format,
            subject.name_qualifier,
            subject.sp_name_qualifier,
        ],
        "place": [who.connection, who.organization],
        "email": [who.email, who.email_verified],
        "names": [who.given_name, who.family_name, who.display_name],
        "groups": [who.groups.presence.value, who.groups.names],
        "attributes": dict(who.attributes),
        "authentication": [_iso(proof.instant), proof.acr, proof.amr, _iso(proof.session_until)],
    }


def _outcome(settled: Settled | None) -> dict[str, Any]:
    if settled is None:
        return {}
    stood, outcome = settled.standing, settled.outcome
    before = [(one.key, one.source, one.why) for one in stood.members]
    gone = {(one.key, one.source) for one in outcome.leave}
    after = [one for one in before if one[:2] not in gone]
    after += [(one.key, one.source, one.why) for one in outcome.join]
    return {
        "found": [stood.how, stood.user_id],
        "grants": _both(_grants(stood.grants), _grants(outcome.grants)),
        "teams": _both(before, after),
        "session": settled.session_id,
    }


def _grants(grants: Sequence[Grant]) -> list[tuple[str, str, str]]:
    return [(grant.role, grant.source, grant.why) for grant in grants]


def _both(before: list[Any], after: list[Any]) -> list[Any]:
    """Return before and after; once, where nothing changed."""
    return [before] if before == after else [before, after]


def _fit(listed: list[str], told: dict[str, Any]) -> bytes:
    """Deflate, then cut, until it fits."""
    cut: list[str] = []
    left = dict(told)
    for part in ("", "attributes", "groups", "teams"):
        if part and part in left:
            cut.append(part)
            left[part] = _EMPTIED[part](left[part])
        said = [*listed, _told_cut(cut)] if cut else listed
        whole = _join(said, left | ({"cut": cut} if cut else {}))
        if len(whole) <= _PLAIN_OCTETS:
            return whole
        if len(whole) <= _SQUEEZED_OCTETS and len(squeezed := zlib.compress(whole, 1)) <= _PLAIN_OCTETS:
            return squeezed
    # Whatever is still too long is nobody's name or number of roles: the checks are worth more.
    cut = [*cut, *(["identity"] if told else []), "checks"]
    return _cut_checks(listed, cut)


_EMPTIED: Final[Mapping[str, Any]] = {
    "attributes": lambda _: {},
    "groups": lambda told: [told[0], []],
    "teams": lambda _: [[]],
}


def _told_cut(cut: Sequence[str]) -> str:
    return _encode(["record.cut", f"the record was full: {', '.join(cut)}"])


def _cut_checks(listed: Sequence[str], cut: Sequence[str]) -> bytes:
    """Return as many whole checks as fit, and say that it is not all of them."""
    last = _told_cut(cut)
    frame = _join([last], {"cut": cut})
    kept: list[str] = []
    left = _PLAIN_OCTETS - len(frame)
    for text in listed:  # ASCII: characters are octets
        left -= len(text) + 1
        if left < 0:
            break
        kept.append(text)
    return _join([*kept, last], {"cut": cut})


def read(encoded: bytes) -> Kept:
    """Read what ``encode`` wrote, or an older release.

    Raises:
        ConfigurationError: ``explain.version``: a newer release wrote it.
    """
    if not encoded.startswith((b"[", b"{")):
        encoded = zlib.decompressobj().decompress(encoded, _SQUEEZED_OCTETS)
    told = json.loads(encoded)
    if isinstance(told, list):
        return Kept(checks=_read_checks(told))
    if told["v"] != VERSION:
        raise ConfigurationError(
            "explain.version", f"the record is of version {told['v']}; this release reads up to {VERSION}"
        )
    how, user = told.get("found", ("", ""))
    return Kept(
        checks=_read_checks(told["checks"]),
        who=_read_identity(told) if "subject" in told else None,
        cut=tuple(told.get("cut", ())),
        how=how,
        user=user,
        grants=_read_both(told.get("grants"), Grant),
        teams=_read_both(told.get("teams"), TeamMember),
        session=told.get("session", ""),
    )


def _read_checks(told: Sequence[Sequence[str]]) -> tuple[Check, ...]:
    return tuple(Check(code, said) for code, said in told)


def _read_both(told: Sequence[Any] | None, kind: Any) -> Any:
    if not told:
        return (), ()
    before, after = (tuple(kind(*one) for one in each) for each in (told[0], told[-1]))
    return before, after


def _read_identity(told: Mapping[str, Any]) -> Identity:
    issuer, value, kind, name_qualifier, sp_name_qualifier = told["subject"]
    connection, organization = told["place"]
    email, email_verified = told["email"]
    given_name, family_name, display_name = told["names"]
    presence, names = told["groups"]
    instant, acr, amr, until = told["authentication"]
    return Identity(
        subject=Subject(
            issuer=issuer,
            value=value,
            format=kind,
            name_qualifier=name_qualifier,
            sp_name_qualifier=sp_name_qualifier,
        ),
        connection=connection,
        organization=organization,
        email=email,
        email_verified=email_verified,
        given_name=given_name,
        family_name=family_name,
        display_name=display_name,
        groups=Groups(Presence(presence), tuple(names)),
        attributes={name: tuple(values) for name, values in told["attributes"].items()},
        authentication=Authentication(
            instant=_moment(instant), acr=acr, amr=tuple(amr), session_until=_moment(until)
        ),
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)
