"""Web Browser SSO rules: one good message, one fault at a time, each refused by its own rule."""
# ruff: noqa: E501 (one fault, one line)

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import saml_peer
from saml_peer import ACS, ASKED_AT, IDP, NOW, REQUEST, SECOND, SKEW, SP

from federation.errors import AssertionRefused, Check
from federation.identity import Subject, VerifiedAssertion
from federation.saml import messages, profile
from federation.saml.messages import (
    Assertion,
    AuthnStatement,
    Conditions,
    Confirmation,
    Message,
    Response,
)
from federation.saml.parts import NameId
from federation.saml.scopes import Scope

MINUTE = timedelta(minutes=1)
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
PAIRWISE_ID = "urn:oasis:names:tc:SAML:attribute:pairwise-id"
SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:subject-id"
PRINCIPAL = "urn:oid:1.3.6.1.4.1.5923.1.1.1.6"
MFA = "https://refeds.org/profile/mfa"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
BEFORE = (Check("saml.digest"),)


def name(value: str, **other: Any) -> NameId:
    return NameId(**{"value": value, "format": "", "name_qualifier": "", "sp_name_qualifier": ""} | other)


RESPONSE = Response(
    version="2.0",
    issue_instant=NOW,
    destination=ACS,
    in_response_to=REQUEST,
    issuer=name(IDP),
    status=SUCCESS,
)
CONFIRMATION = Confirmation(
    method="urn:oasis:names:tc:SAML:2.0:cm:bearer",
    recipient=ACS,
    in_response_to=REQUEST,
    not_before=None,
    not_on_or_after=NOW + 5 * MINUTE,
)
CONDITIONS = Conditions(
    not_before=NOW - MINUTE, not_on_or_after=NOW + 10 * MINUTE, audiences=((SP,),), others=()
)
STATEMENT = AuthnStatement(
    instant=NOW - MINUTE,
    session_index="_s",
    session_not_on_or_after=NOW + 60 * MINUTE,
    context_class=PASSWORD,
    authorities=(),
)
ASSERTION = Assertion(
    id="_a",
    version="2.0",
    issue_instant=NOW,
    issuer=name(IDP),
    name_id=name("Zoe@ACME.example", format=EMAIL),
    confirmations=(CONFIRMATION,),
    conditions=CONDITIONS,
    authn_statements=(STATEMENT,),
    attributes={"groups": ("staff",)},
    targeted_ids={},
)


def good(
    *, response_signed: bool = True, assertion_signed: bool = True, faults: tuple[str, ...] = (), **fault: Any
) -> Message:
    """Return the good message with some fields changed; each name is looked up where it belongs."""
    parts: dict[str, Any] = {
        "confirmation": CONFIRMATION,
        "conditions": CONDITIONS,
        "statement": STATEMENT,
        "response": RESPONSE,
    }
    for part, right in parts.items():
        mine = {
            key.removeprefix(f"{part}_"): fault.pop(key) for key in list(fault) if key.startswith(f"{part}_")
        }
        parts[part] = right._replace(**mine)
    whole = {
        "confirmations": (parts["confirmation"],),
        "conditions": parts["conditions"],
        "authn_statements": (parts["statement"],),
    } | fault
    return Message(
        response=parts["response"],
        assertion=ASSERTION._replace(**whole),
        response_signed=response_signed,
        assertion_signed=assertion_signed,
        faults=faults,
        seal=messages.SEAL,
    )


KEYED = {"subject_attributes": ("uid",), "subject_required": True}
UNSOLICITED = {"request_id": profile.Unsolicited.UNSOLICITED, "asked_at": None}
SCOPED = {
    "idp": replace(saml_peer.trusted(), scopes=(Scope(value="acme.example", regexp=False, pattern=None),))
}
EXPECTS = {"idp", "request_id", "asked_at", "now", "acs_url"}


def verify(fault: dict[str, Any]) -> VerifiedAssertion:
    """Verify the good message with its fault, under terms that ``want`` changes."""
    want = {key: fault[key] for key in EXPECTS & fault.keys()} | fault.get("want", {})
    message = {key: value for key, value in fault.items() if key not in {*EXPECTS, "want"}}
    return profile.verify(good(**message), saml_peer.expected(**want), BEFORE)


FAULTS: list[tuple[str, dict[str, Any]]] = [
    # rule broken                     what differs from the good message                  source
    ("saml.malformed",               {"faults": ("Subject is given 2 times",)}),         # Core §2.3.3
    ("saml.version",                 {"version": "1.1"}),                                # Core §2.3.3
    ("saml.version",                 {"response_version": ""}),                          # Core §3.2.2
    ("saml.status",                  {"response_status": ""}),                           # Core §3.2.2.2
    ("saml.status",                  {"response_status": SUCCESS + "ful"}),              # no prefix match
    ("saml.signed",                  {"response_signed": False, "want": {"signed": "response"}}),  # Core §5.4.1
    ("saml.signed",                  {"response_signed": False, "want": {"signed": "both"}}),
    ("saml.signed",                  {"assertion_signed": False, "want": {"signed": "assertion"}}),
    ("saml.signed",                  {"assertion_signed": False, "want": {"signed": "both"}}),
    ("saml.destination",             {"response_destination": None}),                    # Bindings §3.5.5.2
    ("saml.destination",             {"response_destination": ""}),
    ("saml.destination",             {"response_destination": ACS + "/evil"}),           # no prefix match
    ("saml.destination",             {"response_destination": ACS + "?"}),
    ("saml.destination",             {"response_destination": "https://other.example/", "response_signed": False}),
    ("saml.response_issuer",         {"response_issuer": name("https://other.example")}),  # Profiles §4.1.4.2
    ("saml.response_issuer",         {"response_issuer": name(IDP, format=PERSISTENT)}),
    ("saml.response_in_response_to", {"response_in_response_to": "_other"}),             # Core §3.2.2
    ("saml.response_in_response_to", {"response_in_response_to": ""}),
    ("saml.response_in_response_to", {"response_in_response_to": REQUEST, **UNSOLICITED}),  # Profiles §4.1.5
    ("saml.response_in_response_to", {"response_in_response_to": "", **UNSOLICITED}),
    ("saml.issuer",                  {"issuer": None}),                                  # Core §2.3.3
    ("saml.issuer",                  {"issuer": name("")}),
    ("saml.issuer",                  {"issuer": name(IDP + "/")}),
    ("saml.issuer",                  {"issuer": name(IDP.upper())}),
    ("saml.issue_instant",           {"issue_instant": None}),                           # Core §2.3.3
    ("saml.issue_instant",           {"issue_instant": NOW + SKEW + SECOND}),
    ("saml.issue_instant",           {"response_issue_instant": NOW + SKEW + SECOND}),   # Core §3.2.2
    ("saml.subject",                 {"name_id": None}),                                 # Profiles §4.1.4.2
    ("saml.subject",                 {"name_id": name(" \n", format=EMAIL)}),
    ("saml.name_id_format",          {"name_id": name("zoe@acme.example")}),             # Core §8.3.2
    ("saml.name_id_format",          {"name_id": name("4711", format=PERSISTENT)}),
    ("saml.name_id_format",          {"want": {"name_id_format": PERSISTENT}}),          # Core §8.3.7
    ("saml.name_id_format",          {"name_id": name("4711"), "want": {"name_id_format": PERSISTENT}}),
    ("saml.name_id_format",          {"name_id": name("4711", format=TRANSIENT), "want": {"name_id_format": PERSISTENT}}),
    ("saml.name_id_format",          {"want": {"name_id_format": UNSPECIFIED}}),         # Core §8.3.1
    ("saml.name_id_format",          {"name_id": name("4711", format=TRANSIENT), "want": {"subject_attributes": ("uid",), "subject_required": True}, "attributes": {"uid": ("4711",)}}),
    ("saml.name_id_format",          {"want": {"name_id_format": UNSPECIFIED, "subject_attributes": ("uid",)}, "attributes": {"uid": ("4711",)}}),
    ("saml.name_id",                 {"name_id": name("zoe", format=EMAIL)}),            # Core §8.3.2
    ("saml.name_id",                 {"name_id": name("zoe@acme.example,eve@evil.example", format=EMAIL)}),
    ("saml.name_id",                 {"name_id": name("zoë@acme.example", format=EMAIL)}),
    ("saml.name_id",                 {"name_id": name("zoe@acme.example.", format=EMAIL)}),
    ("saml.name_id",                 {"name_id": name("x" * 257, format=PERSISTENT), "want": {"name_id_format": PERSISTENT}}),  # Core §8.3.7
    ("saml.name_id",                 {"name_id": name("x" * 257, format=TRANSIENT), "want": {"name_id_format": TRANSIENT}}),  # Core §8.3.8
    ("saml.name_id",                 {"name_id": name("x" * 1025), "want": {"name_id_format": UNSPECIFIED}}),
    ("saml.name_qualifier",          {"name_id": name("4711", format=PERSISTENT, name_qualifier="https://other.example"), "want": {"name_id_format": PERSISTENT}}),  # Core §8.3.7
    ("saml.name_qualifier",          {"name_id": name("4711", format=PERSISTENT, sp_name_qualifier=SP + "/"), "want": {"name_id_format": PERSISTENT}}),
    ("saml.name_qualifier",          {"name_id": name("4711", format=TRANSIENT, name_qualifier=IDP.upper()), "want": {"name_id_format": TRANSIENT}}),
    ("saml.subject_attribute",       {"want": KEYED}),                                   # absent
    ("saml.subject_attribute",       {"attributes": {"uid": ()}, "want": KEYED}),        # xsi:nil
    ("saml.subject_attribute",       {"attributes": {"uid": ("",)}, "want": KEYED}),
    ("saml.subject_attribute",       {"attributes": {"uid": (" \n",)}, "want": KEYED}),
    ("saml.subject_attribute",       {"attributes": {"uid": ("4711", "4712")}, "want": KEYED}),
    ("saml.subject_attribute",       {"attributes": {"uid": ("4711", "4711 ")}, "want": KEYED}),
    ("saml.subject_attribute",       {"attributes": {"uid": ("x" * 1025,)}, "want": KEYED}),
    ("saml.subject_attribute",       {"attributes": {"UID": ("4711",)}, "want": KEYED}),  # octet for octet
    ("saml.subject_attribute",       {"attributes": {"uid": ("4711", "4712")}, "want": {"subject_attributes": ("uid",)}}),  # a preset's
    ("saml.subject_attribute",       {"attributes": {PAIRWISE_ID: ("4711",)}, "want": KEYED | {"subject_attributes": (PAIRWISE_ID,)}}),  # Subject Identifiers §3.4.1
    ("saml.subject_attribute",       {"attributes": {SUBJECT_ID: ("-4711@acme.example",)}, "want": KEYED | {"subject_attributes": (SUBJECT_ID,)}}),
    ("saml.subject_attribute",       {"attributes": {SUBJECT_ID: ("4711@acme.example\n",)}, "want": KEYED | {"subject_attributes": (SUBJECT_ID,)}}),
    ("saml.subject_attribute",       {"attributes": {SUBJECT_ID: ("x" * 128 + "@acme.example",)}, "want": KEYED | {"subject_attributes": (SUBJECT_ID,)}}),
    ("saml.confirmation",            {"confirmations": ()}),                             # Profiles §4.1.4.2
    ("saml.confirmation",            {"confirmation_method": "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"}),
    ("saml.recipient",               {"confirmation_recipient": None}),                  # Profiles §4.1.4.2
    ("saml.recipient",               {"confirmation_recipient": ACS + "/"}),             # no prefix match
    ("saml.recipient",               {"confirmation_recipient": "https://evil.example/?" + ACS}),  # no substring
    ("saml.in_response_to",          {"confirmation_in_response_to": None}),             # unsolicited
    ("saml.in_response_to",          {"confirmation_in_response_to": ""}),
    ("saml.in_response_to",          {"confirmation_in_response_to": "_other"}),
    ("saml.in_response_to",          {"confirmation_in_response_to": REQUEST, "response_in_response_to": None, **UNSOLICITED}),  # Profiles §4.1.5
    ("saml.in_response_to",          {"confirmation_in_response_to": "", "response_in_response_to": None, **UNSOLICITED}),
    ("saml.confirmation_expired",    {"confirmation_not_on_or_after": None}),            # Profiles §4.1.4.2
    ("saml.confirmation_expired",    {"confirmation_not_on_or_after": NOW - SKEW}),      # the bound is exclusive
    ("saml.confirmation_not_before", {"confirmation_not_before": NOW - MINUTE}),         # Profiles §4.1.4.2
    ("saml.conditions",              {"conditions": None}),
    ("saml.not_yet_valid",           {"conditions_not_before": NOW + SKEW + SECOND}),    # Core §2.5.1.2
    ("saml.expired",                 {"conditions_not_on_or_after": NOW - SKEW}),        # the bound is exclusive
    ("saml.audience",                {"conditions_audiences": ()}),                      # Core §2.5.1.4
    ("saml.audience",                {"conditions_audiences": ((),)}),
    ("saml.audience",                {"conditions_audiences": (("https://other.example",),)}),
    ("saml.audience",                {"conditions_audiences": ((SP,), ("https://other.example",))}),  # and-ed
    ("saml.audience",                {"conditions_audiences": ((SP + "/",),)}),
    ("saml.condition",               {"conditions_others": ("Custom",)}),                # Core §2.5.1
    ("saml.authn_statement",         {"authn_statements": ()}),                          # Profiles §4.1.4.2
    ("saml.authn_statement",         {"statement_instant": None}),                       # Core §2.7.2
    ("saml.authn_instant",           {"statement_instant": NOW + SKEW + SECOND}),        # Core §2.7.2
    ("saml.authn_instant",           {"statement_instant": ASKED_AT - SKEW - SECOND, "want": {"force_authn": True}}),  # Core §3.4.1
    ("saml.authn_instant",           {"response_in_response_to": None, "confirmation_in_response_to": None, **UNSOLICITED, "want": {"force_authn": True}}),
    ("saml.authn_instant",           {"statement_instant": NOW - 5 * MINUTE - SKEW - SECOND, "want": {"max_age": 5 * MINUTE}}),
    ("saml.authn_instant",           {"authn_statements": (STATEMENT, STATEMENT._replace(instant=NOW - 60 * MINUTE)), "want": {"max_age": 5 * MINUTE}}),
    ("saml.authn_context",           {"want": {"acrs": frozenset({MFA})}}),              # Core §3.3.2.2.1
    ("saml.authn_context",           {"statement_context_class": "", "want": {"acrs": frozenset({PASSWORD})}}),
    ("saml.authn_context",           {"statement_context_class": PASSWORD + "ProtectedTransport", "want": {"acrs": frozenset({PASSWORD})}}),
    ("saml.authn_context",           {"authn_statements": (STATEMENT, STATEMENT._replace(context_class=MFA)), "want": {"acrs": frozenset({MFA})}}),
    ("saml.session_expired",         {"statement_session_not_on_or_after": NOW - SKEW}),  # Core §2.7.2
    ("saml.scope",                   {"attributes": {PRINCIPAL: ("zoe@other.example",)}, **SCOPED}),  # shibmd:Scope
    ("saml.scope",                   {"attributes": {PRINCIPAL: ("zoe@sub.acme.example",)}, **SCOPED}),
    ("saml.scope",                   {"attributes": {PRINCIPAL: ("zoe",)}, **SCOPED}),
    ("saml.scope",                   {"attributes": {PRINCIPAL: ("zoe@other.example@acme.example",)}, **SCOPED}),
    ("saml.scope",                   {"attributes": {PRINCIPAL: ("",)}, **SCOPED}),
    ("saml.scope",                   {"attributes": {"eduPersonScopedAffiliation": ("member@acme.example", "member@other.example")}, **SCOPED}),
    ("saml.scope",                   {"attributes": {PAIRWISE_ID: ("4711@other.example",)}, **SCOPED}),
    ("saml.scope",                   {"attributes": {SUBJECT_ID: ("4711@other.example",)}, **SCOPED}),
    ("saml.scope",                   {"attributes": {"urn:oid:1.3.6.1.4.1.5923.1.1.1.13": ("4711@other.example",)}, **SCOPED}),
    ("saml.scope",                   {"name_id": name("zoe@other.example", format=EMAIL), **SCOPED}),
    ("saml.scope",                   {"attributes": {"workMail": ("zoe@other.example",)}, **SCOPED, "want": {"email_attributes": ("workMail",)}}),
    ("saml.scope",                   {"name_id": name("4711"), "attributes": {"mail": ("zoe@other.example",)}, **SCOPED, "want": {"name_id_format": UNSPECIFIED}}),
]  # fmt: skip

# What else one fault must break: without Conditions there is no audience either.
FOLLOWS = {
    "saml.conditions": {"saml.audience"},
    "saml.subject": {"saml.name_id"},
    "saml.response_in_response_to": {"saml.in_response_to"},
}

# What the good message may also look like.
STANDS: list[dict[str, Any]] = [
    {},
    {"response_signed": False, "response_destination": None},
    {"response_issuer": None},
    {"response_in_response_to": None},
    {"issuer": name(IDP, format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity")},
    {"issue_instant": NOW + SKEW},
    {"conditions_not_before": None, "conditions_not_on_or_after": None},
    {"conditions_not_before": NOW + SKEW},
    {"conditions_not_on_or_after": NOW - SKEW + SECOND},
    {"confirmation_not_on_or_after": NOW - SKEW + SECOND},
    {"statement_session_not_on_or_after": NOW - SKEW + SECOND},
    {"statement_session_not_on_or_after": None},
    {"conditions_audiences": (("https://other.example", SP), (SP,))},
    {"confirmations": (CONFIRMATION._replace(recipient="https://other.example"), CONFIRMATION)},
    {"attributes": {}},
    {"response_signed": False, "want": {"signed": "assertion"}},
    {"assertion_signed": False, "want": {"signed": "response"}},
    {"want": {"signed": "both"}},
    {"response_in_response_to": None, "confirmation_in_response_to": None, **UNSOLICITED},
    {"name_id": name("4711"), "want": {"name_id_format": UNSPECIFIED}},
    {"name_id": name("4711", format=UNSPECIFIED), "want": {"name_id_format": UNSPECIFIED}},
    {"name_id": name("x" * 256, format=PERSISTENT), "want": {"name_id_format": PERSISTENT}},
    {
        "name_id": name("4711", format=PERSISTENT, name_qualifier=IDP, sp_name_qualifier=SP),
        "want": {"name_id_format": PERSISTENT},
    },
    {"attributes": {"uid": ("4711", "4711")}, "want": KEYED},  # said twice, the same
    {
        "name_id": name("_t", format=TRANSIENT),
        "attributes": {"uid": ("4711",)},
        "want": KEYED | {"name_id_format": UNSPECIFIED},
    },
    {"attributes": {"b": ("1",)}, "want": {"subject_attributes": ("a", "b")}},  # a preset's, not whole
    {"statement_instant": NOW + SKEW},
    {"statement_instant": ASKED_AT - SKEW, "want": {"force_authn": True}},
    {"statement_instant": NOW - 5 * MINUTE - SKEW, "want": {"max_age": 5 * MINUTE}},
    {"want": {"max_age": timedelta.max - SKEW}},
    {"want": {"acrs": frozenset({PASSWORD, MFA})}},
    {"attributes": {PRINCIPAL: ("zoe@ACME.example",), "mail": ("zoe@private.example",)}, **SCOPED},
    {"attributes": {"mail": ("zoe@acme.example", "")}, **SCOPED, "want": {"email_attributes": ("mail",)}},
]


@pytest.mark.parametrize(("code", "fault"), FAULTS)
def test_one_fault_is_refused_by_its_rule(code: str, fault: dict[str, Any]) -> None:
    with pytest.raises(AssertionRefused, match=f"^{code}: ") as caught:
        verify(fault)
    broken = {one.code for one in caught.value.checks if one.said}
    assert broken - {code} <= FOLLOWS.get(code, set())


def test_every_rule_has_a_fault() -> None:
    assert {code for code, _ in FAULTS} == {*profile.RULES, *profile.CONFIRMATION_RULES}


@pytest.mark.parametrize("fault", STANDS)
def test_what_the_profile_allows_stands(fault: dict[str, Any]) -> None:
    assert verify(fault).id == "_a"


def test_halves_of_two_confirmations_do_not_add_up() -> None:
    other = CONFIRMATION._replace(recipient="https://other.example")
    late = CONFIRMATION._replace(not_on_or_after=NOW - MINUTE)
    with pytest.raises(AssertionRefused, match=r"^saml\.recipient: "):
        profile.verify(good(confirmations=(other, late)), saml_peer.expected(), BEFORE)


def test_another_methods_data_does_not_help() -> None:
    holder = CONFIRMATION._replace(method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key")
    bearer = CONFIRMATION._replace(in_response_to="_other")
    with pytest.raises(AssertionRefused, match=r"^saml\.in_response_to: "):
        profile.verify(good(confirmations=(holder, bearer)), saml_peer.expected(), BEFORE)


def test_the_verified_assertion_says_what_was_signed() -> None:
    verified = profile.verify(good(), saml_peer.expected(), BEFORE)
    assert verified.subject == Subject(
        issuer=IDP, value="zoe@acme.example", format=EMAIL, name_qualifier=IDP, sp_name_qualifier=SP
    )
    assert verified.subject_email == "Zoe@ACME.example"
    assert verified.not_on_or_after == NOW + 5 * MINUTE + SKEW
    assert verified.attributes == {"groups": ("staff",)}
    assert verified.unobtainable == frozenset()
    assert verified.email_verified is None
    authentication = verified.authentication
    assert (authentication.instant, authentication.session_index) == (NOW - MINUTE, "_s")
    assert authentication.session_until == NOW + 60 * MINUTE
    assert authentication.acr.endswith(":Password")
    codes = [check.code for check in verified.checks]
    assert codes == ["saml.digest", *profile.RULES, *profile.CONFIRMATION_RULES]
    assert not any(check.said for check in verified.checks)


def test_qualifiers_are_part_of_the_person() -> None:
    named = name("zoe@acme.example", format=EMAIL, name_qualifier="q", sp_name_qualifier="sp")
    subject = profile.verify(good(name_id=named), saml_peer.expected(), BEFORE).subject
    assert (subject.name_qualifier, subject.sp_name_qualifier) == ("q", "sp")


def test_the_earliest_of_several_sessions_ends_ours() -> None:
    other = STATEMENT._replace(session_not_on_or_after=NOW + 2 * MINUTE)
    verified = profile.verify(good(authn_statements=(STATEMENT, other)), saml_peer.expected(), BEFORE)
    assert verified.authentication.session_until == NOW + 2 * MINUTE


def test_a_bound_at_the_end_of_time_does_not_overflow() -> None:
    end = NOW.replace(year=9999, month=12, day=31, hour=23, minute=59, second=59)
    fault: dict[str, Any] = {"conditions_not_on_or_after": end, "confirmation_not_on_or_after": end}
    assert profile.verify(good(**fault), saml_peer.expected(), BEFORE).not_on_or_after == end


LATE = NOW + 60 * MINUTE
TIMED: list[tuple[str, dict[str, Any], tuple[timedelta, ...]]] = [
    # rule, what is wrong with the time, what the record must show beside the moment and the skew
    ("saml.not_yet_valid", {"conditions_not_before": LATE}, (60 * MINUTE, 10 * MINUTE)),
    ("saml.expired", {"conditions_not_on_or_after": NOW - 2 * MINUTE}, (-MINUTE, -2 * MINUTE)),
    ("saml.confirmation_expired", {"confirmation_not_on_or_after": NOW - 2 * MINUTE}, (-2 * MINUTE,)),
    ("saml.session_expired", {"statement_session_not_on_or_after": NOW - 2 * MINUTE}, (-2 * MINUTE,)),
    ("saml.issue_instant", {"issue_instant": LATE}, (60 * MINUTE,)),
    ("saml.authn_instant", {"statement_instant": LATE}, (60 * MINUTE,)),
    (
        "saml.authn_instant",
        {"statement_instant": NOW - 10 * MINUTE, "want": {"force_authn": True}},
        (-10 * MINUTE, ASKED_AT - NOW),
    ),
    (
        "saml.authn_instant",
        {"statement_instant": NOW - 10 * MINUTE, "want": {"max_age": MINUTE}},
        (-10 * MINUTE,),
    ),
]


@pytest.mark.parametrize(("code", "fault", "bounds"), TIMED)
def test_the_record_shows_the_bounds_and_the_time(
    code: str, fault: dict[str, Any], bounds: tuple[timedelta, ...]
) -> None:
    with pytest.raises(AssertionRefused) as caught:
        verify(fault)
    said = {one.code: one.said or "" for one in caught.value.checks}[code]
    assert all((NOW + bound).isoformat() in said for bound in bounds)
    assert said.endswith(f"; received at {NOW.isoformat()}, clock skew 60 s")


def test_entra_overage_is_unobtainable_not_empty() -> None:
    attributes = {"http://schemas.microsoft.com/claims/groups.link": ("https://graph.example",)}
    verified = profile.verify(good(attributes=attributes), saml_peer.expected(), BEFORE)
    assert "groups" in verified.unobtainable
    assert "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups" in verified.unobtainable


def test_a_refusal_names_the_person_and_keeps_values_out_of_the_detail() -> None:
    with pytest.raises(AssertionRefused) as caught:
        profile.verify(good(confirmation_recipient="https://evil.example"), saml_peer.expected(), BEFORE)
    refusal = caught.value
    good_one = profile.verify(good(), saml_peer.expected(), BEFORE)
    assert refusal.person == good_one.subject.person
    assert "evil" not in refusal.detail
    assert "evil" in "".join(map(str, refusal.checks))
    assert refusal.checks[0] == BEFORE[0]


def test_a_refusal_without_a_name_has_no_person() -> None:
    with pytest.raises(AssertionRefused) as caught:
        profile.verify(good(name_id=None), saml_peer.expected(), BEFORE)
    assert caught.value.person == ""


@pytest.mark.parametrize("absent", ["sp_entity_id", "name_id_format", "acs_url", "request_id"])
def test_nothing_expected_may_be_absent(absent: str) -> None:
    with pytest.raises(ValueError, match="absent"):
        saml_peer.expected(**{absent: ""})


def test_a_message_is_made_by_read_only() -> None:
    with pytest.raises(TypeError):
        Message(
            response=RESPONSE,
            assertion=ASSERTION,
            response_signed=True,
            assertion_signed=True,
            faults=(),
            seal=object(),  # type: ignore[arg-type]
        )
