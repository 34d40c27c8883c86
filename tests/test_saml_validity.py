"""validUntil and cacheDuration, strictly: a time that cannot be read is no time to trust."""

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from federation.errors import ConfigurationError
from federation.saml import validity
from federation.saml.validity import Validity

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-21T12:00:00Z", NOW),
        (" 2026-11-21T12:00:00Z\n", NOW),
        ("2026-11-21T12:00:00.999999999Z", NOW),
        ("2026-11-21T14:00:00+02:00", NOW),
        ("2026-11-21T12:00:00-00:00", NOW),
    ],
)
def test_a_moment_is_read(written: str, moment: datetime) -> None:
    assert validity.read_moment(written) == moment


@pytest.mark.parametrize(
    "written",
    [
        "", "soon", "2026-11-21", "2026-11-21T12:00:00", "2026-11-21 12:00:00Z", "20261121T120000Z",
        "2026-11-21T12:00Z", "2026-W47-6T12:00:00Z", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
        "2026-11-21T24:00:00Z", "2026-11-21T12:00:60Z", "2026-11-21T12:00:00+0200", "2026-11-21T12:00:00z",
        "-2026-11-21T12:00:00Z", "12026-11-21T12:00:00Z", "2026-11-21T12:00:00.Z", "٢٠٢٦-11-21T12:00:00Z",
        "2026-11-21T12:00:00Z 2036-11-21T12:00:00Z", "9999-99-99T99:99:99Z", "2026-11-21T12:00:00+24:00",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^saml\.metadata_expired: "):
        validity.read_moment(written)


@pytest.mark.parametrize(
    ("written", "duration"),
    [
        ("PT6H", 6 * HOUR),
        ("PT604800S", timedelta(days=7)),
        ("P1D", timedelta(days=1)),
        ("P1DT1H1M1S", timedelta(days=1, hours=1, minutes=1, seconds=1)),
        ("P1Y2M", timedelta(days=365 + 56)),
        ("PT0S", timedelta(0)),
        ("PT1.9S", SECOND),
        (" PT1S ", SECOND),
        ("P999Y9999M999999DT9999999H99999999M999999999S", None),
    ],
)
def test_a_duration_is_read(written: str, duration: timedelta | None) -> None:
    read = validity.read_duration(written)
    assert duration is None or read == duration


@pytest.mark.parametrize(
    "written",
    [
        "", "P", "PT", "P1DT", "-PT1H", "+PT1H", "PT-1H", "1D", "PT1", "P1H", "PT1D", "PT1H1H", "PT1M1H",
        "P1W", "pt1h", "PT1h", "PT1,5S", "PT.5S", "PT1.S", "PT1.5H", "P1D T1H", "6 hours", "PT٦H", "PT1e3S",
        "PT9999999999S", "P99999999999999999999Y", "PT1H\x00",
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^saml\.metadata_cache_duration: "):
        validity.read_duration(written)


def test_the_earliest_and_the_shortest_win() -> None:
    first = etree.fromstring('<a validUntil="2026-11-21T13:00:00Z" cacheDuration="PT2H"/>')
    second = etree.fromstring('<a validUntil="2026-11-21T14:00:00Z" cacheDuration="PT1H"/>')
    assert validity.read([first, second, etree.fromstring("<a/>")]) == Validity(NOW + HOUR, HOUR)
    assert validity.read([second], within=Validity(NOW, timedelta(0))) == Validity(NOW, timedelta(0))
    assert validity.read([]) == Validity(None, None)


@pytest.mark.parametrize(
    ("until", "holds"), [(NOW + SECOND, True), (NOW, False), (NOW - SECOND, False), (None, True)]
)
def test_the_end_is_exclusive(until: datetime | None, holds: bool) -> None:  # noqa: FBT001
    if holds:
        validity.require(Validity(until), NOW)
        return
    with pytest.raises(ConfigurationError, match=r"^saml\.metadata_expired: "):
        validity.require(Validity(until), NOW)
