"""What deeds refuse beyond what other rooms do: a body with faults, a number that has moved on."""

from collections.abc import Iterable
from typing import Final

from federation.errors import FederationError
from federation.faults import Fault

_TOLD: Final = 50  # faults of one body


class BodyRefused(FederationError):
    """What was sent breaks rules, each named at its place."""

    status = 422
    public = "Some of what you entered cannot be used. Each place says what is expected there."
    mended_by = "whoever sent it: every fault stands at its place"

    def __init__(self, code: str, detail: str, *, faults: Iterable[Fault]) -> None:
        """Name every fault: its place, and what was expected there; never the value of a secret."""
        super().__init__(code, detail)
        self.faults = tuple(dict.fromkeys(faults))[:_TOLD]


class ChangedMeanwhile(FederationError):
    """Somebody else changed it after it was read."""

    status = 409
    public = "Somebody else changed this in the meantime. Look at it again, then repeat your change."
    mended_by = "whoever sent it: read it again, and repeat the change"
