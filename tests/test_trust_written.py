"""Trust material that the operator wrote: read again when its file changed, and recorded."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from publisher import ANOTHER, GOOD, KEY, KEY_ROLLED, ROLLED
from saml_peer import IDP, NOW, SECOND, peer

from federation.connection import SamlConnection
from federation.errors import ConfigurationError, FederationError
from federation.fetch import Fetch
from federation.store.store import Store
from federation.trust import reading
from federation.trust.contract import Source
from federation.trust.published import Published
from federation.trust.source import open_source
from federation.trust.written import Written

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
BY_HAND = {"entity_id": IDP, "sso_url": "https://idp.example/sso", "certificates": [peer().key.text]}
UNKNOWN: Any = "unknown_key"


def connection(**settings: Any) -> SamlConnection:
    told = {"protocol": "saml", "organization": "acme", "anyone": True, **settings}
    return SamlConnection.model_validate(told).model_copy(update={"id": "acme"})


def written(store: Store, **settings: Any) -> Written:
    return Written(connection(**settings), store, development=False)


def expiring(moment: Any) -> str:
    return GOOD.replace(
        "<md:EntityDescriptor", f'<md:EntityDescriptor validUntil="{moment:%Y-%m-%dT%H:%M:%SZ}"'
    )


def put(file: Path, document: str | None) -> None:
    """Write a file that a reader can tell from the one before; None takes it away."""
    if document is None:
        file.unlink()
        return
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(document)
    os.utime(file, ns=(before + 10**9, before + 10**9))


async def key_of(source: Source, now: Any = NOW) -> str:
    (key,) = (await source.get(now)).keys
    return key.fingerprint


@pytest.fixture
def file(tmp_path: Path) -> Path:
    put(tmp_path / "idp.xml", GOOD)
    return tmp_path / "idp.xml"


async def test_fields_are_read(store: Store) -> None:
    source = written(store, **BY_HAND, slo_url="https://idp.example/slo")
    idp = await source.get(NOW)
    assert (idp.entity_id, idp.sso_url, idp.slo_post_url) == (
        IDP, "https://idp.example/sso", "https://idp.example/slo",
    )  # fmt: skip
    assert await source.refresh(NOW + DAY, because="schedule") is idp
    assert await store.find_metadata("acme") is None


async def test_a_pasted_document_is_read(store: Store) -> None:
    source = written(store, metadata={"xml": GOOD})
    idp = await source.get(NOW)
    assert idp.entity_id == IDP
    assert await source.refresh(NOW, because=UNKNOWN) is idp
    # the next start with another one says what is different
    assert await key_of(written(store, metadata={"xml": ROLLED})) == ANOTHER
    assert [(one.state, one.changes) for one in await store.metadata_changes("acme", 9)] == [
        ("taken", KEY_ROLLED)
    ]


async def test_a_file_is_read_again_when_it_changed(store: Store, file: Path) -> None:
    source = written(store, metadata={"file": file})
    idp = await source.get(NOW)
    assert await source.refresh(NOW, because="schedule") is idp
    put(file, ROLLED)
    assert await source.get(NOW) is idp  # not in a request
    await source.refresh(NOW, because="schedule")
    assert await key_of(source) == ANOTHER
    assert [(one.state, one.changes) for one in await store.metadata_changes("acme", 9)] == [
        ("taken", KEY_ROLLED)
    ]


async def test_nobody_approves_what_the_operator_wrote(store: Store, file: Path) -> None:
    source = written(store, metadata={"file": file}, metadata_changes="approve")
    await source.get(NOW)
    put(file, ROLLED)
    await source.refresh(NOW, because="schedule")
    assert await key_of(source) == ANOTHER


async def test_an_unknown_key_reads_it_once_a_minute(store: Store, file: Path) -> None:
    source = written(store, metadata={"file": file})
    await source.refresh(NOW, because=UNKNOWN)
    put(file, ROLLED)
    await source.refresh(NOW + MINUTE - SECOND, because=UNKNOWN)
    assert await key_of(source) == KEY
    await source.refresh(NOW + MINUTE, because=UNKNOWN)
    assert await key_of(source) == ANOTHER


async def test_the_schedule_does_not_keep_an_unknown_key_waiting(store: Store, file: Path) -> None:
    source = written(store, metadata={"file": file})
    await source.refresh(NOW, because="schedule")
    put(file, ROLLED)
    await source.refresh(NOW + SECOND, because=UNKNOWN)
    assert await key_of(source) == ANOTHER


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("<html/>", "saml.metadata_unreadable"),
        (None, "registry.metadata_file"),
        (expiring(NOW), "saml.metadata_expired"),
    ],
)  # fmt: skip
async def test_a_file_that_cannot_be_used_keeps_what_is_known(
    store: Store, file: Path, document: str | None, code: str
) -> None:
    source = written(store, metadata={"file": file})
    known = await source.get(NOW)
    put(file, document)
    with pytest.raises(ConfigurationError) as caught:
        await source.refresh(NOW, because="schedule")
    assert caught.value.code == code
    assert await source.refresh(NOW, because=UNKNOWN) is known
    assert await source.get(NOW) is known
    with pytest.raises(ConfigurationError) as caught:
        await written(store, metadata={"file": file}).get(NOW)
    assert caught.value.code == code
    put(file, ROLLED)
    await source.refresh(NOW + MINUTE, because=UNKNOWN)
    assert await key_of(source) == ANOTHER


async def test_what_expired_is_refused_until_it_is_replaced(store: Store, file: Path) -> None:
    put(file, expiring(NOW + DAY))
    source = written(store, metadata={"file": file})
    assert await key_of(source, NOW + DAY - SECOND) == KEY
    with pytest.raises(FederationError, match=r"^saml\.metadata_expired: "):
        await source.get(NOW + DAY)
    put(file, ROLLED)
    assert await key_of(source, NOW + DAY) == ANOTHER


async def test_two_nodes_with_one_file_record_one_change(store: Store, file: Path) -> None:
    first, second = (written(store, metadata={"file": file}) for _ in range(2))
    await first.get(NOW)
    await second.get(NOW)
    put(file, ROLLED)
    await first.refresh(NOW, because="schedule")
    await second.refresh(NOW, because="schedule")
    assert len(await store.metadata_changes("acme", 9)) == 1


async def test_the_settings_choose_the_source(store: Store, file: Path) -> None:
    fetch = Fetch(allow=(), proxy=None, development=False)
    kinds = [
        type(open_source(connection(**told), fetch, store, development=False))
        for told in (BY_HAND, {"metadata": {"file": file}}, {"metadata": {"url": "https://idp.example/m"}})
    ]
    assert kinds == [Written, Written, Published]
    pinned = {"xml": GOOD, "certificates": ["MI" + "x" * 300]}
    with pytest.raises(ConfigurationError, match=r"^saml\.certificate: "):
        open_source(connection(metadata=pinned), fetch, store, development=False)


def test_what_is_at_hand(file: Path) -> None:
    for told in (BY_HAND, {"metadata": {"file": file}}, {"metadata": {"xml": GOOD}}):
        idp = reading.at_hand(connection(**told), development=False, now=NOW)
        assert idp is not None
        assert idp.entity_id == IDP
    by_url = connection(metadata={"url": "https://idp.example/m"})
    assert reading.at_hand(by_url, development=False, now=NOW) is None
