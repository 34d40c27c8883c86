"""The profile: what an account keeps of what its identity provider says of the person. Pure.

The e-mail address follows the subject, unless another user has the new one. Names are the
person's own to correct, so that a provider fills in what is missing (``when_empty``), unless
its word is to count every time (``always``), or only the first (``never``).
"""

from dataclasses import replace

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
    kept = _with_address(who, standing, trusted=trusted)
    names = {name: getattr(who, name) for name in _NAMES}
    if connection.profile_update == "never" and any(getattr(kept, name) for name in _NAMES):
        return kept
    if connection.profile_update == "when_empty":
        names = {name: getattr(kept, name) or told for name, told in names.items()}
    return replace(kept, **{name: told for name, told in names.items() if told})


def _with_address(who: Identity, standing: Standing, *, trusted: bool) -> Profile:
    kept = standing.profile
    if not who.email or standing.address_taken:
        return kept
    if who.email.lower() == kept.email.lower():  # written another way it is the same
        return replace(kept, email_proven=trusted)
    return replace(kept, email=who.email, email_proven=trusted)
