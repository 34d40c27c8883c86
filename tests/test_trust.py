"""Trust material by URL: a real HTTP server, real stores, two sources as two nodes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from loopback import serving
from lxml import etree
from publisher import ANOTHER, GOOD, KEY, KEY_ROLLED, MOVED, ROLLED, Publisher
from saml_peer import IDP, NOW, SECOND, peer, trusted

from federation.connection import SamlConnection
from federation.demo.saml_signing import SignatureKnobs, sign
from federation.errors import ConfigurationError, FederationError, ProviderUnavailable
from federation.fetch import Fetch
from federation.saml import validity
from federation.saml.xml import DS
from federation.store.store import Store
from federation.trust import published
from federation.trust.published import Outcome, Published

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
UNKNOWN: Any = "unknown_key"


def until(document: str, moment: datetime, duration: str = "") -> str:
    lasts = f' validUntil="{moment:%Y-%m-%dT%H:%M:%SZ}"' + (
        f' cacheDuration="{duration}"' if duration else ""
    )
    return document.replace("<md:EntityDescriptor", f"<md:EntityDescriptor{lasts}")


@contextlib.asynccontextmanager
async def publishing() -> AsyncIterator[tuple[Publisher, str]]:
    publisher = Publisher()
    async with serving() as site:
        site.app = publisher
        yield publisher, f"{site.url}/metadata"


class Nodes:
    """Sources of one connection, each as on a node of its own."""

    def __init__(self, store: Store, url: str, fetch: Fetch) -> None:
        self.store, self.url, self.fetch = store, url, fetch

    def node(self, name: str = "acme", **settings: Any) -> Published:
        source = {"url": self.url, **settings.pop("metadata", {})}
        told = {"protocol": "saml", "organization": "acme", "anyone": True, "metadata": source, **settings}
        connection = SamlConnection.model_validate(told).model_copy(update={"id": name})
        assert connection.metadata
        assert connection.metadata.url
        return Published(connection, connection.metadata.url, self.fetch, self.store, development=True)

    async def states(self, name: str | None = "acme") -> list[tuple[str, tuple[str, ...]]]:
        return [(one.state, one.changes) for one in await self.store.metadata_changes(name, 100)]


@pytest.fixture
async def provider() -> AsyncIterator[tuple[Publisher, str]]:
    async with publishing() as found:
        yield found


@pytest.fixture
def publisher(provider: tuple[Publisher, str]) -> Publisher:
    return provider[0]


@pytest.fixture
async def nodes(provider: tuple[Publisher, str], store: Store) -> AsyncIterator[Nodes]:
    fetch = Fetch(allow=(), proxy=None, development=True)
    yield Nodes(store, provider[1], fetch)
    await fetch.close()


def fingerprints(idp: Any) -> set[str]:
    return {key.fingerprint for key in idp.keys}


async def refused(source: Published, now: datetime) -> FederationError:
    with pytest.raises(FederationError) as caught:
        await source.get(now)
    return caught.value


async def test_what_is_published_is_fetched_once_and_kept(nodes: Nodes, publisher: Publisher) -> None:
    first, second = nodes.node(), nodes.node()
    assert (await first.get(NOW)).entity_id == IDP
    assert await first.get(NOW) is await first.get(NOW + DAY)
    assert (await second.get(NOW)).entity_id == IDP
    row = await nodes.store.find_metadata("acme")
    assert row is not None
    assert (row.source, row.document, row.fetched_at) == (nodes.url, GOOD, NOW)
    assert (len(publisher.asked), await nodes.states()) == (1, [])


async def test_a_start_needs_no_provider(nodes: Nodes, publisher: Publisher) -> None:
    await nodes.node().get(NOW)
    publisher.status = 500
    again = nodes.node()
    assert (await again.get(NOW + 30 * DAY)).entity_id == IDP
    assert len(publisher.asked) == 1


async def test_many_wait_for_one_fetch_and_share_what_came_of_it(nodes: Nodes, publisher: Publisher) -> None:
    publisher.status, publisher.wait = 500, asyncio.Event()
    source = nodes.node()
    # who comes while it hangs shares its end, however late they came
    asking = [asyncio.create_task(source.get(NOW + number * SECOND)) for number in range(20)]
    await publisher.reached.wait()
    publisher.wait.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert {one.code for one in answers if isinstance(one, ProviderUnavailable)} == {
        "saml.metadata_unavailable"
    }
    assert (len(answers), len(publisher.asked)) == (20, 1)
    # nor is it asked again at once, but it is asked again
    publisher.status = 200
    assert (await refused(source, NOW + 4 * SECOND)).code == "saml.metadata_unavailable"
    assert (await source.get(NOW + 5 * SECOND)).entity_id == IDP


UNUSABLE = [
    # what the provider's server does                        code
    ({"status": 404},                                        "saml.metadata_unavailable"),
    ({"status": 304},                                        "fetch.redirect"),
    ({"status": 302},                                        "fetch.redirect"),
    ({"document": b"<html/>"},                               "saml.metadata_unreadable"),
    ({"document": b"<!DOCTYPE x>" + GOOD.encode()},          "saml.metadata_unreadable"),
    ({"document": b"\xff\xfe"},                              "saml.metadata_unreadable"),
    ({"document": b""},                                      "saml.metadata_unreadable"),
    ({"document": GOOD.encode() + b" " * 1024 * 1024},       "fetch.too_large"),
    ({"document": until(GOOD, NOW).encode()},                "saml.metadata_expired"),
    ({"document": GOOD.replace("X509Cert", "X").encode()},   "saml.metadata_no_key"),
]  # fmt: skip


@pytest.mark.parametrize(("does", "code"), UNUSABLE)
async def test_what_cannot_be_used_is_not_kept(
    nodes: Nodes, publisher: Publisher, does: dict[str, Any], code: str
) -> None:
    for name, value in does.items():
        setattr(publisher, name, value)
    refusal = await refused(nodes.node(), NOW)
    assert (type(refusal), refusal.code) == (ProviderUnavailable, code)
    assert await nodes.store.find_metadata("acme") is None


@pytest.mark.parametrize(("does", "code"), UNUSABLE)
async def test_a_refresh_that_fails_keeps_what_is_known(
    nodes: Nodes, publisher: Publisher, does: dict[str, Any], code: str
) -> None:
    source = nodes.node()
    await source.get(NOW)
    before = await nodes.store.find_metadata("acme")
    for name, value in does.items():
        setattr(publisher, name, value)
    with pytest.raises(ProviderUnavailable) as caught:
        await source.refresh(NOW + DAY, because="schedule")
    # what expired at NOW is expired the day after as well
    assert caught.value.code == code
    assert (await source.get(NOW + DAY)).entity_id == IDP
    assert await nodes.store.find_metadata("acme") == before
    assert (await nodes.node().get(NOW + DAY)).entity_id == IDP


async def test_it_is_asked_again_when_it_is_due(nodes: Nodes, publisher: Publisher) -> None:
    source = nodes.node()
    await source.get(NOW)
    await source.refresh(NOW + DAY - HOUR, because="schedule")
    assert len(publisher.asked) == 1
    await source.refresh(NOW + DAY, because="schedule")
    assert len(publisher.asked) == 2
    await source.refresh(NOW + DAY + HOUR, because="schedule")
    assert len(publisher.asked) == 2


@pytest.mark.parametrize(
    ("valid_for", "duration", "after"),
    [
        (None, "", DAY),
        (None, "PT6H", 6 * HOUR),
        (None, "PT1S", HOUR),
        (None, "PT0S", HOUR),
        (None, "P30D", DAY),
        (3 * DAY, "", DAY),
        (3 * DAY, "PT2H", 2 * HOUR),
        (DAY, "", DAY),
        (DAY - SECOND, "", HOUR),
    ],
)
async def test_when_it_is_due(valid_for: timedelta | None, duration: str, after: timedelta) -> None:
    idp = replace(
        trusted(),
        valid_until=NOW + valid_for if valid_for else None,
        refresh_after=validity.read_duration(duration) if duration else None,
    )
    # whoever asks hourly may be five minutes early
    assert published.due_at(idp, NOW) == NOW + after - 5 * MINUTE


async def test_what_did_not_change_is_not_sent_again(nodes: Nodes, publisher: Publisher) -> None:
    publisher.etag = '"one"'
    source = nodes.node()
    first = await source.get(NOW)
    assert await source.fetch_now(NOW + DAY) == Outcome("same", ())
    assert publisher.asked[0].get(b"if-none-match") is None
    assert publisher.asked[1][b"if-none-match"] == b'"one"'
    row = await nodes.store.find_metadata("acme")
    assert row is not None
    assert (row.checked_at, row.fetched_at, row.etag) == (NOW + DAY, NOW, '"one"')
    assert await source.get(NOW + DAY) is first  # nothing was parsed
    publisher.publish(ROLLED, '"two"')
    assert (await source.fetch_now(NOW + 2 * DAY)).state == "taken"


async def test_a_last_modified_is_enough(nodes: Nodes, publisher: Publisher) -> None:
    publisher.modified = "Sat, 21 Nov 2026 12:00:00 GMT"
    source = nodes.node()
    await source.get(NOW)
    assert await source.fetch_now(NOW + DAY) == Outcome("same", ())
    assert publisher.asked[1][b"if-modified-since"] == b"Sat, 21 Nov 2026 12:00:00 GMT"


async def test_the_same_octets_without_an_etag_are_the_same(nodes: Nodes, publisher: Publisher) -> None:
    source = nodes.node()
    first = await source.get(NOW)
    assert await source.fetch_now(NOW + DAY) == Outcome("same", ())
    assert await source.get(NOW + DAY) is first


async def test_a_change_is_taken_recorded_and_told_to_every_node(nodes: Nodes, publisher: Publisher) -> None:
    first, second = nodes.node(), nodes.node()
    await first.get(NOW)
    await second.get(NOW)
    publisher.publish(ROLLED)
    outcome = await first.fetch_now(NOW + SECOND)
    assert (outcome.state, tuple(map(str, outcome.changes))) == ("taken", KEY_ROLLED)
    assert fingerprints(await first.get(NOW + SECOND)) == {ANOTHER}
    assert fingerprints(await second.get(NOW + 29 * SECOND)) == {KEY}
    assert fingerprints(await second.get(NOW + 30 * SECOND)) == {ANOTHER}
    assert await nodes.states() == [("taken", KEY_ROLLED)]
    assert len(publisher.asked) == 2


async def test_a_document_that_was_only_published_anew_is_no_change(
    nodes: Nodes, publisher: Publisher
) -> None:
    for changes in ("accept", "approve"):
        publisher.publish(until(GOOD, NOW + DAY))
        source = nodes.node(changes, metadata_changes=changes)
        await source.get(NOW)
        publisher.publish(until(GOOD, NOW + 2 * DAY))
        assert await source.fetch_now(NOW + HOUR) == Outcome("same", ())
        assert (await source.get(NOW + HOUR)).valid_until == NOW + 2 * DAY
        assert await nodes.states(changes) == []


async def test_two_nodes_that_fetch_at_one_moment_record_one_change(
    nodes: Nodes, publisher: Publisher
) -> None:
    both = nodes.node(), nodes.node()
    await asyncio.gather(*(one.get(NOW) for one in both))
    publisher.publish(ROLLED)
    await asyncio.gather(*(one.fetch_now(NOW + HOUR) for one in both))
    assert [fingerprints(await one.get(NOW + HOUR)) for one in both] == [{ANOTHER}] * 2
    assert await nodes.states() == [("taken", KEY_ROLLED)]


async def test_an_unknown_key_asks_once_a_minute_on_all_nodes(nodes: Nodes, publisher: Publisher) -> None:
    sources = [nodes.node() for _ in range(4)]
    for one in sources:
        await one.get(NOW)
    publisher.publish(ROLLED)
    later = NOW + HOUR
    for _ in range(5):
        await asyncio.gather(*(one.refresh(later, because=UNKNOWN) for one in sources))
    assert len(publisher.asked) == 2
    assert fingerprints(await sources[0].get(later + 30 * SECOND)) == {ANOTHER}
    await asyncio.gather(*(one.refresh(later + MINUTE - SECOND, because=UNKNOWN) for one in sources))
    assert len(publisher.asked) == 2
    await asyncio.gather(*(one.refresh(later + MINUTE, because=UNKNOWN) for one in sources))
    assert len(publisher.asked) == 3


async def test_a_key_that_was_just_approved_is_believed_at_once(nodes: Nodes, publisher: Publisher) -> None:
    """On the nodes that refused it while it waited, too: whoever approves it tries it next."""
    first, second = (nodes.node(metadata_changes="approve") for _ in range(2))
    publisher.publish(GOOD)
    for one in (first, second):
        await one.get(NOW)
    publisher.publish(ROLLED)
    for one in (first, second):
        assert fingerprints(await one.refresh(NOW + HOUR, because=UNKNOWN)) == {KEY}
    row = await nodes.store.find_metadata("acme")
    assert row
    assert await nodes.store.approve_metadata("acme", NOW + HOUR, digest=row.held_digest)
    for one in (first, second):
        assert fingerprints(await one.refresh(NOW + HOUR + SECOND, because=UNKNOWN)) == {ANOTHER}
    assert len(publisher.asked) == 2


async def test_an_unknown_key_where_nothing_is_known_asks_once(nodes: Nodes, publisher: Publisher) -> None:
    assert (await nodes.node().refresh(NOW, because=UNKNOWN)).entity_id == IDP
    assert len(publisher.asked) == 1


async def test_an_unknown_key_whose_provider_is_down_keeps_what_is_known(
    nodes: Nodes, publisher: Publisher
) -> None:
    source = nodes.node()
    known = await source.get(NOW)
    publisher.status = 500
    assert await source.refresh(NOW + HOUR, because=UNKNOWN) is known
    assert len(publisher.asked) == 2


async def test_a_schedule_that_fails_is_asked_again_by_one_node_a_minute(
    nodes: Nodes, publisher: Publisher
) -> None:
    both = nodes.node(), nodes.node()
    for one in both:
        await one.get(NOW)
    publisher.status = 500
    tries = (one.refresh(NOW + DAY, because="schedule") for one in both)
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert [isinstance(one, ProviderUnavailable) for one in answers].count(True) == 1
    assert len(publisher.asked) == 2
    with pytest.raises(ProviderUnavailable):
        await both[0].refresh(NOW + DAY + MINUTE, because="schedule")
    assert len(publisher.asked) == 3


async def test_what_is_known_holds_until_it_expires(nodes: Nodes, publisher: Publisher) -> None:
    end = NOW + 3 * DAY
    publisher.publish(until(GOOD, end))
    source = nodes.node()
    await source.get(NOW)
    publisher.status = 500
    assert (await source.get(end - SECOND)).entity_id == IDP
    assert len(publisher.asked) == 1
    refusal = await refused(source, end)
    assert (type(refusal), refusal.code) == (ProviderUnavailable, "saml.metadata_expired")
    assert len(publisher.asked) == 2  # it was asked, before it was refused
    for _ in range(5):
        assert (await refused(source, end + SECOND)).code == "saml.metadata_expired"
    assert len(publisher.asked) == 2
    assert (await refused(nodes.node(), end + SECOND)).code == "saml.metadata_expired"
    publisher.status = 200
    publisher.publish(until(GOOD, end + DAY))
    assert (await source.get(end + MINUTE)).valid_until == end + DAY


async def test_a_change_waits_for_approval(nodes: Nodes, publisher: Publisher) -> None:
    publisher.etag = '"one"'
    first, second = (nodes.node(metadata_changes="approve") for _ in range(2))
    assert fingerprints(await first.get(NOW)) == {KEY}  # the first document ever is taken
    publisher.publish(ROLLED, '"two"')
    outcome = await first.fetch_now(NOW + HOUR)
    assert (outcome.state, tuple(map(str, outcome.changes))) == ("held", KEY_ROLLED)
    assert fingerprints(await second.get(NOW + HOUR)) == {KEY}
    assert (await second.fetch_now(NOW + 2 * HOUR)).state == "held"
    assert await nodes.states() == [("held", KEY_ROLLED)]  # once
    row = await nodes.store.find_metadata("acme")
    assert row is not None
    assert (row.document, row.held_document, row.held_changes) == (GOOD, ROLLED, KEY_ROLLED)
    assert await nodes.store.approve_metadata("acme", NOW + 3 * HOUR, digest=row.held_digest)
    assert fingerprints(await first.get(NOW + 3 * HOUR)) == {ANOTHER}
    assert fingerprints(await second.get(NOW + 3 * HOUR)) == {ANOTHER}
    assert await second.fetch_now(NOW + 4 * HOUR) == Outcome("same", ())
    assert await nodes.states() == [("approved", KEY_ROLLED)]


async def test_what_was_rejected_is_not_held_again(nodes: Nodes, publisher: Publisher) -> None:
    source = nodes.node(metadata_changes="approve")
    await source.get(NOW)
    publisher.publish(ROLLED)
    await source.fetch_now(NOW + HOUR)
    row = await nodes.store.find_metadata("acme")
    assert row is not None
    assert await nodes.store.reject_metadata("acme", NOW + HOUR, digest=row.held_digest)
    assert (await source.fetch_now(NOW + 2 * HOUR)).state == "rejected"
    assert fingerprints(await source.get(NOW + 2 * HOUR)) == {KEY}
    assert await nodes.states() == [("rejected", KEY_ROLLED)]
    publisher.publish(MOVED)
    assert (await source.fetch_now(NOW + 3 * HOUR)).state == "held"
    # whoever accepts changes from now on gets what is published, rejected once or not
    publisher.publish(ROLLED)
    accepting = nodes.node(metadata_changes="accept")
    assert (await accepting.fetch_now(NOW + 4 * HOUR)).state == "taken"
    assert fingerprints(await accepting.get(NOW + 4 * HOUR)) == {ANOTHER}


async def test_what_waits_is_taken_once_changes_are_accepted(nodes: Nodes, publisher: Publisher) -> None:
    publisher.etag = '"one"'
    await nodes.node(metadata_changes="approve").get(NOW)
    publisher.publish(ROLLED, '"two"')
    await nodes.node(metadata_changes="approve").fetch_now(NOW + HOUR)
    accepting = nodes.node(metadata_changes="accept")
    assert (await accepting.fetch_now(NOW + 2 * HOUR)).state == "taken"
    assert fingerprints(await accepting.get(NOW + 2 * HOUR)) == {ANOTHER}


async def test_a_change_that_was_taken_back_waits_no_more(nodes: Nodes, publisher: Publisher) -> None:
    source = nodes.node(metadata_changes="approve")
    await source.get(NOW)
    publisher.publish(ROLLED)
    await source.fetch_now(NOW + HOUR)
    publisher.publish(GOOD)
    assert await source.fetch_now(NOW + 2 * HOUR) == Outcome("same", ())
    row = await nodes.store.find_metadata("acme")
    assert row is not None
    assert (row.held_document, row.fetched_at, row.checked_at) == ("", NOW, NOW + 2 * HOUR)
    assert await nodes.states() == [("replaced", KEY_ROLLED)]


async def test_an_expired_document_and_a_held_one_say_what_to_do(nodes: Nodes, publisher: Publisher) -> None:
    publisher.publish(until(GOOD, NOW + DAY))
    source = nodes.node(metadata_changes="approve")
    await source.get(NOW)
    publisher.publish(ROLLED)
    refusal = await refused(source, NOW + DAY)
    assert (type(refusal), refusal.code) == (ConfigurationError, "registry.metadata_held")
    assert "federation metadata approve acme" in refusal.detail
    assert (await refused(nodes.node(metadata_changes="approve"), NOW + DAY)).code == "registry.metadata_held"
    row = await nodes.store.find_metadata("acme")
    assert row is not None
    await nodes.store.approve_metadata("acme", NOW + DAY, digest=row.held_digest)
    assert fingerprints(await source.get(NOW + DAY + SECOND)) == {ANOTHER}


async def test_expiry_is_no_way_around_approval(nodes: Nodes, publisher: Publisher) -> None:
    publisher.publish(until(GOOD, NOW + DAY))
    await nodes.node(metadata_changes="approve").get(NOW)
    publisher.publish(MOVED)
    fresh = nodes.node(metadata_changes="approve")  # started when what is kept has expired
    assert (await refused(fresh, NOW + 2 * DAY)).code == "registry.metadata_held"
    assert (await nodes.states())[0][0] == "held"


async def test_another_url_is_the_operators_own_word(nodes: Nodes, publisher: Publisher) -> None:
    await nodes.node(metadata_changes="approve").get(NOW)
    publisher.publish(ROLLED)
    moved = nodes.node(metadata_changes="approve", metadata={"url": nodes.url + "?new"})
    assert fingerprints(await moved.get(NOW + SECOND)) == {ANOTHER}
    assert await nodes.states() == [("taken", KEY_ROLLED)]
    row = await nodes.store.find_metadata("acme")
    assert row is not None
    assert row.source == nodes.url + "?new"


async def test_what_these_settings_cannot_read_is_asked_for_anew(nodes: Nodes, publisher: Publisher) -> None:
    publisher.etag = '"one"'
    await nodes.node().get(NOW)
    pinned = {"certificates": [peer().key.text]}
    source = nodes.node(metadata=pinned, metadata_changes="approve")
    # what is kept is not signed: neither is it used, nor asked for on condition
    assert (await refused(source, NOW)).code == "saml.metadata_unsigned"
    assert b"if-none-match" not in publisher.asked[-1]
    root = etree.fromstring(GOOD)
    root.set("ID", "_signed")
    root.insert(0, etree.Element(DS + "Signature"))
    sign(root, peer().key, SignatureKnobs())
    publisher.publish(etree.tostring(root).decode())
    assert (await source.get(NOW + MINUTE)).entity_id == IDP


async def test_a_crash_between_fetch_and_keep_loses_a_minute(nodes: Nodes, publisher: Publisher) -> None:
    source = nodes.node()
    await source.get(NOW)
    publisher.publish(ROLLED)
    publisher.wait = asyncio.Event()
    task = asyncio.create_task(source.refresh(NOW + DAY, because="schedule"))
    await publisher.reached.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    publisher.wait.set()
    assert fingerprints(await source.get(NOW + DAY)) == {KEY}
    assert await nodes.states() == []
    other = nodes.node()
    await other.refresh(NOW + DAY + SECOND, because="schedule")
    assert fingerprints(await other.get(NOW + DAY + SECOND)) == {KEY}  # the minute is the crashed one's
    await other.refresh(NOW + DAY + MINUTE, because="schedule")
    assert fingerprints(await other.get(NOW + DAY + MINUTE)) == {ANOTHER}


async def test_a_hanging_provider_delays_nobody_who_knows_something(
    nodes: Nodes, publisher: Publisher
) -> None:
    source = nodes.node()
    known = await source.get(NOW)
    publisher.wait = asyncio.Event()
    task = asyncio.create_task(source.refresh(NOW + DAY, because="schedule"))
    await publisher.reached.wait()
    assert await source.get(NOW + DAY) is known
    publisher.wait.set()
    await task


async def test_another_connection_is_another_matter(nodes: Nodes, publisher: Publisher) -> None:
    ours, theirs = nodes.node(), nodes.node("other", metadata_changes="approve")
    await ours.get(NOW)
    await theirs.get(NOW)
    publisher.publish(ROLLED)
    await ours.fetch_now(NOW + SECOND)
    assert fingerprints(await ours.get(NOW + MINUTE)) == {ANOTHER}
    assert fingerprints(await theirs.get(NOW + MINUTE)) == {KEY}
    assert await nodes.states("other") == []
    await theirs.refresh(NOW + MINUTE, because=UNKNOWN)
    assert (await nodes.states("other"), (await nodes.states())[0][0]) == ([("held", KEY_ROLLED)], "taken")


async def test_a_large_document_is_read_too(nodes: Nodes, publisher: Publisher) -> None:
    publisher.publish(GOOD.replace("</md:EntityDescriptor>", " " * 100_000 + "</md:EntityDescriptor>"))
    assert (await nodes.node().get(NOW)).entity_id == IDP


async def test_a_clock_that_was_set_back_looks_again(nodes: Nodes, publisher: Publisher) -> None:
    source = nodes.node()
    await source.get(NOW + DAY)
    publisher.publish(ROLLED)
    await nodes.node().fetch_now(NOW)
    assert fingerprints(await source.get(NOW)) == {ANOTHER}


async def test_a_log_line_holds_no_word_of_the_provider(
    nodes: Nodes, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    source = nodes.node()
    await source.get(NOW)
    publisher.publish(MOVED)
    with caplog.at_level("INFO"):
        await source.fetch_now(NOW + HOUR)
    (line,) = [one for one in caplog.records if one.name.startswith("federation")]
    assert (line.message, line.__dict__["connection"]) == ("metadata changed", "acme")
    assert (line.__dict__["state"], line.__dict__["changes"]) == ("taken", "sso_post_url, sso_redirect_url")
    assert "moved" not in str(line.__dict__)
