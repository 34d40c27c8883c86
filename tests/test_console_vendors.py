"""What the wizard has people paste is what the guides say, in the vendors' own words."""

import re
from pathlib import Path

import pytest

from federation import presets
from federation.console import vendors
from federation.console.vendors import GENERIC, URLS, VENDORS, Entry

GUIDES = Path(__file__).parent.parent / "docs/guides"
HOST = "https://sso.acme.example"


def urls(name: str) -> dict[str, str]:
    """What the guides call by each key, of a connection that is called as its preset."""
    return {
        "entity_id": f"{HOST}/saml/{name}/metadata",
        "metadata_url": f"{HOST}/saml/{name}/metadata",
        "acs_url": f"{HOST}/saml/{name}/acs",
        "slo_url": f"{HOST}/saml/{name}/slo",
        "start_url": f"{HOST}/login/{name}",
        "callback_url": f"{HOST}/oidc/{name}/callback",
        "initiate_url": f"{HOST}/oidc/initiate?provider={name}",
        "post_logout_url": f"{HOST}/logout",
        "backchannel_logout_url": f"{HOST}/oidc/{name}/backchannel-logout",
        "frontchannel_logout_url": f"{HOST}/oidc/{name}/frontchannel-logout",
        "jwks_url": f"{HOST}/oidc/jwks.json",
    }


def guide(file: str) -> str:
    return (GUIDES / file).read_text()


def lines(file: str, label: str) -> list[str]:
    """The lines that name a field: of a table, of a listing, or of the text around."""
    told = re.escape(label)
    return [line for line in guide(file).splitlines() if re.search(rf"(?<![\w-]){told}(?![\w-])", line)]


ENTRIES = [(key, vendor, entry) for key, vendor in VENDORS.items() for entry in vendor.entries]


@pytest.mark.parametrize(
    ("key", "vendor", "entry"), ENTRIES, ids=[f"{'-'.join(key)}-{entry.label}" for key, _, entry in ENTRIES]
)
def test_each_field_stands_in_its_guide_with_its_value(
    key: tuple[str, str], vendor: vendors.Vendor, entry: Entry
) -> None:
    found = lines(vendor.guide, entry.label)
    assert found, f"{vendor.guide} names no {entry.label}"
    value = urls(key[0]).get(entry.value)
    if value is None:
        words = re.split(r"[ ,]+", entry.value)
        assert any(all(word in line for word in words) for line in found)
    else:
        ends = re.compile(re.escape(value) + r"(?![\w/-])")
        assert any(ends.search(line) for line in found), f"{entry.label} is not {value}: {found}"


@pytest.mark.parametrize(("key", "vendor"), VENDORS.items(), ids=map("-".join, VENDORS))
def test_the_way_there_stands_in_the_guide(key: tuple[str, str], vendor: vendors.Vendor) -> None:
    told = re.sub(r"\s+", " ", guide(vendor.guide).replace("*", ""))
    assert vendor.path in told
    assert vendor.answer in told
    assert not vendor.issuer or f"issuer: {vendor.issuer} " in told
    assert getattr(presets.PRESETS[key[0]], key[1]) is not None


@pytest.mark.parametrize("name", [one for one in presets.PRESETS if one not in {"generic", "pingfederate"}])
def test_every_vendor_has_its_words_for_each_protocol(name: str) -> None:
    spoken = {one for one in presets.PROTOCOLS if getattr(presets.PRESETS[name], one) is not None}
    told = {protocol for preset, protocol in VENDORS if preset == name}
    # By OpenID Connect both are plugins of theirs, and the guides say nothing of them.
    assert told == spoken - ({"oidc"} if name in {"shibboleth", "simplesamlphp"} else set())


@pytest.mark.parametrize("protocol", presets.PROTOCOLS)
def test_what_is_generic_is_in_the_guides_own_words(protocol: str) -> None:
    for entry in GENERIC[protocol]:
        assert entry.value in URLS
        assert any(urls("okta")[entry.value] in line for line in lines("README.md", entry.label)), entry


def test_no_value_is_a_key_that_is_mistyped() -> None:
    assert not [one for _, _, one in ENTRIES if one.value.endswith(("_url", "_id")) and not one.is_url]
