"""What somebody should look at: each concern has a case, by its code; doctor and the log say it."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stair
from publisher import GOOD, KEY_ROLLED, ROLLED
from saml_peer import NOW, SECOND, trusted

from federation import settings
from federation.connection import SamlConnection
from federation.operator import doctor_connections
from federation.operator.finding import State
from federation.saml.metadata import IdentityProvider
from federation.store.metadata_values import Metadata
from federation.store.store import Store, open_store
from federation.trust import reading, watch
from federation.upkeep import upkeep

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TODAY = NOW.date()
URL = "https://idp.example/metadata.xml"


def connection(*exceptions: dict[str, Any], **other: Any) -> SamlConnection:
    told: dict[str, Any] = {
        "protocol": "saml",
        "organization": "acme",
        "anyone": True,
        "metadata": {"url": URL},
    }
    return SamlConnection.model_validate(told | {"exceptions": exceptions} | other).model_copy(
        update={"id": "acme"}
    )


def exception(until: date, **other: Any) -> dict[str, Any]:
    return {"allow": "sha1", "reason": "their appliance", "until": until, **other}


def row(document: str = GOOD, **other: Any) -> Metadata:
    values: dict[str, Any] = {
        "connection": "acme",
        "source": URL,
        "document": document,
        "digest": reading.digest(document.encode()),
        "fetched_at": NOW,
        "checked_at": NOW,
    }
    return Metadata(**values | other)


def idp(*, key_ends: datetime = NOW + 365 * DAY, until: datetime | None = None) -> IdentityProvider:
    (key,) = trusted().keys
    return replace(trusted(), keys=(replace(key, not_after=key_ends),), valid_until=until)


# what is looked at → the codes that are said, red ones with an exclamation mark
EXCEPTIONS: list[tuple[dict[str, Any], list[str]]] = [
    (exception(TODAY + 30 * DAY), []),
    (exception(TODAY + 29 * DAY), ["watch.exception_ends"]),
    (exception(TODAY), ["watch.exception_ends"]),
    (exception(TODAY - DAY), ["watch.exception_ended!"]),
    (exception(TODAY - DAY, enforce_end=True), ["watch.exception_ended!"]),
]
CERTIFICATES = [
    (NOW + 30 * DAY, []),
    (NOW + 30 * DAY - SECOND, ["watch.certificate_expires"]),
    (NOW + SECOND, ["watch.certificate_expires"]),
    (NOW, ["watch.certificate_expired"]),
    (NOW - 365 * DAY, ["watch.certificate_expired"]),
]
METADATA: list[tuple[dict[str, Any], datetime | None, Metadata | None, list[str]]] = [
    ({}, None, row(), []),
    ({}, None, None, []),
    ({}, NOW, row(), ["watch.metadata_expired!"]),
    ({}, NOW + SECOND, row(), []),  # it is asked hourly by then
    ({}, None, row(checked_at=NOW - DAY - 2 * HOUR), []),
    ({}, None, row(checked_at=NOW - DAY - 4 * HOUR), ["watch.metadata_overdue"]),
    ({}, NOW + HOUR, row(checked_at=NOW - 5 * HOUR), ["watch.metadata_overdue"]),
    ({}, None, row(held_document=ROLLED, held_digest="b", held_at=NOW), ["watch.metadata_held"]),
    ({"metadata": {"xml": GOOD}}, NOW + 30 * DAY, None, []),
    ({"metadata": {"xml": GOOD}}, NOW + 29 * DAY, None, ["watch.metadata_expires"]),
    ({"metadata": {"xml": GOOD}}, NOW, None, ["watch.metadata_expired!"]),
]  # fmt: skip


def codes(concerns: Any) -> list[str]:
    return [one.code + "!" * one.red for one in concerns]


@pytest.mark.parametrize(("told", "said"), EXCEPTIONS)
def test_exceptions(told: dict[str, Any], said: list[str]) -> None:
    found = tuple(watch.exceptions(connection(told), NOW))
    assert codes(found) == said
    assert all("their appliance" in one.said for one in found)


@pytest.mark.parametrize(("ends", "said"), CERTIFICATES)
def test_certificates_warn_and_never_decide(ends: datetime, said: list[str]) -> None:
    assert codes(watch.certificates(idp(key_ends=ends), NOW)) == said


@pytest.mark.parametrize(("settings", "until", "kept", "said"), METADATA)
def test_metadata(
    settings: dict[str, Any], until: datetime | None, kept: Metadata | None, said: list[str]
) -> None:
    assert codes(watch.metadata(connection(**settings), idp(until=until), kept, NOW)) == said


def test_every_code_that_doctor_takes_has_a_case() -> None:
    tried = {
        code for said in ([one[-1] for one in EXCEPTIONS] + [one[-1] for one in METADATA]) for code in said
    }
    assert {one.rstrip("!") for one in tried} == watch.KEPT


async def test_one_look_sees_it_all(store: Store) -> None:
    one = connection(exception(TODAY - DAY), metadata_changes="approve")
    assert codes(await watch.look(one, store, development=False, now=NOW)) == ["watch.exception_ended!"]
    await store.keep_metadata(row(), (), NOW, previous="")
    held = row(ROLLED)
    await store.hold_metadata(held, KEY_ROLLED, NOW, previous=row().digest)
    # the development provider's certificate ends within years: the moment is far, everything is overdue
    later = NOW + 4000 * DAY
    seen = await watch.look(one, store, development=False, now=later)
    assert codes(seen) == [
        "watch.exception_ended!", "watch.certificate_expired",
        "watch.metadata_overdue", "watch.metadata_held",
    ]  # fmt: skip
    assert KEY_ROLLED[0] in seen[-1].said


async def test_what_cannot_be_read_is_said(store: Store, tmp_path: Path) -> None:
    one = connection(metadata={"file": tmp_path / "absent.xml"})
    assert codes(await watch.look(one, store, development=False, now=NOW)) == ["registry.metadata_file!"]
    await store.keep_metadata(row(), (), NOW, previous="")
    other = connection(entity_id="https://other.example")
    assert codes(await watch.look(other, store, development=False, now=NOW)) == ["saml.metadata_entity!"]


async def test_the_log_has_codes_and_nothing_else(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    one = connection(exception(TODAY - DAY))
    await store.keep_metadata(row(checked_at=NOW - 3 * DAY), (), NOW, previous="")
    job = upkeep.watch_job(store, lambda: [one], own_ends=[NOW + 29 * DAY], development=False)
    assert job.every == DAY
    with caplog.at_level("INFO"):
        assert await upkeep.run_once(job, store, "node", NOW)
        assert not await upkeep.run_once(job, store, "another", NOW)  # one node does it
    lines = [(one.message, one.__dict__.get("connection"), one.__dict__["code"]) for one in caplog.records]
    assert lines == [
        ("to be looked at", None, "watch.own_certificate"),
        ("to be looked at", "acme", "watch.exception_ended"),
        ("to be looked at", "acme", "watch.metadata_overdue"),
    ]
    assert "appliance" not in caplog.text
    assert "idp.example" not in caplog.text


async def test_nothing_to_look_at_is_no_line(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    job = upkeep.watch_job(store, lambda: [connection()], own_ends=[NOW + 30 * DAY], development=False)
    with caplog.at_level("INFO"):
        await job.work(NOW)
    assert caplog.records == []


async def test_doctor_shows_it(tmp_path: Path) -> None:
    ended = {
        "exceptions": [exception(TODAY - DAY)],
        "metadata": {"url": URL, "file": None},
        "metadata_changes": "approve",
    }
    config = settings.load(stair.write_settings(tmp_path), overrides={"connections": {"acme-saml": ended}})
    findings = await doctor_connections.kept(config, NOW)  # no database yet
    (red,) = findings
    assert (red.topic, red.state) == ("connection acme-saml", State.FAILED)
    store = await open_store(config.database_url.get_secret_value())
    kept = row(connection="acme-saml")
    await store.keep_metadata(kept, (), NOW, previous="")
    await store.hold_metadata(row(ROLLED, connection="acme-saml"), KEY_ROLLED, NOW, previous=kept.digest)
    await store.close()
    states = [(one.topic, one.state) for one in await doctor_connections.kept(config, NOW)]
    assert states == [
        ("connection acme-saml", State.FAILED), ("connection acme-saml", State.WARNING),
    ]  # fmt: skip
