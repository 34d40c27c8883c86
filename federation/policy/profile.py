"""The profile: what an account keeps of what its identity provider says of the person. Pure.

The e-mail address follows the subject, unless another user has the new one. Names are the
person's own to correct, so that a provider fills in what is missing (``when_empty``), unless
its word is to count every time (``always``), or only the first (``never``).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from federation.connection import AnyConnection
from federation.decision import Profile, Standing
from federation.identity import Identity

_NAMES = ("given_name", "family_name", "display_name")


def settle(who: Identity, connection: AnyConnection, standing: Standing, *, trusted: bool) -> Profile:
    """Return the profile as it is from now on; what was not sent never empties anything.

    Args:
        who: Who signs in.
        connection: Through which.
        standing: What is so; a new account's profile is what was told first.
        trusted: The address is theirs by the connection's word.
    """
    kept = standing.profile
    other = {**_address(who, standing, trusted=trusted), **_names(who, connection, kept)}
    if standing.described is not None:
        other |= _described(standing.described, who, standing, trusted=trusted)
    return replace(kept, **other) if other else kept


def _described(said: Profile, who: Identity, standing: Standing, *, trusted: bool) -> Mapping[str, Any]:
    """Return what a directory says of them: every time, and whatever the sign-in says."""
    kept = standing.profile
    told: dict[str, Any] = {name: value for name in _NAMES if (value := getattr(said, name))}
    if said.email:
        same = said.email.lower() == kept.email.lower()
        by_sign_in = said.email.lower() == who.email.lower()
        told["email"] = kept.email if same or standing.address_taken else said.email
        told["email_proven"] = trusted if by_sign_in else kept.email_proven and same
        if standing.address_taken:
            told["email_proven"] = kept.email_proven
    return told


def _address(who: Identity, standing: Standing, *, trusted: bool) -> Mapping[str, Any]:
    kept = standing.profile
    if not who.email or standing.address_taken:
        return {}
    if who.email.lower() == kept.email.lower():  # written another way it is the same
        return {} if kept.email_proven == trusted else {"email_proven": trusted}
    return {"email": who.email, "email_proven": trusted}


def _names(who: Identity, connection: AnyConnection, kept: Profile) -> Mapping[str, Any]:
    """Return the names that are other ones from now on."""
    told = (who.given_name, who.family_name, who.display_name)
    stand = (kept.given_name, kept.family_name, kept.display_name)
    if told == stand or (connection.profile_update == "never" and any(stand)):
        return {}
    fills = connection.profile_update == "when_empty"
    return {
        name: new
        for name, new, old in zip(_NAMES, told, stand, strict=True)
        if new and new != old and not (fills and old)
    }
