"""An identity provider's registration of another product: read, told, and used as it stands."""

from pathlib import Path
from typing import Any

import pytest

from federation.errors import ConfigurationError
from federation.operator import adopt
from federation.saml.adoption import read_service_provider

BASE = "https://sso.acme.example"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
ARTIFACT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"


def consumer(url: str, index: int, *, binding: str = POST, default: str = "") -> str:
    marked = f' isDefault="{default}"' if default else ""
    return f'<md:AssertionConsumerService Binding="{binding}" Location="{url}" index="{index}"{marked}/>'


def document(*consumers: str, role: str = "SPSSODescriptor", entity_id: str = "urn:acme:old") -> bytes:
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}">'
        f'<md:{role} protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        f"{''.join(consumers)}</md:{role}></md:EntityDescriptor>"
    ).encode()


GOOD = document(
    consumer(f"{BASE}/saml/acs", 0),
    consumer(f"{BASE}/Shibboleth.sso/SAML2/POST", 1, default="true"),
    consumer(f"{BASE}/Shibboleth.sso/SAML2/Artifact", 2, binding=ARTIFACT),
    consumer("https://old.acme.example/acs", 3),
)


def test_the_default_place_stands_first_and_only_posts_count() -> None:
    read = read_service_provider(GOOD)
    assert read.entity_id == "urn:acme:old"
    assert read.acs_urls == (
        f"{BASE}/Shibboleth.sso/SAML2/POST",
        f"{BASE}/saml/acs",
        "https://old.acme.example/acs",
    )


FAULTS: list[tuple[str, bytes]] = [
    ("saml.metadata_unreadable", b"<"),
    ("saml.metadata_unreadable", b"<!DOCTYPE a><a/>"),
    ("saml.metadata_entity", document(role="IDPSSODescriptor")),
    ("saml.metadata_entity", document(entity_id="")),
    ("saml.metadata_several", b"<a>" + GOOD + GOOD + b"</a>"),
]


@pytest.mark.parametrize(("code", "read"), FAULTS)
def test_a_fault_is_named(code: str, read: bytes) -> None:
    with pytest.raises(ConfigurationError, match=f"^{code}: "):
        read_service_provider(read)


def test_what_is_told_are_keys_of_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "old.xml"
    file.write_bytes(GOOD)
    found: dict[str, Any] = adopt.adopt(file, BASE)
    assert found["keys"] == {
        "sp_entity_id": "urn:acme:old",
        "acs_paths": ["/Shibboleth.sso/SAML2/POST", "/saml/acs"],
    }
    assert found["elsewhere"] == ["https://old.acme.example/acs"]
    assert adopt.tell(found, BASE).splitlines()[:2] == [
        '    sp_entity_id: "urn:acme:old"',
        '    acs_paths: ["/Shibboleth.sso/SAML2/POST", "/saml/acs"]',
    ]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^registry\.metadata_file: "):
        adopt.adopt(tmp_path / "none.xml", BASE)
