"""How a sign-in is asked for: by which binding, signed or not, with which additions."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from saml_keys import our_key
from saml_peer import ACS, NOW, REQUEST, SP, trusted

from federation.errors import ProviderUnavailable
from federation.saml import bindings, certificates, service_provider, signature, xml
from federation.saml.delivery import Sent
from federation.saml.metadata import IdentityProvider
from federation.saml.outgoing import AuthnAsks
from federation.saml.service_provider import Requests

REDIRECT = "https://idp.example/sso"
POST = "https://idp.example/sso/post"


def requests(**other: Any) -> Requests:
    """Return how an ordinary connection asks."""
    asks = AuthnAsks(
        sp_entity_id=SP,
        name_id_policy=True,
        name_id_format=xml.EMAIL_ADDRESS,
        allow_create=True,
        force_authn=False,
        is_passive=False,
        authn_context=(),
        comparison="exact",
        acs_index=None,
        hint_in_subject=False,
    )
    values: dict[str, Any] = {
        "asks": asks,
        "acs_url": ACS,
        "binding": "auto",
        "sign": "auto",
        "key": our_key(),
        "hint_parameter": "",
        "parameters": {},
    }
    return Requests(**values | other)


def idp(**other: Any) -> IdentityProvider:
    known: dict[str, Any] = {
        "sso_redirect_url": REDIRECT,
        "sso_post_url": POST,
        "wants_signed_requests": False,
    }
    return replace(trusted(), **known | other)


def start(to: IdentityProvider, asked: Requests, *, login_hint: str = "") -> Sent:
    return service_provider.start(
        to, asked, request_id=REQUEST, relay_state="handle&=", login_hint=login_hint, now=NOW
    )


def test_what_is_asked_for_is_what_we_accept() -> None:
    sent = start(idp(), requests())
    assert (sent.url.startswith(f"{REDIRECT}?"), sent.fields) == (True, {})
    query = urlsplit(sent.url).query
    assert parse_qs(query)["RelayState"] == ["handle&="]
    request = xml.parse(bindings.decode_redirect(query).message, octets=10_000, elements=100)
    assert request.get("ID") == REQUEST
    assert request.get("AssertionConsumerServiceURL") == ACS
    assert request.get("Destination") == REDIRECT
    assert request.get("IssueInstant") == "2026-11-21T12:00:00Z"


BINDINGS = [
    # the IdP offers      the connection wants    goes to
    ({},                  "auto",                 REDIRECT),
    ({},                  "redirect",             REDIRECT),
    ({},                  "post",                 POST),
    ({"sso_redirect_url": ""}, "auto",            POST),
    ({"sso_post_url": ""},     "auto",            REDIRECT),
]  # fmt: skip


@pytest.mark.parametrize(("offered", "wanted", "goal"), BINDINGS)
def test_the_binding(offered: dict[str, str], wanted: str, goal: str) -> None:
    sent = start(idp(**offered), requests(binding=wanted))
    assert sent.url.partition("?")[0] == goal
    assert bool(sent.fields) is (goal == POST)
    if sent.fields:
        assert sent.fields["RelayState"] == "handle&="
        document = bindings.decode_post(sent.fields["SAMLRequest"], name="SAMLRequest")
        assert xml.parse(document, octets=10_000, elements=100).get("Destination") == POST


@pytest.mark.parametrize(
    ("offered", "wanted"), [({"sso_redirect_url": ""}, "redirect"), ({"sso_post_url": ""}, "post")]
)
def test_a_binding_that_is_not_offered_is_said(offered: dict[str, str], wanted: str) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^saml\.no_binding: "):
        start(idp(**offered), requests(binding=wanted))


SIGNED = [
    # the IdP wants it    the connection    signed
    (False,               "auto",           False),
    (True,                "auto",           True),
    (False,               "always",         True),
    (True,                "never",          False),
]  # fmt: skip


@pytest.mark.parametrize("binding", ["redirect", "post"])
@pytest.mark.parametrize(("wants", "sign", "signed"), SIGNED)
def test_the_signature(binding: str, wants: bool, sign: str, signed: bool) -> None:  # noqa: FBT001
    sent = start(idp(wants_signed_requests=wants), requests(binding=binding, sign=sign))
    key = certificates.read_key(certificates.read_base64(our_key().certificate))
    if binding == "redirect":
        received = bindings.decode_redirect(urlsplit(sent.url).query)
        assert bool(received.signature) is signed
        if signed:
            signature.verify_query(received, (key,), legacy=frozenset())
        return
    document = bindings.decode_post(sent.fields["SAMLRequest"], name="SAMLRequest")
    root = xml.parse(document, octets=10_000, elements=100)
    assert (root.find(xml.SIGNATURE) is not None) is signed
    if signed:
        assert signature.verify_element(root, keys=(key,), legacy=frozenset()).root.get("ID") == REQUEST


def test_a_hint_goes_where_the_connection_says() -> None:
    asked = requests(hint_parameter="username", parameters={"whr": "acme"})
    query = parse_qs(urlsplit(start(idp(), asked, login_hint="zoe@example.org").url).query)
    assert (query["username"], query["whr"]) == (["zoe@example.org"], ["acme"])
    query = parse_qs(urlsplit(start(idp(), asked).url).query)
    assert "username" not in query
    posted = start(idp(), requests(binding="post", parameters={"whr": "acme"}))
    assert posted.url == f"{POST}?whr=acme"
