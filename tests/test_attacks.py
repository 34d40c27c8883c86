"""Attacks found by a reviewer: each with the message that did it, and what it gets now."""

import time

import pytest
from saml_peer import accept, refusal, response

ADVICE = "<saml:Advice {declarations}>{content}</saml:Advice>"
LONG = "u:" + "u" * 30_000

# A signature taken from any message of theirs, around content of an attacker's.
SWOLLEN = {
    "a long namespace used often": (f'xmlns:p="{LONG}"', "<p:z/>" * 15_000),
    "in the other quotes": (f"xmlns:p = '{LONG}'", "<p:z/>" * 15_000),
    "as the default": (f'xmlns:p="{LONG}"', f'<p:z xmlns="{LONG}"/>' + "<p:z/>" * 15_000),
    "many declarations above many elements": (
        " ".join(f'xmlns:a{number}="u:"' for number in range(8_000)),
        "<z/>" * 15_000,
    ),
}


@pytest.mark.parametrize(("declarations", "content"), SWOLLEN.values(), ids=SWOLLEN)
def test_namespaces_do_not_swell_under_canonicalization(declarations: str, content: str) -> None:
    """18,000 uses of 30 kB are 540 MB of canonical octets, before any digest is compared."""
    swollen = ADVICE.format(declarations=declarations, content=content)
    document = response(tamper=(("<saml:Subject>", swollen + "<saml:Subject>"),))
    start = time.process_time()
    assert refusal(document).code == "saml.limits"
    assert time.process_time() - start < 0.5


def test_namespaces_declared_at_every_value_are_no_attack() -> None:
    """OpenSAML declares two at each AttributeValue."""
    value = (
        '<saml:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">g</saml:AttributeValue>'
    )
    attribute = f'<saml:Attribute Name="member">{value * 1_200}</saml:Attribute>'
    assert len(accept(response(insert={"attributes": attribute})).attributes["member"]) == 1_200


def test_children_of_an_unsigned_response_cost_little() -> None:
    """Each was compared with every other: four seconds for 18,000."""
    strange = "".join(f"<a{number:x}/>" for number in range(18_000)) + "<b/><b/>"
    document = response(sign="assertion", tamper=(("<samlp:Status>", strange + "<samlp:Status>"),))
    start = time.process_time()
    assert refusal(document).code == "saml.malformed"
    assert time.process_time() - start < 0.5


# part, time, code: "" where it is accepted
INSTANTS = [
    ("issue_instant", "0001-01-01T00:00:00Z", ""),
    ("issue_instant", "9999-12-31T23:59:59.999999Z", "saml.issue_instant"),
    ("response_issue_instant", "0001-01-01T00:00:00Z", ""),
    ("response_issue_instant", "9999-12-31T23:59:59.999999Z", "saml.issue_instant"),
    ("not_before", "0001-01-01T00:00:00Z", ""),
    ("not_before", "9999-12-31T23:59:59.999999Z", "saml.not_yet_valid"),
    ("not_on_or_after", "0001-01-01T00:00:00Z", "saml.expired"),
    ("not_on_or_after", "9999-12-31T23:59:59.999999Z", ""),
    ("session_not_on_or_after", "0001-01-01T00:00:00Z", "saml.session_expired"),
    ("session_not_on_or_after", "9999-12-31T23:59:59.999999Z", ""),
]


@pytest.mark.parametrize(("part", "instant", "code"), INSTANTS)
def test_no_time_leaves_the_calendar(part: str, instant: str, code: str) -> None:
    """The first IssueInstant less the clock skew was an OverflowError, not an answer."""
    document = response(**{part: instant})
    if code:
        assert refusal(document).code == code
    else:
        assert accept(document).id
