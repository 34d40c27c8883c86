"""One thing that `federation doctor` looked at, and how it is to be taken."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

EXPIRES_SOON: Final = timedelta(days=30)


class State(Enum):
    """How a finding is to be taken; FAILED alone makes ``doctor`` exit with 1."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at; ``mend`` says what to do where it is not in order."""

    topic: str
    state: State
    said: str
    mend: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self) | {"state": self.state.value}


def ok(topic: str, said: str) -> Finding:
    """Return what is in order."""
    return Finding(topic=topic, state=State.OK, said=said)


def note(topic: str, said: str) -> Finding:
    """Return what is worth knowing."""
    return Finding(topic=topic, state=State.NOTE, said=said)


def warning(topic: str, said: str, mend: str) -> Finding:
    """Return what works now and may not for long."""
    return Finding(topic=topic, state=State.WARNING, said=said, mend=mend)


def failed(topic: str, said: str, mend: str = "") -> Finding:
    """Return what does not work."""
    return Finding(topic=topic, state=State.FAILED, said=said, mend=mend)


def expiry(topic: str, not_after: datetime, now: datetime, mend: str, *, what: str = "") -> Finding:
    """Certificate dates never decide a sign-in here; some providers hold ours against the clock."""
    day, what = f"{not_after:%Y-%m-%d}", f"{what} " if what else ""
    if not_after <= now:
        return warning(topic, f"{what}expired on {day}", mend)
    if not_after - now < EXPIRES_SOON:
        return warning(topic, f"{what}expires on {day}, in {(not_after - now).days} days", mend)
    return ok(topic, f"{what}valid until {day}")
