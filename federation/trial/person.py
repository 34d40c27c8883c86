"""Who the person would be, and what a session of theirs would carry. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from federation import attributes
from federation.connection import AnyConnection
from federation.decision import Outcome, Standing
from federation.errors import ProofNeeded
from federation.identity import Identity, Presence, VerifiedAssertion
from federation.store.trials_store import Probed
from federation.trial.report import Claim, Field, Found, Given

_FIELDS: Final = ("email", "given_name", "family_name", "display_name")


def claims(verified: VerifiedAssertion, connection: AnyConnection) -> tuple[Claim, ...]:
    """Return what the provider sent, and which field each became."""
    becomes: dict[str, list[str]] = {}
    for ours, theirs in attributes.sources(verified, connection.attributes).items():
        becomes.setdefault(theirs, []).append(ours)
    return tuple(
        Claim(name=name, values=values, becomes=tuple(becomes.get(name, ())))
        for name, values in sorted(verified.attributes.items())
    )


def subject(verified: VerifiedAssertion) -> tuple[Field, ...]:
    """Return what keys the person, part by part."""
    key = verified.subject
    told = {
        "issuer": key.issuer,
        "format": key.format,
        "name_qualifier": key.name_qualifier,
        "sp_name_qualifier": key.sp_name_qualifier,
        "value": key.value,
    }
    return tuple(Field(name=name, values=(value,)) for name, value in told.items() if value)


def identity(verified: VerifiedAssertion, who: Identity, connection: AnyConnection) -> tuple[Field, ...]:
    """Return each field with where it came from; one that was not sent is empty."""
    found = attributes.sources(verified, connection.attributes)
    if verified.subject_email and "email" not in connection.attributes:
        found["email"] = "NameID"
    told: list[Field] = []
    for name in _FIELDS:
        value = getattr(who, name)
        source = found.get(name, "")
        told.append(Field(name=name, values=(value,) if value else (), source=source if value else ""))
    if who.email_verified is not None:
        told.append(Field(name="email_verified", values=("true" if who.email_verified else "false",)))
    told.append(
        Field(
            name="groups",
            values=who.groups.names,
            source=found.get("groups", ""),
            unobtainable=who.groups.presence is Presence.UNOBTAINABLE,
        )
    )
    return tuple(told)


def outcome(probed: Probed) -> Mapping[str, Any]:
    """Return how the person would be found, and what they would be given: fields of a report."""
    found: Found = "refused"
    if probed.link is not None:
        found = probed.link.how
    elif isinstance(probed.refusal, ProofNeeded):
        found = "ask_proof"
    told: dict[str, Any] = {"found": found, "user": probed.link.user_id if probed.link else ""}
    if probed.outcome is None or probed.standing is None:
        return told
    roles = tuple(Given(name=one.role, source=one.source, why=one.why) for one in probed.outcome.grants)
    return told | {"roles": roles, "teams": _teams(probed.standing, probed.outcome)}


def _teams(stood: Standing, came: Outcome) -> tuple[Given, ...]:
    left = {(one.key, one.source) for one in came.leave}
    members = [one for one in stood.members if (one.key, one.source) not in left]
    return tuple(
        Given(name=one.key, source=one.source, why=one.why)
        for one in sorted({*members, *came.join}, key=lambda one: (one.key, one.source))
        if one.key in came.teams
    )
