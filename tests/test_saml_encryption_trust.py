"""What is encrypted to us is nobody's word for that: who must have signed, and what it may cost."""

# ruff: noqa: E501 (one message, one line)

import re
import time
from typing import Any

import pytest
from saml_peer import NOW, USER, accept, encrypted, our_keys, refusal, response

from federation.demo.saml_wrapping import FORGED
from federation.saml import xml

XENC = xml.XENC[1:-1]
DS = xml.DS[1:-1]
SAML = xml.SAML[1:-1]
ASSERTION = f'<saml:Assertion xmlns:saml="{SAML}" ID="_x" Version="2.0"/>'
MAIL = USER.email


def forge(**knobs: Any) -> bytes:
    """What anybody can make: our metadata publishes the key to encrypt to."""
    return encrypted(name_id=FORGED, **knobs)


# Nothing that is encrypted to us is anybody's word for that.
CONFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("nobody signed",                          "saml.unsigned",      {"sign": "none"}),
    ("signed by another key inside",           "saml.signature",     {"sign": "assertion", "key": "another"}),
    ("signed by another key outside",          "saml.signature",     {"sign": "response", "key": "another"}),
    ("signed by another key in both places",   "saml.signature",     {"sign": "both", "key": "another"}),
    ("signed inside, then changed",            "saml.digest",        {"sign": "assertion", "plaintext_rewrite": ((f"{FORGED}</saml:NameID>", "x@acme.example</saml:NameID>"),)}),
    ("signed outside, inside changed",         "saml.digest",        {"sign": "both", "plaintext_rewrite": ((f"{FORGED}</saml:NameID>", "x@acme.example</saml:NameID>"),)}),
    ("SHA-1 inside",                           "saml.algorithm",     {"sign": "assertion", "method": "rsa-sha1"}),
    ("inside refers to nothing",               "saml.reference",     {"sign": "assertion", "reference": "#_other"}),
    ("no ID inside",                           "saml.id",            {"sign": "response", "assertion_id": None}),
    ("no ID outside",                          "saml.id",            {"sign": "assertion", "response_id": None}),
    ("an empty signature inside",              "saml.signed_info",   {"sign": "none", "plaintext_rewrite": (("</saml:Assertion>", f'<ds:Signature xmlns:ds="{DS}"/></saml:Assertion>'),)}),
    ("an empty signature inside, signed outside", "saml.signed_info", {"sign": "response", "plaintext_rewrite": (("</saml:Assertion>", f'<ds:Signature xmlns:ds="{DS}"/></saml:Assertion>'),)}),
    ("a signature deeper inside",              "saml.signature_place", {"sign": "response", "plaintext_rewrite": (("</saml:Assertion>", f'<saml:Advice><ds:Signature xmlns:ds="{DS}"/></saml:Advice></saml:Assertion>'),)}),
    ("an Assertion deeper inside",             "saml.one_assertion", {"sign": "response", "plaintext_rewrite": (("</saml:Assertion>", f"<saml:Advice>{ASSERTION}</saml:Advice></saml:Assertion>"),)}),
    ("ciphertext deeper inside",               "saml.one_assertion", {"sign": "response", "plaintext_rewrite": (("</saml:Assertion>", "<saml:Advice><saml:EncryptedAssertion/></saml:Advice></saml:Assertion>"),)}),
    ("a Response deeper inside",               "saml.response",      {"sign": "response", "plaintext_rewrite": (("</saml:Assertion>", f'<saml:Advice><samlp:Response xmlns:samlp="{xml.SAMLP[1:-1]}"/></saml:Advice></saml:Assertion>'),)}),
    ("an EncryptedID out of place inside",     "saml.encrypted",     {"sign": "response", "plaintext_rewrite": (("</saml:Assertion>", "<saml:EncryptedID/></saml:Assertion>"),)}),
    ("a relative namespace inside",            "saml.namespace",     {"sign": "response", "plaintext_rewrite": (("<saml:Subject>", '<saml:Subject xmlns:x="relative">'),)}),
    ("ciphertext of another message",          "saml.digest",        {"sign": "response", "swap": True}),
    ("another audience",                       "saml.audience",      {"audiences": (("https://other.example",),)}),
    ("another audience, signed outside",       "saml.audience",      {"sign": "response", "audiences": (("https://other.example",),)}),
    ("another recipient",                      "saml.recipient",     {"recipient": "https://other.example"}),
    ("another request",                        "saml.in_response_to", {"in_response_to": "_other"}),
    ("expired",                                "saml.expired",       {"not_on_or_after": NOW.replace(year=2025)}),
    ("another issuer",                         "saml.issuer",        {"issuer": "https://other.example"}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "knobs"), [row[1:] for row in CONFUSED], ids=[row[0] for row in CONFUSED])
def test_what_is_encrypted_to_us_is_nobodys_word_for_that(code: str, knobs: dict[str, Any]) -> None:
    told = dict(knobs)
    document = forge(**told) if not told.pop("swap", False) else swapped(**told)
    error = refusal(document)
    assert error.code == code
    if code in xml.STEPS:
        assert (error.checks, error.person) == ((), "")


def swapped(**knobs: Any) -> bytes:
    """A genuine message around ciphertext that somebody else made for us."""
    ciphertext = re.compile(rb"<saml:EncryptedAssertion.*</saml:EncryptedAssertion>", re.DOTALL)
    forged = ciphertext.search(forge(sign="none"))
    assert forged
    return ciphertext.sub(lambda _: forged[0], encrypted(**knobs))


def test_each_signature_speaks_for_what_it_covers() -> None:
    """One that holds inside does not lend itself to the Response, nor the other way round."""
    inside = accept(encrypted(sign="assertion"))
    assert {one.code.partition(":")[0] for one in inside.checks if "_key:" in one.code} == {
        "saml.assertion_key"
    }
    outside = accept(encrypted(sign="response"))
    assert {one.code.partition(":")[0] for one in outside.checks if "_key:" in one.code} == {
        "saml.response_key"
    }


@pytest.mark.parametrize(
    ("signed", "sign", "accepted"),
    [
        *(("either", sign, True) for sign in ("response", "assertion", "both")),
        *(("response", sign, sign != "assertion") for sign in ("response", "assertion", "both")),
        *(("assertion", sign, sign != "response") for sign in ("response", "assertion", "both")),
        *(("both", sign, sign == "both") for sign in ("response", "assertion", "both")),
    ],
)
@pytest.mark.parametrize("encrypt", [("assertion",), ("name_id",)])
def test_the_policy_of_signatures_holds_for_what_is_encrypted(
    signed: str, sign: str, *, accepted: bool, encrypt: tuple[str, ...]
) -> None:
    document = encrypted(sign=sign, encrypt=encrypt)
    if accepted:
        assert accept(document, signed=signed).id
    else:
        assert refusal(document, signed=signed).code == "saml.signed"


@pytest.mark.parametrize(
    "text",
    [
        f"{MAIL[:3]}<!-- -->{MAIL[3:]}",
        f"<![CDATA[{MAIL[:3]}]]>{MAIL[3:]}",
        f"{MAIL[:3]}&#x{ord(MAIL[3]):x};{MAIL[4:]}",
    ],
)
@pytest.mark.parametrize("encrypt", [("assertion",), ("name_id",)])
@pytest.mark.parametrize("sign", ["response", "assertion"])
def test_a_name_is_read_whole(text: str, encrypt: tuple[str, ...], sign: str) -> None:
    """A comment or CDATA in a name that was encrypted does not cut it."""
    document = encrypted(
        encrypt=encrypt,
        sign=sign,
        plaintext_rewrite=((f"{MAIL}</saml:NameID>", f"{text}</saml:NameID>"),),
    )
    assert accept(document).subject.value == MAIL


def hostile(inner: str) -> bytes:
    """As much as fits into one message, encrypted to us by anybody."""
    return encrypted(sign="none", plaintext=inner)


ROOM = 140_000  # octets of plaintext that fit, in base64
HEAD = f'<saml:Assertion xmlns:saml="{SAML}" ID="_x"'
HOSTILE = {
    "deep": f"{HEAD}>" + "<a>" * (ROOM // 7) + "</a>" * (ROOM // 7) + "</saml:Assertion>",
    "wide": f"{HEAD}>" + "<a/>" * 19_000 + "</saml:Assertion>",
    "attributes": f"{HEAD} " + " ".join(f'a{number}=""' for number in range(14_000)) + "/>",
    "identifiers": f"{HEAD}>"
    + "".join(f'<a ID="_{number}"/>' for number in range(8_000))
    + "</saml:Assertion>",
    "namespaces": f"{HEAD} "
    + " ".join(f'xmlns:a{number}="u:"' for number in range(6_000))
    + ">"
    + "<a/>" * 8_000
    + "</saml:Assertion>",
    "long namespace": f'{HEAD} xmlns:p="u:{"u" * 60_000}">' + "<p:a/>" * 8_000 + "</saml:Assertion>",
    "encrypted parts": f"{HEAD}><saml:AttributeStatement>"
    + "<saml:EncryptedAttribute/>" * 5_000
    + "</saml:AttributeStatement></saml:Assertion>",
    "signatures": f'{HEAD} xmlns:d="{DS}">' + "<d:Signature/>" * 9_000 + "</saml:Assertion>",
    "text": f"{HEAD}>" + "&amp;" * 25_000 + "</saml:Assertion>",
    "garbage": "\u00e9" * (ROOM // 2),
}


@pytest.mark.parametrize("plaintext", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.alone
def test_a_hostile_plaintext_costs_little(plaintext: str) -> None:
    document = hostile(plaintext)
    assert len(document) <= xml.MESSAGE_OCTETS
    start = time.process_time()
    assert refusal(document).code in xml.STEPS
    assert time.process_time() - start < 0.25


@pytest.mark.alone
def test_hostile_ciphertext_costs_little() -> None:
    """Many keys, many parts and much of either are refused before any of our keys is used."""
    value = "A" * 1_000
    key = f"<xenc:EncryptedKey><xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
    many_keys = encrypted(
        encrypted_rewrite=(("</saml:EncryptedAssertion>", f"{key * 150}</saml:EncryptedAssertion>"),)
    )
    one_large = encrypted(
        encrypted_sub=(
            r"[^<>]+(</xenc:CipherValue></xenc:CipherData><xenc:ReferenceList>)",
            "A" * 240_000 + r"\1",
        )
    )
    many_parts = response(insert={"attributes": "<saml:EncryptedAttribute/>" * 5_000})
    for document, code in (
        (many_keys, "saml.encrypted"),
        (one_large, "saml.decryption"),
        (many_parts, "saml.limits"),
    ):
        assert len(document) <= xml.MESSAGE_OCTETS
        start = time.process_time()
        assert refusal(document).code == code
        assert time.process_time() - start < 0.25


@pytest.mark.alone
def test_a_part_is_opened_no_further_than_the_first_that_does_not() -> None:
    attributes = {f"a{number}": ("x",) for number in range(32)}
    document = encrypted(encrypt=("attributes",), attributes=attributes, spoil="tag")
    start = time.process_time()
    assert refusal(document, decryption_keys=our_keys() * 3).code == "saml.decryption"
    assert time.process_time() - start < 0.1
