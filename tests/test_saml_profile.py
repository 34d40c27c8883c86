"""Web Browser SSO rules: one good message, one fault at a time, each refused by its own rule."""
# ruff: noqa: E501 (one fault, one line)

from datetime import timedelta
from typing import Any

import pytest
import saml_peer
from saml_peer import ACS, IDP, NOW, REQUEST, SECOND, SKEW, SP

from federation.errors import AssertionRefused, Check
from federation.identity import Subject
from federation.saml import messages, profile
from federation.saml.messages import (
    Assertion,
    AuthnStatement,
    Conditions,
    Confirmation,
    Message,
    NameId,
    Response,
)

MINUTE = timedelta(minutes=1)
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
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
    context_class="urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
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
)


def good(*, signed_response: bool = True, faults: tuple[str, ...] = (), **fault: Any) -> Message:
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
        unsigned_parts=frozenset() if signed_response else frozenset({"response"}),
        faults=faults,
        seal=messages.SEAL,
    )


FAULTS: list[tuple[str, dict[str, Any]]] = [
    # rule broken                     what differs from the good message                  source
    ("saml.malformed",               {"faults": ("Subject is given 2 times",)}),         # Core §2.3.3
    ("saml.version",                 {"version": "1.1"}),                                # Core §2.3.3
    ("saml.version",                 {"response_version": ""}),                          # Core §3.2.2
    ("saml.status",                  {"response_status": ""}),                           # Core §3.2.2.2
    ("saml.status",                  {"response_status": SUCCESS + "ful"}),              # no prefix match
    ("saml.destination",             {"response_destination": None}),                    # Bindings §3.5.5.2
    ("saml.destination",             {"response_destination": ""}),
    ("saml.destination",             {"response_destination": ACS + "/evil"}),           # no prefix match
    ("saml.destination",             {"response_destination": ACS + "?"}),
    ("saml.destination",             {"response_destination": "https://other.example/", "signed_response": False}),
    ("saml.response_issuer",         {"response_issuer": name("https://other.example")}),  # Profiles §4.1.4.2
    ("saml.response_issuer",         {"response_issuer": name(IDP, format=PERSISTENT)}),
    ("saml.response_in_response_to", {"response_in_response_to": "_other"}),             # Core §3.2.2
    ("saml.response_in_response_to", {"response_in_response_to": ""}),
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
    ("saml.name_id",                 {"name_id": name("zoe", format=EMAIL)}),            # Core §8.3.2
    ("saml.name_id",                 {"name_id": name("zoe@acme.example,eve@evil.example", format=EMAIL)}),
    ("saml.name_id",                 {"name_id": name("zoë@acme.example", format=EMAIL)}),
    ("saml.name_id",                 {"name_id": name("zoe@acme.example.", format=EMAIL)}),
    ("saml.confirmation",            {"confirmations": ()}),                             # Profiles §4.1.4.2
    ("saml.confirmation",            {"confirmation_method": "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"}),
    ("saml.recipient",               {"confirmation_recipient": None}),                  # Profiles §4.1.4.2
    ("saml.recipient",               {"confirmation_recipient": ACS + "/"}),             # no prefix match
    ("saml.recipient",               {"confirmation_recipient": "https://evil.example/?" + ACS}),  # no substring
    ("saml.in_response_to",          {"confirmation_in_response_to": None}),             # unsolicited
    ("saml.in_response_to",          {"confirmation_in_response_to": ""}),
    ("saml.in_response_to",          {"confirmation_in_response_to": "_other"}),
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
    ("saml.session_expired",         {"statement_session_not_on_or_after": NOW - SKEW}),  # Core §2.7.2
]  # fmt: skip

# What else one fault must break: without Conditions there is no audience either.
FOLLOWS = {"saml.conditions": {"saml.audience"}, "saml.subject": {"saml.name_id"}}

# What the good message may also look like.
STANDS: list[dict[str, Any]] = [
    {},
    {"signed_response": False, "response_destination": None},
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
]


@pytest.mark.parametrize(("code", "fault"), FAULTS)
def test_one_fault_is_refused_by_its_rule(code: str, fault: dict[str, Any]) -> None:
    with pytest.raises(AssertionRefused, match=f"^{code}: ") as caught:
        profile.verify(good(**fault), saml_peer.expected(), BEFORE)
    broken = {one.code for one in caught.value.checks if one.said}
    assert broken - {code} <= FOLLOWS.get(code, set())


def test_every_rule_has_a_fault() -> None:
    assert {code for code, _ in FAULTS} == {*profile.RULES, *profile.CONFIRMATION_RULES}


@pytest.mark.parametrize("fault", STANDS)
def test_what_the_profile_allows_stands(fault: dict[str, Any]) -> None:
    assert profile.verify(good(**fault), saml_peer.expected(), BEFORE).id == "_a"


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
            unsigned_parts=frozenset(),
            faults=(),
            seal=object(),  # type: ignore[arg-type]
        )
