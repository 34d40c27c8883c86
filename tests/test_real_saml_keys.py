"""Keys change, ours and SimpleSAMLphp's, while people go on signing in."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from acme import is_person, refusal, settings, sp
from drive import Browser
from processes import free_port
from providers import PEOPLE, SimpleSamlPhp
from service import Service, serving

pytestmark = pytest.mark.providers

ROLLED_OVER = {"privatekey": "next.key", "certificate": "next.crt"}


@pytest.fixture
def idp(simplesamlphp: SimpleSamlPhp) -> Iterator[SimpleSamlPhp]:
    simplesamlphp.make_certificate("next")
    yield simplesamlphp
    simplesamlphp.hosted()


def metadata_of(service: Service) -> bytes:
    answer = httpx2.get(service.url("/saml/metadata"), trust_env=False)
    return answer.raise_for_status().content


def enters(service: Service, connection: str, login: str = "alice") -> Browser:
    with Browser() as browser:
        is_person(service.sign_in(browser, connection, PEOPLE[login]), login)
        return browser


def refused(service: Service, connection: str) -> str:
    with Browser() as browser:
        return refusal(service, browser, connection)


# Ours


def test_our_keys_are_exchanged_under_way(idp: SimpleSamlPhp, tmp_path: Path) -> None:
    """docs/keys.md, step by step: signed requests, encrypted answers, and logout go on at each."""
    port = free_port()
    source = {"metadata": {"file": str(tmp_path / "idp.xml")}}
    (tmp_path / "idp.xml").write_bytes(idp.metadata())
    told = settings({"signs": {**source, "sign_requests": "always"}, "plain": source})
    idp.variant("encrypted", "encrypted-name-id")

    with serving(tmp_path, told, port=port) as service:
        before = metadata_of(service)
        idp.register(before)
        comes_and_goes(service)
        rotate(service, "publish")
        with pytest.raises(subprocess.CalledProcessError) as early:
            service.command("keys", "rotate", "--step", "use")
        assert "or say --yes" in early.value.stderr

    with serving(tmp_path, told, port=port) as service:
        comes_and_goes(service)  # they know the old key alone
        published = metadata_of(service)
        assert (certificates(before), certificates(published)) == (1, 2)
        idp.register(published)
        comes_and_goes(service)
        rotate(service, "use")

    with serving(tmp_path, told, port=port) as service:
        comes_and_goes(service)  # they encrypt to the old key still, and check by the new one
        used = metadata_of(service)
        idp.register(used)
        comes_and_goes(service)
        rotate(service, "retire")

    with serving(tmp_path, told, port=port) as service:
        comes_and_goes(service)
        idp.register(metadata_of(service))
        comes_and_goes(service)
        idp.register(published)  # who took nothing since encrypts to a key that is gone
        assert refused(service, "plain") == "saml.decryption"
        idp.register(before)
        assert refused(service, "plain") == "saml.decryption"


def rotate(service: Service, step: str) -> None:
    assert json.loads(service.command("keys", "rotate", "--step", step, "--yes", "--json"))["done"]


def certificates(metadata: bytes) -> int:
    """Return how many signing keys each of the two connections publishes."""
    return metadata.count(b'<md:KeyDescriptor use="signing">') // 2


def comes_and_goes(service: Service) -> None:
    with Browser() as browser:
        is_person(service.sign_in(browser, "signs", PEOPLE["bob"]), "bob")
        assert b"EncryptedAssertion" in browser.last_response().xml
        assert str(service.sign_out(browser).url) == service.url("/logout?outcome=full")


# Theirs


@pytest.fixture
def places(tmp_path: Path, idp: SimpleSamlPhp) -> dict[str, dict[str, Any]]:
    """Name the connections by how their trust material comes here."""
    (tmp_path / "idp.xml").write_bytes(idp.metadata())
    return {
        "file": {"metadata": {"file": str(tmp_path / "idp.xml")}},
        "url": {"metadata": {"url": idp.entity_id}},
        "held": {"metadata": {"url": idp.entity_id}, "metadata_changes": "approve"},
        "told": {"metadata": {"url": idp.entity_id}},
    }


def test_their_new_key_is_found_without_a_restart(
    idp: SimpleSamlPhp, places: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    port, told = free_port(), settings(places)
    with serving(tmp_path, told, port=port) as service:
        idp.register(metadata_of(service))
        for connection in places:
            enters(service, connection)

        # Announced: both certificates are published, the old one signs on.
        idp.hosted(new_privatekey="next.key", new_certificate="next.crt")
        fetched = json.loads(service.command("metadata", "fetch", "told", "--json"))
        assert [line for line in fetched["changes"] if "key" in line]
        enters(service, "told")

        # Unannounced, to everybody else: from here on the new key signs.
        idp.hosted(**ROLLED_OVER)
        (tmp_path / "idp.xml").write_bytes(idp.metadata())
        for connection in ("file", "url"):
            enters(service, connection)
        assert refused(service, "held") == "saml.signature"
        (held,) = changes(service, "held")
        assert held["state"] == "held"
        assert [one["state"] for one in changes(service, "url")] == ["taken"]
        assert refused(service, "held") == "saml.signature"  # seen is not approved
        service.command("metadata", "approve", "held")

    with serving(tmp_path, told, port=port) as service:
        for connection in places:
            enters(service, connection)
        assert [one["state"] for one in changes(service, "held")] == ["approved"]


def changes(service: Service, connection: str) -> list[dict[str, Any]]:
    return list(json.loads(service.command("metadata", "changes", connection, "--json"))["changes"])


def test_logout_by_their_new_key_is_believed_without_a_restart(
    idp: SimpleSamlPhp, places: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    with serving(tmp_path, settings({"url": places["url"]})) as service, Browser() as browser:
        idp.register(httpx2.get(sp(service, "url"), trust_env=False).content)
        service.sign_in(browser, "url", PEOPLE["alice"])
        idp.hosted(**ROLLED_OVER)
        assert browser.go(idp.sign_out_url(service.url("/healthz"))).text == "ok\n"
        assert service.is_nobody(browser)
        enters(service, "url")
