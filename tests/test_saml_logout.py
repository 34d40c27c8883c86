"""Logout messages: one good one by each binding, one fault at a time, each refused by its rule."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from saml_peer import IDP, NOW, SECOND, SKEW, SP, USER

from federation.demo.saml_encryption import EncryptionKnobs
from federation.demo.saml_idp import SamlIdp
from federation.demo.saml_logout import LOGOUT_FAULTS, PARTIAL, RESPONDER
from federation.demo.saml_requests import Participation, ServiceProvider
from federation.demo.saml_signing import make_key
from federation.errors import AssertionRefused, RequestRefused
from federation.saml import bindings, logout, metadata, subject
from federation.saml.bindings import Redirected
from federation.saml.encryption import DecryptionKey
from federation.saml.logout import MAX_AGE, REMEMBERED, Expected, LogoutOutcome, LogoutRequest
from federation.saml.parts import NameId
from federation.saml.xml import DS, EMAIL_ADDRESS, SAML

SLO = "https://sp.example/saml/acme/slo"
REQUEST = "_logout-1"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
ZOE = Participation("zoe@acme.example", EMAIL_ADDRESS, "_session-1")
Way = Literal["redirect", "post"]


@cache
def peer() -> SamlIdp:
    sp = ServiceProvider(acs_urls=("https://sp.example/saml/acme/acs",), slo_url=SLO)
    return SamlIdp(
        entity_id=IDP, base_url="https://idp.example", service_providers={SP: sp}, clock=lambda: NOW
    )


@cache
def ours() -> Any:
    """Our key pair, for what is encrypted to us."""
    return make_key(now=NOW)


def want(**other: Any) -> Expected:
    known = metadata.read_metadata(peer().metadata(), entity_id=IDP, development=False, now=NOW, signers=())
    values: dict[str, Any] = {
        "idp": known,
        "sp_entity_id": SP,
        "slo_url": SLO,
        "skew": SKEW,
        "legacy": frozenset(),
        "now": NOW,
    }
    return Expected(**values | other)


def pack(way: Way, name: str, document: bytes, knobs: dict[str, Any]) -> Redirected | bytes:
    """Send a message and take it from the wire again."""
    if way == "post":
        return bindings.decode_post(bindings.encode_post(document), name=name)
    url = peer().slo.redirect_url(SLO, name=name, document=document, relay_state="r", **knobs)
    return bindings.decode_redirect(url.partition("?")[2])


def request(way: Way, place: Participation = ZOE, /, **knobs: Any) -> Redirected | bytes:
    return pack(way, "SAMLRequest", peer().slo.request(place, SLO, post=way == "post", **knobs), knobs)


def response(way: Way, /, **knobs: Any) -> Redirected | bytes:
    return pack(way, "SAMLResponse", peer().slo.response(REQUEST, SLO, post=way == "post", **knobs), knobs)


def read(sent: Redirected | bytes, **other: Any) -> LogoutRequest:
    return logout.read_request(sent, want(**other), decryption_keys=(DecryptionKey(ours().private),))


def answered(sent: Redirected | bytes, **other: Any) -> LogoutOutcome:
    return logout.read_response(sent, want(**other), request_id=REQUEST)


@pytest.fixture(params=["redirect", "post"])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    return request.param  # type: ignore[no-any-return]


def test_a_good_request_names_its_sessions(way: Way) -> None:
    found = read(request(way, message_id="_m"))
    name = subject.provider_name(NameId("zoe@acme.example", EMAIL_ADDRESS, "", ""), IDP)
    assert (found.id, found.session_indexes, found.issue_instant) == ("_m", ("_session-1",), NOW)
    assert found.names[0] == name
    assert found.until == NOW + REMEMBERED + SKEW


@pytest.mark.parametrize(
    ("knobs", "outcome"),
    [
        ({}, LogoutOutcome.SUCCESS),
        ({"second_status": PARTIAL}, LogoutOutcome.PARTIAL),
        ({"status": RESPONDER, "second_status": PARTIAL}, LogoutOutcome.PARTIAL),
        ({"status": RESPONDER}, LogoutOutcome.FAILED),
        ({"status": PARTIAL}, LogoutOutcome.FAILED),  # no top-level code (Core §3.2.2.2)
        ({"status": "urn:x"}, LogoutOutcome.FAILED),
        ({"second_status": RESPONDER}, LogoutOutcome.SUCCESS),
    ],
)
def test_a_response_says_how_far_it_got(way: Way, knobs: dict[str, Any], outcome: LogoutOutcome) -> None:
    assert answered(response(way, **knobs)) is outcome


_LATER = NOW + SKEW + SECOND
_OLD = NOW - SKEW - MAX_AGE
BOTH: list[tuple[str, dict[str, Any]]] = [
    ("saml.logout_message", {"kind": "Response"}),
    ("saml.logout_message", {"kind": "AuthnRequest"}),
    ("saml.id", {"message_id": ""}),
    ("saml.id", {"message_id": "1 2"}),
    ("saml.signature", {"key": "another"}),
    ("saml.algorithm", {"method": "rsa-sha1"}),
    ("saml.logout_malformed", {"issue_instant": "2026-11-21T12:00:00"}),
    ("saml.logout_malformed", {"issue_instant": "2026-11-21T12:00:00+00:00"}),
    ("saml.logout_malformed", {"insert": {"end": f'<saml:Issuer xmlns:saml="{SAML[1:-1]}">x</saml:Issuer>'}}),
    ("saml.logout_version", {"version": "1.1"}),
    ("saml.logout_version", {"version": None}),
    ("saml.logout_issuer", {"issuer": None}),
    ("saml.logout_issuer", {"issuer": "https://other.example"}),
    ("saml.logout_issuer", {"issuer": IDP + "/"}),
    ("saml.logout_issuer", {"issuer": ""}),
    ("saml.logout_issuer", {"issuer_format": EMAIL_ADDRESS}),
    ("saml.logout_destination", {"destination": None}),
    ("saml.logout_destination", {"destination": ""}),
    ("saml.logout_destination", {"destination": SLO + "/"}),
    ("saml.logout_destination", {"destination": SLO[:-1]}),
    ("saml.logout_destination", {"destination": "https://sp.example/saml/other/slo"}),
    ("saml.logout_issue_instant", {"issue_instant": None}),
    ("saml.logout_issue_instant", {"issue_instant": _LATER}),
    ("saml.logout_issue_instant", {"issue_instant": _OLD}),
]
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    *BOTH,
    ("saml.logout_message", {"kind": "LogoutResponse"}),
    ("saml.logout_expired", {"not_on_or_after": NOW - SKEW}),  # the bound is exclusive
    ("saml.logout_malformed", {"not_on_or_after": "never"}),
    ("saml.logout_malformed", {"name_part": "<saml:NameID>a</saml:NameID><saml:NameID>b</saml:NameID>"}),
    ("saml.logout_malformed", {"name_part": "<saml:NameID>a<saml:NameID/>b</saml:NameID>"}),
    ("saml.logout_name", {"name_part": ""}),
    ("saml.logout_name", {"name_part": "<saml:BaseID>zoe@acme.example</saml:BaseID>"}),
    ("saml.logout_name", {"name_id": ""}),
    ("saml.logout_name", {"name_id": " \n"}),
    ("saml.logout_session_index", {"session_indexes": ("_session-1", "")}),
    ("saml.logout_session_index", {"session_indexes": tuple(f"_{n}" for n in range(101))}),
    ("saml.limits", {"session_indexes": tuple(f"_{n}" for n in range(3000))}),
]
RESPONSES: list[tuple[str, dict[str, Any]]] = [
    *BOTH,
    ("saml.logout_message", {"kind": "LogoutRequest"}),
    ("saml.logout_in_response_to", {"in_response_to": None}),
    ("saml.logout_in_response_to", {"in_response_to": ""}),
    ("saml.logout_in_response_to", {"in_response_to": "_logout-2"}),
    ("saml.logout_status", {"status": None}),
    ("saml.logout_status", {"status": ""}),
]


def refusal(asks: str, way: Way, /, **knobs: Any) -> AssertionRefused:
    """Return why a message is refused; fail if it is not."""
    sent = request(way, **knobs) if asks == "request" else response(way, **knobs)
    with pytest.raises(AssertionRefused) as caught:
        _ = read(sent) if asks == "request" else answered(sent)
    return caught.value


@pytest.mark.parametrize(("code", "knobs"), REQUESTS)
def test_one_fault_of_a_request_is_refused_by_its_rule(way: Way, code: str, knobs: dict[str, Any]) -> None:
    assert refusal("request", way, **knobs).code == code


@pytest.mark.parametrize(("code", "knobs"), RESPONSES)
def test_one_fault_of_a_response_is_refused_by_its_rule(way: Way, code: str, knobs: dict[str, Any]) -> None:
    assert refusal("response", way, **knobs).code == code


def test_every_rule_has_a_fault() -> None:
    assert {code for code, _ in REQUESTS if code in logout.REQUEST_RULES} == set(logout.REQUEST_RULES)
    tried = {code for code, _ in RESPONSES}
    assert set(logout.RESPONSE_RULES) | {logout.IN_RESPONSE_TO} <= tried
    assert set(logout.RULES) == set(logout.REQUEST_RULES) & set(logout.RESPONSE_RULES)


@pytest.mark.parametrize("name", sorted(set(LOGOUT_FAULTS) - {"twice"}))
def test_the_home_page_of_the_idp_breaks_one_rule(name: str) -> None:
    fault = LOGOUT_FAULTS[name]
    assert refusal("request", "redirect", **fault.knobs).code == fault.code


def test_a_parameter_sent_twice_is_refused() -> None:
    with pytest.raises(RequestRefused, match=r"^saml\.repeated: "):
        request("redirect", **LOGOUT_FAULTS["twice"].knobs)


_STRAY = f'<samlp:Extensions><ds:Signature xmlns:ds="{DS[1:-1]}"/></samlp:Extensions>'
SIGNATURES: list[tuple[str, Way, dict[str, Any]]] = [
    ("saml.unsigned", "post", {"sign": False}),
    ("saml.query_unsigned", "redirect", {"sign": False}),
    ("saml.query_unsigned", "redirect", {"sig_alg": None}),
    ("saml.query_unsigned", "redirect", {"sig_alg": ""}),
    ("saml.query_unsigned", "redirect", {"sign": False, "also": "&Signature=AAAA"}),
    ("saml.query_unsigned", "redirect", {"sign": False, "also": "&SigAlg=AAAA&Signature="}),
    ("saml.query_unsigned", "redirect", {"sign": False, "embed": True}),  # nor does an enveloped one help
    ("saml.signature_place", "redirect", {"embed": True}),
    ("saml.algorithm", "redirect", {"sig_alg": "urn:x"}),
    ("saml.algorithm", "redirect", {"sig_alg": "http://www.w3.org/2000/09/xmldsig#hmac-sha1"}),
    # bound to its kind of key: RSA's value under the name of another
    ("saml.signature", "redirect", {"sig_alg": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"}),
    ("saml.signature", "redirect", {"sig_alg": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"}),
    ("saml.signature", "redirect", {"tamper": (("&RelayState=r", "&RelayState=s"),)}),
    ("saml.signature", "redirect", {"tamper": (("&RelayState=r", ""),)}),
    ("saml.signature", "redirect", {"tamper": (("&Signature=", "&Signature=AAAA"),)}),
    ("saml.digest", "post", {"tamper": (("_session-1", "_session-2"),)}),
    ("saml.digest", "post", {"tamper": (("zoe@", "ada@"),)}),
    ("saml.reference", "post", {"reference": ""}),
    ("saml.reference", "post", {"reference": "#other"}),
    ("saml.signed_info", "post", {"references": 2}),
    ("saml.transforms", "post", {"transforms": ("http://www.w3.org/2000/09/xmldsig#enveloped-signature",)}),
    ("saml.doctype", "post", {"tamper": (("<samlp:LogoutRequest", "<!DOCTYPE r><samlp:LogoutRequest"),)}),
    ("saml.signature_place", "post", {"insert": {"extensions": _STRAY}}),
    ("saml.signature_place", "redirect", {"insert": {"extensions": _STRAY}}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "way", "knobs"), SIGNATURES)
def test_what_is_not_well_signed_is_refused(code: str, way: Way, knobs: dict[str, Any]) -> None:
    assert refusal("request", way, **knobs).code == code


def test_a_refusal_before_the_signature_says_nothing_of_theirs(way: Way) -> None:
    early = refusal("request", way, key="another", issuer="https://evil.example")
    late = refusal("request", way, issuer="https://evil.example")
    assert not early.checks
    assert {one.code for one in late.checks} == set(logout.REQUEST_RULES)
    assert "evil" not in early.detail + late.detail
    assert [one.code for one in late.checks if one.said] == ["saml.logout_issuer"]


@pytest.mark.parametrize(
    "knobs",
    [
        {"issue_instant": NOW + SKEW},
        {"issue_instant": _OLD + SECOND},
        {"issue_instant": "2026-11-21T12:00:00.123Z"},
        {"not_on_or_after": NOW - SKEW + SECOND},
        {"not_on_or_after": None},
        {"issuer_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"},
        {"session_indexes": ()},
        {"session_indexes": tuple(f"_{n}" for n in range(100))},
        {"insert": {"extensions": '<samlp:Extensions><x xmlns="urn:x"/></samlp:Extensions>'}},
        {"method": "rsa-sha512"},
        {"method": "sha256-rsa-MGF1"},
    ],
)
def test_what_may_be(way: Way, knobs: dict[str, Any]) -> None:
    assert read(request(way, **knobs)).id


def test_escapes_as_adfs_writes_them_survive() -> None:
    sent = request("redirect", lower_case=True)
    assert isinstance(sent, Redirected)
    assert b"%3a" in sent.signed_octets
    assert read(sent).session_indexes == ("_session-1",)


def test_sha_1_is_read_where_the_connection_excepts_it(way: Way) -> None:
    sent = request(way, method="rsa-sha1", digest="sha1" if way == "post" else "sha256")
    assert read(sent, legacy=frozenset({"sha1"})).id


def test_reason_consent_and_repeated_indexes_change_nothing(way: Way) -> None:
    reason = (("<samlp:LogoutRequest", '<samlp:LogoutRequest Reason="urn:x" Consent="urn:y"'),)
    found = read(request(way, rewrite=reason, session_indexes=("_a", "_b", "_a")))
    assert found.session_indexes == ("_a", "_b")


@pytest.mark.parametrize(
    ("ends", "until"),
    [
        (None, NOW + REMEMBERED + SKEW),
        (NOW + SECOND, NOW + REMEMBERED + SKEW),  # an answer from before may come for longer than it is valid
        (NOW + timedelta(hours=1), NOW + timedelta(hours=1) + SKEW),
        (datetime.fromisoformat("9999-12-31T23:59:59Z"), NOW + timedelta(days=1) + SKEW),
    ],
)
def test_how_long_a_request_is_remembered(way: Way, ends: datetime | None, until: datetime) -> None:
    assert read(request(way, not_on_or_after=ends)).until == until


def test_a_name_is_taken_with_every_part_of_it(way: Way) -> None:
    parts = f' NameQualifier="{IDP}" SPNameQualifier="urn:affiliation" SPProvidedID="p"'
    place = Participation("4711", PERSISTENT, "_s")
    found = read(request(way, place, name_id_attributes=parts))
    names = [subject.read_provider_name(one) for one in found.names]
    assert all(one[:2] == ("4711", PERSISTENT) for one in names)
    assert {one.name_qualifier for one in names} == {"", IDP}
    assert {one.sp_name_qualifier for one in names} == {"urn:affiliation"}
    other = read(request(way, place, name_id_attributes=' NameQualifier="urn:other"'))
    assert not set(other.names) & set(found.names)


def test_comments_do_not_cut_a_name(way: Way) -> None:
    found = read(request(way, name_part="<saml:NameID>zoe@acme.example<!-- -->.evil.example</saml:NameID>"))
    assert subject.read_provider_name(found.names[0]).value == "zoe@acme.example.evil.example"


def test_nothing_expected_may_be_absent() -> None:
    for absent in ({"sp_entity_id": ""}, {"slo_url": ""}):
        with pytest.raises(ValueError, match="absent"):
            want(**absent)
    with pytest.raises(ValueError, match="absent"):
        logout.read_response(response("post"), want(), request_id="")


def test_our_own_slo_of_another_connection_is_not_ours(way: Way) -> None:
    with pytest.raises(AssertionRefused, match=r"^saml\.logout_destination: "):
        read(request(way), slo_url="https://sp.example/saml/other/slo")


def test_a_message_of_another_kind_by_the_same_key_is_no_logout() -> None:
    stolen = peer().response(
        user=USER, acs_url=SLO, sp_entity_id=SP, request_id=REQUEST, now=NOW, sign="response"
    )
    with pytest.raises(AssertionRefused, match=r"^saml\.logout_message: "):
        read(stolen)
    wrapped = stolen.replace(b"samlp:Response", b"samlp:LogoutRequest")
    with pytest.raises(AssertionRefused, match=r"^saml\.digest: "):
        read(wrapped)


def test_a_borrowed_signature_inside_is_none_of_ours() -> None:
    inner = peer().slo.request(ZOE, SLO, post=True, message_id="_inner").decode()
    outer = peer().slo.request(
        ZOE,
        SLO,
        post=True,
        sign=False,
        insert={"extensions": f"<samlp:Extensions>{inner}</samlp:Extensions>"},
    )
    with pytest.raises(AssertionRefused, match=r"^saml\.signature_place: "):
        read(outer)


def encrypted(**knobs: Any) -> EncryptionKnobs:
    return EncryptionKnobs(encrypt=("name_id",), encrypt_to=ours().private.public_key(), **knobs)


@pytest.mark.parametrize("cipher", ["aes256-gcm", "aes128-gcm", "aes128-cbc"])  # the signature covers it
def test_an_encrypted_name_is_the_same_name(way: Way, cipher: str) -> None:
    found = read(request(way, encryption=encrypted(cipher=cipher)))
    assert found.names == read(request(way)).names


@pytest.mark.parametrize(
    ("code", "knobs"),
    [
        ("saml.decryption", {"spoil": "tag"}),
        ("saml.decryption", {"spoil": "key"}),
        ("saml.decryption", {"spoil": "ciphertext"}),
        ("saml.encryption_algorithm", {"transport": "rsa-1_5"}),
        ("saml.encryption_algorithm", {"cipher": "tripledes-cbc"}),
        (
            "saml.encrypted",
            {"plaintext": '<saml:BaseID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>'},
        ),
        ("saml.plaintext", {"plaintext": "<!DOCTYPE r><r/>"}),
    ],
)
def test_what_cannot_be_decrypted_is_refused(way: Way, code: str, knobs: dict[str, Any]) -> None:
    assert refusal("request", way, encryption=encrypted(**knobs)).code == code


def test_two_names_are_none(way: Way) -> None:
    both = {"insert": {"end": "<saml:EncryptedID/>"}}
    assert refusal("request", way, **both).code == "saml.encrypted"
    second = "<saml:NameID>ada@acme.example</saml:NameID>"
    assert refusal("request", way, insert={"end": second}).code == "saml.logout_malformed"


def test_an_encrypted_name_beside_a_plain_one_is_refused(way: Way) -> None:
    hidden = peer().slo.request(ZOE, SLO, post=False, encryption=encrypted())
    part = etree.tostring(etree.fromstring(hidden)[1], encoding="unicode")
    assert refusal("request", way, insert={"end": part}).code == "saml.logout_name"


@cache
def good(way: Way) -> bytes:
    """The octets of one good request, as the wire has them."""
    if way == "post":
        return peer().slo.request(ZOE, SLO, post=True)
    document = peer().slo.request(ZOE, SLO, post=False)
    url = peer().slo.redirect_url(SLO, name="SAMLRequest", document=document, relay_state="r")
    return url.partition("?")[2].encode()


@given(at=st.integers(0, 5000), cut=st.integers(0, 40), instead=st.binary(max_size=40))
def test_no_change_of_a_request_is_accepted_for_another(at: int, cut: int, instead: bytes) -> None:
    for way in ("redirect", "post"):
        octets = good("post" if way == "post" else "redirect")
        start = at % len(octets)
        changed = octets[:start] + instead + octets[start + cut :]
        try:
            sent = changed if way == "post" else bindings.decode_redirect(changed.decode("latin-1"))
            found = read(sent)
        except (AssertionRefused, RequestRefused):
            continue
        # White space between attributes, KeyInfo, a parameter of nobody's: what is read is what was signed.
        assert (found.session_indexes, found.issue_instant) == (("_session-1",), NOW)
        assert found.names == read(request("post")).names
