"""Rates per address and connection, and whose address it is behind a proxy."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from federation.errors import TooManyRequests
from federation.web import rates
from federation.web.rates import client_address, forwarding, parse_rate

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)  # a window of one minute begins here
KEY = ("192.0.2.1", "okta")


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_the_next_one_over_the_rate_is_refused_and_told_when() -> None:
    rate = parse_rate("3/minute")
    for _ in range(3):
        rate.hit(KEY, NOW)
    with pytest.raises(TooManyRequests, match=r"^rate\.limited: ") as refusal:
        rate.hit(KEY, NOW)
    later = NOW + seconds(refusal.value.retry_after)
    rate.hit(KEY, later)


@pytest.mark.parametrize("tries", range(1, 8))
@pytest.mark.parametrize("late", [0, 1, 30, 59])
def test_whoever_waits_as_told_is_let_in(tries: int, late: int) -> None:
    rate, at = parse_rate("4/minute"), NOW + seconds(late)
    for _ in range(tries):
        try:
            rate.hit(KEY, at)
        except TooManyRequests as refusal:
            at += seconds(refusal.retry_after)
            rate.hit(KEY, at)


def test_a_burst_at_the_edge_of_a_window_gains_next_to_nothing() -> None:
    rate = parse_rate("10/minute")
    for _ in range(10):
        rate.hit(KEY, NOW + seconds(59))
    rate.hit(KEY, NOW + seconds(61))  # what has passed of the window before makes room for one
    with pytest.raises(TooManyRequests):
        rate.hit(KEY, NOW + seconds(61))


def test_keys_are_counted_apart() -> None:
    rate = parse_rate("1/minute")
    rate.hit(KEY, NOW)
    rate.hit(("192.0.2.2", "okta"), NOW)
    rate.hit(("192.0.2.1", "adfs"), NOW)
    with pytest.raises(TooManyRequests):
        rate.hit(KEY, NOW)


def test_asking_does_not_count_and_counting_does_not_refuse() -> None:
    rate = parse_rate("1/minute")
    for _ in range(3):
        rate.ask(KEY, NOW)
    rate.count(KEY, NOW)
    rate.count(KEY, NOW)
    with pytest.raises(TooManyRequests):
        rate.ask(KEY, NOW)


def test_off_never_refuses_and_keeps_nothing() -> None:
    rate = parse_rate("off")
    for _ in range(100):
        rate.hit(KEY, NOW)
    assert not rate._windows


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "KEYS", 10)
    rate = parse_rate("5/minute")
    for number in range(50):
        rate.hit((str(number),), NOW)
    assert len(rate._windows) == 10


@pytest.mark.parametrize("text", ["", "0/minute", "-1/minute", "300", "300/fortnight", "on", "false"])
def test_what_is_no_rate_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rate(text)


PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48"))
ADDRESSES = [
    # peer                 X-Forwarded-For                        key
    ("192.0.2.7",          [],                                    "192.0.2.7"),
    ("192.0.2.7",          ["198.51.100.1"],                      "192.0.2.7"),      # not our proxy: not read
    ("10.0.0.1",           ["198.51.100.1"],                      "198.51.100.1"),
    ("10.0.0.1",           ["203.0.113.9, 198.51.100.1"],         "198.51.100.1"),   # the left is hearsay
    ("10.0.0.1",           ["203.0.113.9", "198.51.100.1"],       "198.51.100.1"),   # two lines are one list
    ("10.0.0.1",           ["198.51.100.1, 10.2.2.2"],            "198.51.100.1"),
    ("10.0.0.1",           ["10.2.2.2"],                          "10.0.0.1"),
    ("10.0.0.1",           ["198.51.100.1, what"],                "10.0.0.1"),
    ("10.0.0.1",           ["198.51.100.1,"],                     "10.0.0.1"),
    ("10.0.0.1",           [],                                    "10.0.0.1"),
    ("10.0.0.1",           ["198.51.100.1:4711"],                 "198.51.100.1"),
    ("2001:db8:ffff::1",   ["[2001:db8:1:2:3::4]:443"],           "2001:db8:1:2::/64"),
    ("2001:db8:1:2:3::4",  [],                                    "2001:db8:1:2::/64"),
    ("::ffff:10.0.0.1",    ["198.51.100.1"],                      "198.51.100.1"),
    ("fe80::1%eth0",       [],                                    "fe80::/64"),
    ("10.0.0.1",           ["fe80::1%" + "a" * 5000],             "fe80::/64"),      # read, not remembered
    (None,                 ["198.51.100.1"],                      ""),
    ("testclient",         ["198.51.100.1"],                      ""),
]  # fmt: skip


@pytest.mark.parametrize(("peer", "forwarded", "key"), ADDRESSES)
def test_the_clients_address(peer: str | None, forwarded: list[str], key: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == key


@pytest.mark.parametrize(
    ("peer", "names", "seen"),
    [
        (
            "10.1.2.3",
            ["Host", "X-Forwarded-For", "x-forwarded-proto"],
            (["x-forwarded-for", "x-forwarded-proto"], True),
        ),
        ("192.0.2.7", ["x-forwarded-for"], (["x-forwarded-for"], False)),
        ("192.0.2.7", ["host", "forwarded"], (["forwarded"], False)),
        (None, ["host"], ([], False)),
    ],
)
def test_forwarding_tells_which_headers_arrived_and_no_address(
    peer: str | None, names: list[str], seen: tuple[list[str], bool]
) -> None:
    told = forwarding(peer, names, (ip_network("10.0.0.0/8"),))
    assert told == {"headers": seen[0], "trusted": seen[1]}
