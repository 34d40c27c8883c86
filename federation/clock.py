"""The only reader of the clock. Imported by the shell, never by a pure room."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """Return the time, UTC and aware."""
    return datetime.now(UTC)
