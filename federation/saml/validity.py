"""How long metadata holds: ``validUntil`` and ``cacheDuration``, the earliest of every level.

SAML Metadata §2.3.1, §2.3.2. A time that cannot be read is no time to trust. Pure: the moment
to hold it against comes in.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from federation.errors import ConfigurationError
from federation.saml.xml import Element

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
# XML Schema §3.2.6; what begins with a minus lasts no time. Nine digits of years are no timedelta.
_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,6})D)?"
    r"(?:T(?=\d)(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?",
    re.ASCII,
)
_UNITS = (365 * 86400, 28 * 86400, 86400, 3600, 60, 1)  # seconds; years and months at their shortest


class Validity(NamedTuple):
    """Until when a document may be used, and after what time to ask for it again; None: not said."""

    valid_until: datetime | None = None
    refresh_after: timedelta | None = None


_UNBOUNDED = Validity()


def read(elements: Iterable[Element], *, within: Validity = _UNBOUNDED) -> Validity:
    """Return the earliest ``validUntil`` and the shortest ``cacheDuration`` of some elements.

    Args:
        elements: A role, its entity, and every EntitiesDescriptor around it.
        within: What already bounds them.

    Raises:
        ConfigurationError: ``saml.metadata_expired``, ``saml.metadata_cache_duration``.

    Source: SAML Metadata §2.3.1, §2.3.2, §2.4.1.
    """
    moments = [within.valid_until] if within.valid_until else []
    durations = [within.refresh_after] if within.refresh_after is not None else []
    for element in elements:
        if (written := element.get("validUntil")) is not None:
            moments.append(read_moment(written))
        if (written := element.get("cacheDuration")) is not None:
            durations.append(read_duration(written))
    return Validity(min(moments, default=None), min(durations, default=None))


def require(validity: Validity, now: datetime) -> None:
    """Hold a document's end against the time; the bound is exclusive.

    Raises:
        ConfigurationError: ``saml.metadata_expired``.
    """
    until = validity.valid_until
    if until is not None and now >= until:
        raise ConfigurationError(
            "saml.metadata_expired",
            f"the metadata was valid until {until.isoformat()}; fetch it again from the IdP",
        )


def read_moment(written: str) -> datetime:
    """Read an ``xs:dateTime`` that says its zone; fractions of a second are dropped.

    Raises:
        ConfigurationError: ``saml.metadata_expired``.
    """
    if match := _MOMENT.fullmatch(written.strip()):
        try:
            return datetime.fromisoformat(match[1] + match[2])
        except ValueError:
            pass
    raise ConfigurationError("saml.metadata_expired", "validUntil is not a time in UTC")


def read_duration(written: str) -> timedelta:
    """Read an ``xs:duration`` that is not negative; fractions of a second are dropped.

    Raises:
        ConfigurationError: ``saml.metadata_cache_duration``.
    """
    match = _DURATION.fullmatch(written.strip())
    if match is None:
        raise ConfigurationError(
            "saml.metadata_cache_duration", "cacheDuration is not a duration such as PT6H or P1D"
        )
    counted = zip(match.groups(default="0"), _UNITS, strict=True)
    return timedelta(seconds=sum(int(count) * unit for count, unit in counted))
