"""What is read of a signed message: each part one way only, and what vendors write differently."""

from typing import Any

import pytest
import saml_peer
from saml_peer import IDP, NOW, SECOND, SP, refusal, response

from federation.saml import layout, messages, signature, xml
from federation.saml.messages import Message
from federation.saml.parts import NameId

TARGETED_ID = "urn:oid:1.3.6.1.4.1.5923.1.1.1.10"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def read(**knobs: Any) -> Message:
    root = xml.parse(response(**knobs), octets=xml.MESSAGE_OCTETS, elements=10_000)
    found = layout.read(root)
    assert isinstance(found, layout.Layout)
    return messages.read(signature.verify(found, saml_peer.trusted().keys, legacy=frozenset()))


def attribute(name: str, *values: str) -> str:
    return f'<saml:Attribute Name="{name}">{"".join(values)}</saml:Attribute>'


def value(content: str, more: str = "") -> str:
    return f"<saml:AttributeValue {more}>{content}</saml:AttributeValue>"


def test_the_name_id_is_read_as_issued() -> None:
    told = f' NameQualifier="{IDP}" SPNameQualifier="{SP}" SPProvidedID="a&amp;b"'
    read_one = read(name_id=" x ", name_id_format=PERSISTENT, name_id_attributes=told).assertion.name_id
    assert read_one == NameId(" x ", PERSISTENT, IDP, SP, "a&b")


@pytest.mark.parametrize(
    ("written", "values"),
    [
        (value("a"), ("a",)),
        (value("a") + value("a") + value("b"), ("a", "a", "b")),
        (value(""), ("",)),
        (value("", f'{XSI} xsi:nil="true"'), ()),
        (value("", f'{XSI} xsi:nil="1"'), ()),
        (value("", f'{XSI} xsi:nil="false"'), ("",)),
        (value("", 'nil="true"'), ("",)),
        (value("", f'{XSI} xsi:nil="true"') + value("a"), ("a",)),
        (value(f"a<b {XSI}>c</b>d"), ("acd",)),
        (value("a<!-- -->b"), ("ab",)),
        ("", ()),
    ],
)
def test_attribute_values(written: str, values: tuple[str, ...]) -> None:
    found = read(insert={"attributes": attribute("x", written)}).assertion
    assert found.attributes["x"] == values
    assert found.targeted_ids == {}


def test_a_name_that_repeats_is_merged() -> None:
    twice = attribute("Role", value("a")) + attribute("Role", value("b"))
    assert read(insert={"attributes": twice}).assertion.attributes["Role"] == ("a", "b")


def targeted(*contents: str) -> dict[str, Any]:
    return {"insert": {"attributes": attribute(TARGETED_ID, *map(value, contents))}}


NAMED = f'<saml:NameID Format="{PERSISTENT}" NameQualifier="i" SPNameQualifier="s">o!p</saml:NameID>'


def test_a_targeted_id_is_a_name_id() -> None:
    found = read(**targeted(f"\n  {NAMED}\n")).assertion
    assert found.attributes[TARGETED_ID] == ("i!s!o!p",)
    assert found.targeted_ids == {TARGETED_ID: (NameId("o!p", PERSISTENT, "i", "s"),)}


@pytest.mark.parametrize(
    "content", ["i!s!o", f"x{NAMED}", f"{NAMED}x", f"{NAMED}{NAMED}", "<saml:Issuer>o</saml:Issuer>"]
)
def test_a_targeted_id_of_another_shape_is_text(content: str) -> None:
    found = read(**targeted(content)).assertion
    assert found.targeted_ids == {TARGETED_ID: ()}
    assert len(found.attributes[TARGETED_ID]) == 1


def test_one_targeted_id_of_two_is_not_both() -> None:
    found = read(**targeted(NAMED, "text")).assertion
    assert (len(found.targeted_ids[TARGETED_ID]), len(found.attributes[TARGETED_ID])) == (1, 2)


CONTEXT = "</saml:AuthnContextClassRef>"


def test_who_else_had_a_part_in_it_is_kept() -> None:
    more = "".join(f"<saml:AuthenticatingAuthority>{one}</saml:AuthenticatingAuthority>" for one in "ab")
    found = read(rewrite=((CONTEXT, CONTEXT + more),))
    assert found.assertion.authn_statements[0].authorities == ("a", "b")
    assert found.faults == ()
    assert read().assertion.authn_statements[0].authorities == ()


def test_a_declaration_is_no_class() -> None:
    declared = "<saml:AuthnContextDeclRef>urn:x</saml:AuthnContextDeclRef>"
    found = read(rewrite=((CONTEXT, CONTEXT + declared),)).assertion.authn_statements[0]
    assert found.context_class.endswith(":PasswordProtectedTransport")


def test_every_statement_is_read_and_the_earliest_end_counts() -> None:
    until = (NOW + 60 * SECOND).strftime("%Y-%m-%dT%H:%M:%SZ")
    other = f'<saml:AuthnStatement AuthnInstant="{until}" SessionNotOnOrAfter="{until}"/>'
    knobs = {"insert": {"assertion_end": other}}
    assert [one.session_index != "" for one in read(**knobs).assertion.authn_statements] == [True, False]
    assert saml_peer.accept(response(**knobs)).authentication.session_until == NOW + 60 * SECOND


@pytest.mark.parametrize(
    ("sign", "signed"),
    [("assertion", (False, True)), ("response", (True, False)), ("both", (True, True))],
)
def test_which_part_is_signed_is_kept(sign: str, signed: tuple[bool, bool]) -> None:
    message = read(sign=sign)
    assert (message.response_signed, message.assertion_signed) == signed


MALFORMED = [
    {"insert": {"subject": "<saml:NameID>b</saml:NameID>"}},  # twice
    {"rewrite": ((f"<saml:Audience>{SP}", "<saml:Audience><b/>"),)},  # elements in place of text
    {"insert": {"attributes": "<saml:Attribute/>"}},
    {"issue_instant": "2026-11-21T12:00:00"},  # no zone
    {"issue_instant": "2026-11-21T13:00:00+01:00"},  # Core §1.3.3: UTC
    {"issue_instant": "2026-02-30T12:00:00Z"},
    {"issue_instant": "2026-11-21T12:00:00Z "},
    {"issue_instant": ""},
    {"authn_instant": "yesterday"},
    {"rewrite": ((CONTEXT, CONTEXT + "<saml:AuthenticatingAuthority><b/></saml:AuthenticatingAuthority>"),)},
]  # fmt: skip


@pytest.mark.parametrize("knobs", MALFORMED)
def test_what_cannot_be_read_one_way_is_malformed(knobs: dict[str, Any]) -> None:
    refused = refusal(response(**knobs))
    assert "saml.malformed" in {check.code for check in refused.checks if check.said}


def test_a_fraction_of_a_second_is_read() -> None:
    assert read(issue_instant="2026-11-21T12:00:00.1234567Z").assertion.issue_instant == NOW.replace(
        microsecond=123456
    )
