"""The attack corpus: forged and hostile responses, each refused for the right reason.

Rows follow the classes of signature exclusion, wrapping, parser differentials, signature
processing and profile confusion. The untouched message passes first.
"""
# ruff: noqa: E501 (one attack, one line)

import re
import time
from typing import Any

import pytest
import saml_peer
from lxml import etree
from saml_peer import ACS, USER, accept, encrypted, expected, refusal, response

from federation.demo.saml_faults import FAULTS
from federation.demo.saml_signing import ENVELOPED, EXC_C14N, SignatureKnobs, make_key, sign
from federation.demo.saml_wrapping import FORGED, WRAPPINGS
from federation.errors import AssertionRefused
from federation.saml import profile, xml

C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
DS = "http://www.w3.org/2000/09/xmldsig#"
NOT_DS = 'xmlns:ds="http://www.w3.org/2000/09/xmldsig"'
ASSERTION = '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_x" Version="2.0"/>'
MAIL = USER.email
MIDDLE = MAIL.replace("@", "<!-- -->@")
PI_MIDDLE = MAIL.replace("@", "<?x y?>@")

# How each way of wrapping is refused. Where the forged part keeps an identifier, that comes first.
WRAPPED = {
    "xsw1": "saml.id",
    "xsw2": "saml.id",
    "xsw3": "saml.one_assertion",
    "xsw4": "saml.one_assertion",
    "xsw5": "saml.one_assertion",
    "xsw6": "saml.one_assertion",
    "xsw7": "saml.id",
    "xsw8": "saml.one_assertion",
    "sibling-after": "saml.one_assertion",
    "original-in-extensions": "saml.one_assertion",
    "original-in-advice": "saml.one_assertion",
    "original-in-attribute-value": "saml.one_assertion",
    "original-in-confirmation-data": "saml.one_assertion",
    "original-in-status-detail": "saml.one_assertion",
    "original-in-key-info": "saml.one_assertion",
    "borrowed-signature": "saml.digest",
    "decoy-signature": "saml.signature_place",
    "same-id": "saml.id",
    "nested-response": "saml.id",
}

ATTACKS: list[tuple[str, str, dict[str, Any]]] = [
    # what                               code                    knobs
    # --- exclusion
    ("no signature",                     "saml.unsigned",        {"sign": "none"}),
    ("empty signature",                  "saml.signed_info",     {"sign": "none", "insert": {"assertion_end": f'<ds:Signature xmlns:ds="{DS}"/>'}}),
    ("signature in a look-alike namespace", "saml.unsigned",     {"tamper": ((f'xmlns:ds="{DS}"', NOT_DS),)}),
    # --- nested content
    ("Assertion in Extensions",          "saml.one_assertion",   {"sign": "response", "insert": {"extensions": f"<samlp:Extensions>{ASSERTION}</samlp:Extensions>"}}),
    ("Assertion in AttributeValue",      "saml.one_assertion",   {"insert": {"attributes": f'<saml:Attribute Name="x"><saml:AttributeValue>{ASSERTION}</saml:AttributeValue></saml:Attribute>'}}),
    ("Assertion in StatusDetail",        "saml.one_assertion",   {"sign": "response", "insert": {"status": f"<samlp:StatusDetail>{ASSERTION}</samlp:StatusDetail>"}}),
    ("Assertion in SubjectConfirmationData", "saml.one_assertion", {"insert": {"confirmation_data": ASSERTION}}),
    ("Assertion in KeyInfo",             "saml.one_assertion",   {"key_info": f"<ds:KeyInfo>{ASSERTION}</ds:KeyInfo>"}),
    ("Assertion in Object",              "saml.one_assertion",   {"in_signature": f"<ds:Object>{ASSERTION}</ds:Object>"}),
    ("Signature in Extensions",          "saml.signature_place", {"insert": {"extensions": f'<samlp:Extensions><ds:Signature xmlns:ds="{DS}"/></samlp:Extensions>'}}),
    ("Signature in StatusDetail",        "saml.signature_place", {"insert": {"status": f'<samlp:StatusDetail><ds:Signature xmlns:ds="{DS}"/></samlp:StatusDetail>'}}),
    ("Signature in Subject",             "saml.signature_place", {"insert": {"subject": f'<ds:Signature xmlns:ds="{DS}"/>'}}),
    ("Signature in AttributeValue",      "saml.signature_place", {"insert": {"attributes": f'<saml:Attribute Name="x"><saml:AttributeValue><ds:Signature xmlns:ds="{DS}"/></saml:AttributeValue></saml:Attribute>'}}),
    ("Signature in a Signature",         "saml.signature_place", {"in_signature": "<ds:Object><ds:Signature/></ds:Object>"}),
    ("Signature in KeyInfo",             "saml.signature_place", {"key_info": "<ds:KeyInfo><ds:Signature/></ds:KeyInfo>"}),
    ("EncryptedAssertion beside",        "saml.one_assertion",   {"sign": "response", "insert": {"response_end": '<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>'}}),
    ("EncryptedID",                      "saml.encrypted",       {"insert": {"subject": "<saml:EncryptedID/>"}}),
    ("EncryptedAttribute",               "saml.encrypted",       {"insert": {"attributes": "<saml:EncryptedAttribute/>"}}),
    ("another root",                     "saml.response",        {"sign": "response", "rewrite": (("samlp:Response", "samlp:LogoutResponse"),)}),
    ("several documents",                "saml.not_xml",         {"tamper": (("</samlp:Response>", "</samlp:Response><samlp:Response/>"),)}),
    ("no Assertion",                     "saml.one_assertion",   {"sign": "response", "assertion": False}),
    # --- identity and parsers
    ("xml:id",                           "saml.id",              {"rewrite": (("<saml:Subject>", '<saml:Subject xml:id="_a">'),)}),
    ("prefixed ID",                      "saml.id",              {"rewrite": (("<saml:Subject>", '<saml:Subject samlp:ID="_a">'),)}),
    ("Id",                               "saml.id",              {"rewrite": (("<saml:Subject>", '<saml:Subject Id="_a">'),)}),
    ("id",                               "saml.id",              {"rewrite": (("<saml:Subject>", '<saml:Subject id="_a">'),)}),
    ("Id with space before the sign",    "saml.id",              {"tamper": (("<saml:Subject>", '<saml:Subject Id\n="_a">'),)}),
    ("one ID twice",                     "saml.id",              {"response_id": "_same", "assertion_id": "_same"}),
    ("Assertion without ID",             "saml.id",              {"assertion_id": None, "reference": "#None"}),
    ("Assertion with an empty ID",       "saml.id",              {"assertion_id": "", "reference": "#"}),
    ("Response without ID",              "saml.id",              {"response_id": None}),
    ("ID that is no name",               "saml.id",              {"assertion_id": "a b"}),
    ("relative namespace",               "saml.namespace",       {"tamper": (("<saml:Subject>", '<saml:Subject xmlns:x="relative">'),)}),
    ("relative namespace, other quotes", "saml.namespace",       {"tamper": (("<saml:Subject>", "<saml:Subject xmlns:x = '../r'>"),)}),
    ("DTD",                              "saml.doctype",         {"prolog": '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>'}),
    ("DTD, lower case",                  "saml.doctype",         {"prolog": "<!doctype r>"}),
    ("entity of a DTD",                  "saml.not_xml",         {"tamper": ((MAIL, f"&e;{MAIL}"),)}),
    ("stylesheet instruction",           "saml.processing_instruction", {"prolog": '<?xml-stylesheet href="https://evil.example/x.xsl"?>'}),
    ("instruction in NameID",            "saml.processing_instruction", {"tamper": ((f"{MAIL}</saml:NameID>", f"{PI_MIDDLE}</saml:NameID>"),)}),
    ("declared UTF-16",                  "saml.encoding",        {"prolog": '<?xml version="1.0" encoding="UTF-16"?>'}),
    ("declared UTF-7",                   "saml.encoding",        {"prolog": '<?xml version="1.0" encoding="UTF-7"?>'}),
    ("XML 1.1",                          "saml.encoding",        {"prolog": '<?xml version="1.1"?>'}),
    ("element in NameID",                "saml.malformed",       {"rewrite": ((f"{MAIL}</saml:NameID>", f"<saml:x/>{MAIL}</saml:NameID>"),)}),
    # --- signature processing
    ("another key, its certificate in KeyInfo", "saml.signature", {"key": "another"}),
    ("KeyValue in KeyInfo",              "saml.signature",       {"key": "another", "key_info": "<ds:KeyInfo><ds:KeyValue/></ds:KeyInfo>"}),
    ("RetrievalMethod",                  "saml.signature",       {"key": "another", "key_info": '<ds:KeyInfo><ds:RetrievalMethod URI="file:///dev/random"/></ds:KeyInfo>'}),
    ("RSA-SHA1",                         "saml.algorithm",       {"method": "rsa-sha1"}),
    ("SHA-1 digest",                     "saml.algorithm",       {"digest": "sha1"}),
    ("MD5 digest",                       "saml.algorithm",       {"digest": "md5"}),
    ("HMAC",                             "saml.algorithm",       {"tamper": (("rsa-sha256", "hmac-sha256"),)}),
    ("truncated HMAC",                   "saml.signed_info",     {"tamper": (('#rsa-sha256"/>', '#hmac-sha256"><ds:HMACOutputLength>1</ds:HMACOutputLength></ds:SignatureMethod>'),)}),
    ("DSA",                              "saml.algorithm",       {"tamper": ((f"{'http://www.w3.org/2001/04/xmldsig-more#'}rsa-sha256", f"{DS}dsa-sha1"),)}),
    ("another method than was signed",   "saml.signature",       {"tamper": (("rsa-sha256", "rsa-sha512"),)}),
    ("ECDSA method, RSA key",            "saml.signature",       {"tamper": (("rsa-sha256", "ecdsa-sha256"),)}),
    ("no algorithm",                     "saml.signed_info",     {"tamper": (('<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>', "<ds:DigestMethod/>"),)}),
    ("inclusive C14N of SignedInfo",     "saml.canonicalization", {"canonicalization": C14N}),
    ("C14N with comments",               "saml.canonicalization", {"canonicalization": EXC_C14N + "WithComments"}),
    ("XSLT",                             "saml.transforms",      {"transforms": (ENVELOPED, XSLT)}),
    ("XPath",                            "saml.transforms",      {"transforms": (ENVELOPED, XPATH)}),
    ("base64",                           "saml.transforms",      {"transforms": (ENVELOPED, f"{DS}base64")}),
    ("inclusive C14N",                   "saml.transforms",      {"transforms": (ENVELOPED, C14N)}),
    ("no transforms",                    "saml.transforms",      {"transforms": ()}),
    ("enveloped only",                   "saml.transforms",      {"transforms": (ENVELOPED,)}),
    ("exclusive only",                   "saml.transforms",      {"transforms": (EXC_C14N,)}),
    ("the other way round",              "saml.transforms",      {"transforms": (EXC_C14N, ENVELOPED)}),
    ("many transforms",                  "saml.transforms",      {"transforms": (ENVELOPED, *[EXC_C14N] * 500)}),
    ("child in a transform",             "saml.transforms",      {"tamper": ((f'<ds:Transform Algorithm="{ENVELOPED}"/>', f'<ds:Transform Algorithm="{ENVELOPED}"><x/></ds:Transform>'),)}),
    ("many prefixes",                    "saml.transforms",      {"prefixes": " ".join(f"p{n}" for n in range(17))}),
    ("other child in CanonicalizationMethod", "saml.canonicalization", {"tamper": ((f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}"/>', f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}"><x PrefixList=""/></ds:CanonicalizationMethod>'),)}),
    ("other child in the transform",     "saml.transforms",      {"prefixes": "xs", "tamper": (("ec:InclusiveNamespaces", "ec:ExclusiveNamespaces"),)}),
    ("further attribute of the prefixes", "saml.transforms",     {"prefixes": "xs", "tamper": ((' PrefixList="xs"', ' PrefixList="xs" x="y"'),)}),
    ("no PrefixList",                    "saml.transforms",      {"prefixes": "xs", "tamper": ((' PrefixList="xs"', ""),)}),
    ("child of the prefixes",            "saml.transforms",      {"prefixes": "xs", "tamper": ((' PrefixList="xs"/>', ' PrefixList="xs"><x/></ec:InclusiveNamespaces>'),)}),
    ("further attribute of Reference",   "saml.reference",       {"tamper": (("<ds:Reference ", '<ds:Reference Type="x" '),)}),
    ("empty URI",                        "saml.reference",       {"reference": ""}),
    ("no URI",                           "saml.reference",       {"reference": None}),
    ("external URI",                     "saml.reference",       {"reference": "https://evil.example/x.xml"}),
    ("file URI",                         "saml.reference",       {"reference": "file:///dev/random"}),
    ("xpointer",                         "saml.reference",       {"reference": "#xpointer(/)"}),
    ("another element's ID",             "saml.reference",       {"response_id": "_response", "reference": "#_response"}),
    ("two References",                   "saml.signed_info",     {"references": 2}),
    ("two hundred References",           "saml.signed_info",     {"references": 200}),
    ("no Reference",                     "saml.signed_info",     {"references": 0}),
    ("Manifest",                         "saml.signed_info",     {"in_signature": "<ds:Object><ds:Manifest/></ds:Object>"}),
    ("Object",                           "saml.signed_info",     {"in_signature": "<ds:Object/>"}),
    ("further child of SignedInfo",      "saml.signed_info",     {"in_signed_info": "<ds:Object/>"}),
    ("two SignedInfo",                   "saml.signed_info",     {"tamper": (("<ds:SignedInfo>", "<ds:SignedInfo/><ds:SignedInfo>"),)}),
    ("two KeyInfo",                      "saml.signed_info",     {"in_signature": "<ds:KeyInfo/>"}),
    ("element in DigestValue",           "saml.signed_info",     {"tamper": (("</ds:DigestValue>", "<x/></ds:DigestValue>"),)}),
    ("comment in DigestValue",           "saml.signature",       {"tamper": (("<ds:DigestValue>", "<ds:DigestValue>QUJD<!-- -->"),)}),
    ("SignatureValue that is not base64", "saml.signed_info",    {"tamper": (("<ds:SignatureValue>", "<ds:SignatureValue>!"),)}),
    ("value changed",                    "saml.digest",          {"tamper": ((f"{MAIL}</saml:NameID>", f"{FORGED}</saml:NameID>"),)}),
    ("value added",                      "saml.digest",          {"tamper": (("</saml:AttributeStatement>", '<saml:Attribute Name="groups"/></saml:AttributeStatement>'),)}),
    ("text behind the signature changed", "saml.digest",         {"tamper": (("</ds:Signature>", "</ds:Signature>x"),)}),
    ("Response changed",                 "saml.digest",          {"sign": "both", "tamper": ((f'Destination="{ACS}"', f'Destination="{ACS}x"'),)}),
    ("signed NameID moved to another namespace", "saml.digest",  {"tamper": (("<saml:Subject>", '<saml:Subject xmlns:saml="urn:evil">'),)}),
    # --- content
    ("two Subjects",                     "saml.malformed",       {"insert": {"assertion_end": "<saml:Subject><saml:NameID>x</saml:NameID></saml:Subject>"}}),
    ("two NameIDs",                      "saml.malformed",       {"insert": {"subject": "<saml:NameID>admin@acme.example</saml:NameID>"}}),
    ("two Conditions",                   "saml.malformed",       {"insert": {"assertion_end": "<saml:Conditions/>"}}),
    ("two Issuers",                      "saml.malformed",       {"insert": {"assertion_end": "<saml:Issuer>x</saml:Issuer>"}}),
    ("two StatusCodes",                  "saml.malformed",       {"rewrite": (("</samlp:Status>", '<samlp:StatusCode Value="x"/></samlp:Status>'),)}),
    ("two Status",                       "saml.malformed",       {"insert": {"extensions": '<samlp:Status><samlp:StatusCode Value="x"/></samlp:Status>'}}),
    ("nameless Attribute",               "saml.malformed",       {"insert": {"attributes": "<saml:Attribute/>"}}),
    ("local time",                       "saml.malformed",       {"not_on_or_after": "2026-11-21T12:05:00"}),
    ("time with an offset",              "saml.malformed",       {"not_on_or_after": "2026-11-21T13:05:00+01:00"}),
    ("no time at all",                   "saml.malformed",       {"not_on_or_after": "tomorrow"}),
    ("impossible time",                  "saml.malformed",       {"not_on_or_after": "2026-13-41T12:05:00Z"}),
    ("foreign digits",                   "saml.malformed",       {"not_on_or_after": "２０２６-11-21T12:05:00Z"}),
    ("week date",                        "saml.malformed",       {"not_on_or_after": "2026-W47-6T12:05:00Z"}),
    ("unknown condition",                "saml.condition",       {"insert": {"conditions": '<saml:Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x"/>'}}),
    ("failure with an assertion",        "saml.status",          {"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"}),
    ("no Status",                        "saml.status",          {"status": None}),
    ("another version",                  "saml.version",         {"version": "1.1"}),
]  # fmt: skip


def test_the_untouched_message_is_accepted() -> None:
    assert accept(response()).subject.value == MAIL


@pytest.mark.parametrize(("code", "knobs"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS])
def test_an_attack_is_refused_for_its_reason(code: str, knobs: dict[str, Any]) -> None:
    error = refusal(response(**knobs))
    assert isinstance(error, AssertionRefused)
    assert error.code == code


@pytest.mark.parametrize("wrap", WRAPPINGS)
@pytest.mark.parametrize("both", [False, True])
def test_wrapping_is_refused(wrap: str, both: bool) -> None:  # noqa: FBT001 (a parameter of the table)
    document = response(wrap=wrap, **({"sign": "both"} if both else {}))
    error = refusal(document)
    assert error.checks == ()  # nothing of the message is kept
    if not both:
        assert error.code == WRAPPED[wrap]


def test_every_wrapping_has_its_code() -> None:
    assert set(WRAPPED) == set(WRAPPINGS)


@pytest.mark.parametrize("wrap", [name for name, (signed, _) in WRAPPINGS.items() if signed == "assertion"])
@pytest.mark.parametrize("sign", ["assertion", "both"])
def test_wrapping_inside_what_is_encrypted_is_refused(wrap: str, sign: str) -> None:
    """Whoever wraps encrypts to us too: a forged Assertion, then even a genuine Response around it."""
    error = refusal(encrypted(wrap=wrap, sign=sign))
    assert error.checks == ()
    assert error.code in {WRAPPED[wrap], "saml.one_assertion", "saml.plaintext"}


# Signatures by the right key, over something else of theirs, of which every element can be had.
BORROWED = {
    "a failed sign-in": f'<samlp:Response xmlns:samlp="{xml.SAMLP[1:-1]}" ID="_forged"><ds:Signature xmlns:ds="{DS}"/></samlp:Response>',
    "a logout": f'<samlp:LogoutResponse xmlns:samlp="{xml.SAMLP[1:-1]}" ID="_forged"><ds:Signature xmlns:ds="{DS}"/></samlp:LogoutResponse>',
    "metadata": f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_forged"><ds:Signature xmlns:ds="{DS}"/></md:EntityDescriptor>',
    "an Assertion about somebody else": f'<saml:Assertion xmlns:saml="{xml.SAML[1:-1]}" ID="_forged"><ds:Signature xmlns:ds="{DS}"/></saml:Assertion>',
}  # fmt: skip


@pytest.mark.parametrize("signed", BORROWED.values(), ids=BORROWED)
@pytest.mark.parametrize("place", ["assertion", "response", "encrypted"])
def test_a_signature_over_something_else_lends_nothing(signed: str, place: str) -> None:
    lender = etree.fromstring(signed)
    sign(lender, saml_peer.peer().key, SignatureKnobs())
    lent = etree.tostring(lender[0], encoding="unicode")
    if place == "response":
        forged = response(
            sign="none", response_id="_forged", tamper=(("<samlp:Status>", f"{lent}<samlp:Status>"),)
        )
    elif place == "assertion":
        forged = response(sign="none", assertion_id="_forged", insert={"assertion_end": lent})
    else:
        forged = encrypted(sign="none", assertion_id="_forged", insert={"assertion_end": lent})
    assert refusal(forged).code == "saml.digest"


def test_the_assertions_signature_does_not_count_for_the_response() -> None:
    root = etree.fromstring(response())
    assertion = root.find(xml.ASSERTION)
    assert assertion is not None
    signature = assertion.find(xml.SIGNATURE)
    assert signature is not None
    root.insert(1, signature)
    assert refusal(etree.tostring(root)).code == "saml.reference"


def test_every_step_has_an_attack() -> None:
    elsewhere = {
        "saml.too_large",
        "saml.limits",
        *xml.DECRYPTED,
    }  # test_saml_xml.py, test_saml_encryption_faults.py
    refused = {code for _, code, _ in ATTACKS} | set(WRAPPED.values())
    assert set(xml.STEPS) - elsewhere <= refused


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_login_pages_faults_do_what_they_say(fault: Any) -> None:
    assert refusal(response(**fault.knobs)).code == fault.code


def test_a_comment_in_a_name_changes_nothing() -> None:
    """Duo 2018: the name was read only up to the comment. Signed without it, read without it."""
    document = response(tamper=((f"{MAIL}</saml:NameID>", f"{MIDDLE}</saml:NameID>"),))
    assert b"<!-- -->@" in document
    assert accept(document).subject.value == MAIL


def test_a_comment_in_a_longer_name_does_not_shorten_it() -> None:
    document = response(name_id=f"{MAIL}.evil.example", tamper=((f"{MAIL}.evil", f"{MAIL}<!-- -->.evil"),))
    assert accept(document).subject.value == f"{MAIL}.evil.example"


def test_cdata_is_text() -> None:
    document = response(tamper=((f"{MAIL}</saml:NameID>", f"<![CDATA[{MAIL}]]></saml:NameID>"),))
    assert accept(document).subject.value == MAIL


def test_an_error_report_says_which_word() -> None:
    error = refusal(
        response(
            sign="none",
            assertion=False,
            status="urn:oasis:names:tc:SAML:2.0:status:Responder",
            insert={"status": "<samlp:StatusMessage>secret</samlp:StatusMessage>"},
            rewrite=(
                ('Responder"/>', 'Responder"><samlp:StatusCode Value="urn:x:evil"/></samlp:StatusCode>'),
            ),
        )
    )
    assert error.code == "saml.status"
    assert "Responder" in error.detail
    assert "evil" not in error.detail


def test_an_empty_signature_value_is_no_signature() -> None:
    document = re.sub(rb"<ds:SignatureValue>[^<]+<", b"<ds:SignatureValue><", response())
    assert refusal(document).code == "saml.signature"


def test_another_idps_key_is_another_idps() -> None:
    other = make_key(now=saml_peer.NOW)
    error = refusal(response(key=other))
    assert error.code == "saml.signature"


def test_details_before_the_signature_hold_no_value() -> None:
    for _, code, knobs in ATTACKS:
        error = refusal(response(**knobs))
        if code in xml.STEPS and code not in profile.RULES:
            assert error.checks == ()
            assert error.detail.startswith(xml.STEPS[code])
        assert "example" not in error.detail


HOSTILE = {
    "attributes": "<r " + " ".join(f'a{n}="1"' for n in range(25_000)) + "/>",
    "declarations": "<r " + " ".join(f'xmlns:a{n}="u:"' for n in range(15_000)) + "/>",
    "depth": "<a>" * 40_000 + "</a>" * 40_000,
    "siblings": "<r>" + "<a/>" * 60_000 + "</r>",
    "identifiers": "<r>" + '<a ID="x"/>' * 20_000 + "</r>",
    "text": "<r>" + "&amp;" * 50_000 + "</r>",
    "comments": "<r>" + "<!---->" * 35_000 + "</r>",
    "question marks": "<r>" + "?" * 250_000 + "</r>",
    "exclamation marks": "<r>" + "!" * 250_000 + "</r>",
    "equals signs": "<r>" + "=" * 250_000 + "</r>",
    "white space before equals signs": "<r>" + " " * 125_000 + "=" * 125_000 + "</r>",
    "xmlns": "<r>" + "xmlns:" * 40_000 + "</r>",
    "xmlns and white space": "<r>" + "xmlns" + " " * 250_000 + "</r>",
    "declaration": '<?xml version="1.0"' + " " * 250_000 + "?><r/>",
    "signatures": f'<r xmlns:d="{DS}">' + "<d:Signature/>" * 15_000 + "</r>",
}


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.alone
def test_hostile_documents_cost_little(document: str) -> None:
    start = time.process_time()
    refusal(document.encode()[: xml.MESSAGE_OCTETS])
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("place", ["assertion_end", "extensions"])
@pytest.mark.alone
def test_a_replayed_signature_around_a_hostile_tree_costs_little(place: str) -> None:
    """The key speaks for SignedInfo alone: what follows it is still foreign."""
    wide = "".join(f'<x a{n}="{n}"><y b="1" xmlns:p{n}="u:{n}" p{n}:c="2"/></x>' for n in range(2_000))
    around = {"assertion_end": "</saml:Assertion>", "extensions": "<samlp:Status>"}[place]
    document = response(sign="both", tamper=((around, wide + around),))
    start = time.process_time()
    assert refusal(document).code == "saml.digest"
    assert time.process_time() - start < 0.5


def test_the_request_is_the_one_that_we_expect() -> None:
    document = response()
    assert refusal(document, request_id="_another").code == "saml.response_in_response_to"
    assert accept(document).id
    with pytest.raises(ValueError, match="absent"):
        expected(request_id="")
