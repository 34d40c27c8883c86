"""What is asked of trust material, wherever it comes from: who they are, where, with what keys."""

from datetime import datetime, timedelta
from typing import Literal, Protocol

from federation.errors import AssertionRefused
from federation.saml.metadata import IdentityProvider

ASK_AFTER = timedelta(minutes=1)  # an unknown key, or a failure, asks again

Because = Literal["schedule", "unknown_key"]


class Source(Protocol):
    """One connection's trust material."""

    @property
    def at_hand(self) -> IdentityProvider | None:
        """What this worker last read, to be looked at: it decides nothing. None: nothing yet."""

    async def get(self, now: datetime) -> IdentityProvider:
        """Return what is in force.

        Raises:
            ProviderUnavailable: It could not be had, or ``saml.metadata_expired``.
            ConfigurationError: ``registry.metadata_held``, ``registry.metadata_file``; ``saml.*``
                of a document in the settings.
        """

    async def refresh(self, now: datetime, *, because: Because) -> IdentityProvider:
        """Ask for it again, where it is time to, and return what is in force then.

        Args:
            now: UTC, aware.
            because: ``schedule``: called hourly, it may be due. ``unknown_key``: a message was
                signed by a key that is not known; asked for once a minute, and what fails then
                is logged alone.

        Raises:
            ProviderUnavailable: It could not be had; what is known stays in force.
            ConfigurationError: As ``get``.
        """


async def renew_after(
    refusal: AssertionRefused, idp: IdentityProvider, source: Source, now: datetime
) -> IdentityProvider:
    """Return trust material with other keys, where a message was signed by none that we knew.

    Raises:
        AssertionRefused: The refusal itself: it says something else, or no other key came.
        ProviderUnavailable: As ``Source.refresh``.
        ConfigurationError: As ``Source.refresh``.
    """
    if refusal.code == "saml.signature":
        renewed = await source.refresh(now, because="unknown_key")
        if renewed.keys != idp.keys:
            return renewed
    raise refusal


def within(span: timedelta, moment: datetime | None, now: datetime) -> bool:
    """Tell whether a moment is near; a clock that was set back makes none near for long."""
    return moment is not None and abs(now - moment) < span
