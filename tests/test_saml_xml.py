"""The parser and gate: limits, one reading only, and what explain says of each step."""
# ruff: noqa: E501 (one message, one line)

from datetime import timedelta
from typing import Any

import pytest
from lxml import etree
from saml_peer import ACS, NOW, REQUEST, encrypted, our_keys, response, terms, trusted

from federation.errors import AssertionRefused, Check
from federation.saml import profile, service_provider, xml
from federation.saml.service_provider import Said

AT_MOST = {"octets": 1000, "elements": 10}


def code(document: bytes, **limits: int) -> str:
    with pytest.raises(AssertionRefused) as caught:
        xml.parse(document, **AT_MOST | limits)
    return caught.value.code


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        (b"<r>" + b" " * 1000 + b"</r>", "saml.too_large"),
        ("<r/>".encode("utf-16"), "saml.encoding"),
        ("<r>é</r>".encode("latin-1"), "saml.encoding"),
        (b"<r>\0</r>", "saml.encoding"),
        (b"\xef\xbb\xbf\xef\xbb\xbf<r/>", "saml.not_xml"),
        (b'<?xml version="1.0" encoding="latin-1"?><r/>', "saml.encoding"),
        (b"<?xml?><r/>", "saml.processing_instruction"),
        (b"<?xml ?><r/>", "saml.encoding"),
        (b" <?xml version='1.0'?><r/>", "saml.processing_instruction"),
        (b"<!DOCTYPE r><r/>", "saml.doctype"),
        (b"<r><!ENTITY x></r>", "saml.doctype"),
        (b"<r><!-- <!DOCTYPE --></r>", "saml.doctype"),
        (b"<r><?x?></r>", "saml.processing_instruction"),
        (b"<r><![CDATA[<?x?>]]></r>", "saml.processing_instruction"),
        (b"", "saml.not_xml"),
        (b"r", "saml.not_xml"),
        (b"<r>", "saml.not_xml"),
        (b"<r/><r/>", "saml.not_xml"),
        (b"<r a='1' a='2'/>", "saml.not_xml"),
        (b"<x:r/>", "saml.not_xml"),
        (b"<r>&nbsp;</r>", "saml.not_xml"),
        (b"<r>" + b"<a/>" * 11 + b"</r>", "saml.limits"),
        (b'<r ID="a"><b ID="a"/></r>', "saml.id"),
        (b'<r><a><b ID="a"/></a><a ID="a"/></r>', "saml.id"),
        (b'<r ID="1"/>', "saml.id"),
        (b'<r ID=""/>', "saml.id"),
        (b'<r ID="a:b"/>', "saml.id"),
        (b'<r ID="' + b"a" * 257 + b'"/>', "saml.id"),
        (b'<r><a xml:id="a"/></r>', "saml.id"),
        (b'<r><a Id="a"/></r>', "saml.id"),
        (b'<r><a id = "a"/></r>', "saml.id"),
        (b'<r xmlns:x="urn:x"><a x:ID="a"/></r>', "saml.id"),
        (b'<r xmlns:x="urn:x"><a x:ID\t="a"/></r>', "saml.id"),
    ],
)
def test_a_document_with_two_readings_is_refused(document: bytes, refused: str) -> None:
    assert code(document) == refused


@pytest.mark.parametrize(
    "document",
    [
        b"<r/>",
        b"\xef\xbb\xbf<r/>",
        b'<?xml version="1.0"?><r/>',
        b"<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n<r/>",
        b"<r><!-- x --></r>",
        b"<r><![CDATA[<x>]]></r>",
        b"<r>what? now!</r>",
        b'<r ID="a"><b ID="b"/><c><d ID="_c.d-1"/></c></r>',
        b'<r ID="a">ID="b" or id = c</r>',
        b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#" Id="s"/>',
    ],
)
def test_plain_documents_are_read(document: bytes) -> None:
    assert xml.parse(document, **AT_MOST) is not None


def test_wide_elements_are_refused() -> None:
    wide = "<r " + " ".join(f'a{n}="{n}"' for n in range(600)) + "/>"
    assert code(wide.encode(), octets=100_000) == "saml.limits"
    spread = "<r>" + '<a b="1" c="2"/>' * 600 + "</r>"
    assert xml.parse(spread.encode(), octets=100_000, elements=10_000) is not None


def test_namespaces_that_canonicalization_would_multiply_are_refused() -> None:
    """138 kB of it became 540 MB of canonical octets."""
    long = f'<r xmlns:x="urn:{"a" * 60_000}">' + "<x:a/>" * 5_000 + "</r>"
    many = "<r " + " ".join(f'xmlns:n{n}="u:"' for n in range(5_000)) + ">" + "<a/>" * 15_000 + "</r>"
    for document in (long, long.replace('"', "'"), many):
        assert code(document.encode(), octets=xml.MESSAGE_OCTETS, elements=20_000) == "saml.limits"


def test_deep_documents_are_refused() -> None:
    assert code(b"<a>" * 300 + b"</a>" * 300, octets=100_000, elements=10_000) == "saml.not_xml"


@pytest.mark.parametrize(
    ("levels", "leaves", "read"),
    [(23, 19_000, True), (25, 19_000, False), (240, 3_000, True), (240, 3_900, False)],
)
def test_many_tags_stand_at_few_levels(levels: int, leaves: int, *, read: bool) -> None:
    """Canonicalization looks each of them up through every level: 19,000 at 240 levels took 100 ms."""
    document = ("<a>" * levels + "<a b=''/>" * leaves + "</a>" * levels).encode()
    if read:
        assert xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=20_000) is not None
    else:
        assert code(document, octets=xml.MESSAGE_OCTETS, elements=20_000) == "saml.limits"


@pytest.mark.parametrize(
    ("levels", "each", "read"), [(15, 4, True), (13, 5, False), (1, 65, False), (20, 30, False)]
)
def test_many_declarations_do_not_stand_inside_each_other(levels: int, each: int, *, read: bool) -> None:
    """Looked through at every tag: 600 of them in scope at 19,000 tags took 90 ms."""
    declared = [
        " ".join(f'xmlns:n{level}x{number}="u:"' for number in range(each)) for level in range(levels)
    ]
    opening = "".join(f"<a {names}>" for names in declared)
    flat = '<b xmlns:c="u:" xmlns:d="u:"/>' * 600
    document = (opening + "<a/>" * 2_000 + flat + "</a>" * levels).encode()
    if read:
        assert xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=20_000) is not None
    else:
        assert code(document, octets=xml.MESSAGE_OCTETS, elements=20_000) == "saml.limits"


def test_nothing_external_is_read(tmp_path: Any) -> None:
    """XInclude is not processed and schemaLocation not followed: the tree is as it was written."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    document = (
        f'<r xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{secret}" parse="text"/></r>'
    ).encode()
    root = xml.parse(document, **AT_MOST)
    assert "secret" not in "".join(map(str, root.itertext()))


def explained(document: bytes, **other: Any) -> tuple[Check, ...]:
    told: dict[str, Any] = {
        "idp": trusted(),
        "terms": terms(),
        "acs_url": ACS,
        "request_id": REQUEST,
        "legacy": frozenset(),
        "now": NOW,
        "decryption_keys": our_keys(),
    }
    return service_provider.explain(document, **told | other)


RULES = [*profile.RULES, *profile.CONFIRMATION_RULES]
PLAIN = [step for step in (*xml.GATE, *xml.SIGNED) if step not in RULES]
OPENED = [step for step in xml.STEPS if step not in RULES]


def codes(checks: tuple[Check, ...]) -> list[str]:
    return [one.code.partition(":")[0] for one in checks]


def test_explain_says_that_every_check_held() -> None:
    checks = explained(response())
    assert codes(checks) == [*PLAIN, "saml.assertion_key", *RULES]
    assert not any(one.said for one in checks)


@pytest.mark.parametrize("encrypt", [("assertion",), ("name_id",), ("attributes",)])
def test_explain_asks_for_decryption_where_something_is_encrypted(encrypt: tuple[str, ...]) -> None:
    checks = explained(encrypted(sign="both", encrypt=encrypt))
    assert codes(checks) == [*OPENED, "saml.response_key", "saml.assertion_key", *RULES]
    assert not any(one.said for one in checks)


# Where an encrypted message stops, and which tables of steps it had passed by then.
STOPS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("saml.one_assertion", {"insert": {"response_end": "<saml:Assertion xmlns:saml='urn:oasis:names:tc:SAML:2.0:assertion'/>"}}, []),
    ("saml.decryption", {"sign": "assertion", "spoil": "tag"}, ["gate"]),
    ("saml.decryption", {"sign": "response", "spoil": "tag"}, ["gate", "signed"]),
    ("saml.signature", {"sign": "response", "key": "another", "spoil": "tag"}, ["gate"]),
    ("saml.signature", {"sign": "assertion", "key": "another"}, ["gate", "decrypted"]),
    ("saml.unsigned", {"sign": "none"}, ["gate", "decrypted"]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "knobs", "passed"), STOPS)
def test_explain_tells_only_what_was_asked(code: str, knobs: dict[str, Any], passed: list[str]) -> None:
    """What is encrypted is opened behind the signature outside, and before the one inside."""
    checks = explained(encrypted(**knobs))
    assert checks[-1].code == code
    assert checks[-1].said == xml.STEPS[code]
    held = set(codes(checks[:-1]))
    for name, table in (("gate", xml.GATE), ("signed", xml.SIGNED), ("decrypted", xml.DECRYPTED)):
        steps = [step for step in table if step not in RULES]
        if name in passed:
            assert held >= set(steps) - {code}
        elif code in steps:
            assert held & set(steps) == set(steps[: steps.index(code)])
        else:
            assert not held & set(steps)


def test_explain_stops_where_nothing_more_can_be_trusted() -> None:
    checks = explained(response(key="another"))
    assert checks[-1] == Check("saml.signature", xml.STEPS["saml.signature"])
    assert codes(checks) == PLAIN[: PLAIN.index("saml.signature") + 1]


def test_explain_cannot_tell_whether_somebody_signed_in_anew() -> None:
    for request_id in (REQUEST, Said.NOT_KNOWN):
        checks = explained(response(), terms=terms(force_authn=True), request_id=request_id)
        assert {one.code: one.said for one in checks}["saml.authn_instant"] == (
            "not checked: the request is not known"
        )
    late = explained(response(authn_instant=NOW + timedelta(hours=1)), terms=terms(force_authn=True))
    assert "in the future" in str({one.code: one.said for one in late}["saml.authn_instant"])


def test_explain_tells_every_broken_rule() -> None:
    checks = explained(response(audiences=(), recipient=None))
    assert {one.code for one in checks if one.said} == {"saml.audience", "saml.recipient"}


def test_explain_says_what_it_could_not_check() -> None:
    checks = explained(response(), request_id=Said.NOT_KNOWN)
    unasked = {one.code: one.said for one in checks if one.said}
    assert set(unasked) == {"saml.in_response_to", "saml.response_in_response_to"}
    assert all(str(said).startswith("not checked") for said in unasked.values())


def test_explain_never_raises_for_what_it_is_given() -> None:
    for document in (b"", b"x", b"<r/>", response(sign="none"), response(wrap="xsw3")):
        assert explained(document)[-1].said


def test_explain_judges_at_a_moment() -> None:
    late = explained(response(), now=NOW + timedelta(days=1))
    assert {"saml.expired", "saml.confirmation_expired"} <= {one.code for one in late if one.said}


def test_the_libraries_agree() -> None:
    assert xml.library_fault() is None


def test_disagreeing_libraries_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etree, "LIBXML_VERSION", (2, 9, 14))
    fault = xml.library_fault()
    assert fault is not None
    assert "2.9.14" in fault
