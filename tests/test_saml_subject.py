"""Who it is: which value keys the person, what is kept beside it, and the name that logout uses."""

import json
from typing import Any

import pytest
import saml_peer
from hypothesis import given
from hypothesis import strategies as st
from saml_peer import IDP, SP
from test_saml_profile import EMAIL, PAIRWISE_ID, PERSISTENT, SUBJECT_ID, TRANSIENT, UNSPECIFIED, good, name

from federation.connection import NameIdFormat
from federation.errors import AssertionRefused
from federation.identity import Subject, VerifiedAssertion
from federation.saml import profile, subject
from federation.saml.parts import NameId

TARGETED_ID = "urn:oid:1.3.6.1.4.1.5923.1.1.1.10"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
TENANT_ID = "http://schemas.microsoft.com/identity/claims/tenantid"
REQUIRED = {"name_id_format": UNSPECIFIED, "subject_required": True}


def verify(message: dict[str, Any], **want: Any) -> VerifiedAssertion:
    return profile.verify(good(**message), saml_peer.expected(**want), ())


def person(message: dict[str, Any], **want: Any) -> Subject:
    return verify(message, **want).subject


def targeted(*names: NameId, **other: Any) -> dict[str, Any]:
    """Return an eduPersonTargetedID as ``messages`` reads it."""
    text = tuple(f"{one.name_qualifier}!{one.sp_name_qualifier}!{one.value}" for one in names)
    return {"attributes": {TARGETED_ID: text}, "targeted_ids": {TARGETED_ID: names}} | other


def opaque(value: str = "4711", **other: Any) -> NameId:
    return name(value, **{"format": PERSISTENT} | other)


def test_every_format_of_the_settings_has_its_urn() -> None:
    assert set(subject.FORMATS) == set(NameIdFormat.__args__)  # type: ignore[attr-defined]
    assert set(subject.FORMATS.values()) == {EMAIL, PERSISTENT, TRANSIENT, UNSPECIFIED}


# NameID, format asked for → value of the key, its format
NAMED = [
    (name("Zoe@ACME.example", format=EMAIL), EMAIL, "zoe@acme.example", EMAIL),  # ASCII case-folded
    (name("Zoe", format=UNSPECIFIED), UNSPECIFIED, "Zoe", UNSPECIFIED),
    (name("Zoe"), UNSPECIFIED, "Zoe", UNSPECIFIED),  # Core §8.3.1: absent is the same
    (name(" Zoe\t", format=UNSPECIFIED), UNSPECIFIED, " Zoe\t", UNSPECIFIED),  # octet for octet
    (name("Zoe@ACME.example"), UNSPECIFIED, "Zoe@ACME.example", UNSPECIFIED),
    (opaque("aBc="), PERSISTENT, "aBc=", PERSISTENT),
]


@pytest.mark.parametrize(("sent", "asked", "value", "form"), NAMED)
def test_a_name_id_keys_the_person(sent: NameId, asked: str, value: str, form: str) -> None:
    assert person({"name_id": sent}, name_id_format=asked) == Subject(
        issuer=IDP, value=value, format=form, name_qualifier=IDP, sp_name_qualifier=SP
    )


def test_a_qualifier_that_is_left_out_is_the_one_that_it_means() -> None:
    told = opaque(name_qualifier=IDP, sp_name_qualifier=SP)
    assert person({"name_id": told}, name_id_format=PERSISTENT) == person(
        {"name_id": opaque()}, name_id_format=PERSISTENT
    )


def test_a_required_attribute_keys_the_person() -> None:
    sent = {"name_id": name("_1", format=TRANSIENT), "attributes": {"uid": ("Zoe ", "Zoe ")}}
    assert person(sent, subject_attributes=("uid",), **REQUIRED) == Subject(
        issuer=IDP, value="Zoe ", format="uid"
    )


def test_several_attributes_key_the_person_together() -> None:
    sent = {"attributes": {OBJECT_ID: ("o",), TENANT_ID: ("t",)}}
    found = person(sent, subject_attributes=(TENANT_ID, OBJECT_ID))
    assert (json.loads(found.value), json.loads(found.format)) == (["t", "o"], [TENANT_ID, OBJECT_ID])


@pytest.mark.parametrize("sent", [{}, {OBJECT_ID: ("o",)}, {OBJECT_ID: ("o",), TENANT_ID: ()}])
def test_the_name_id_stands_in_where_a_preset_misses_one(sent: dict[str, Any]) -> None:
    found = person({"attributes": sent}, subject_attributes=(TENANT_ID, OBJECT_ID))
    assert (found.format, found.value) == (EMAIL, "zoe@acme.example")


@pytest.mark.parametrize("attribute", [PAIRWISE_ID, SUBJECT_ID])
def test_an_identifier_is_compared_without_case(attribute: str) -> None:
    sent = {"attributes": {attribute: ("ABC=-1@Acme.Example",)}}
    found = person(sent, subject_attributes=(attribute,), subject_required=True)
    assert found == Subject(issuer=IDP, value="abc=-1@acme.example", format=attribute)


@pytest.mark.parametrize("told", [{}, {"name_qualifier": IDP}, {"sp_name_qualifier": SP}, {"format": ""}])
def test_a_targeted_id_keys_with_its_qualifiers(told: dict[str, str]) -> None:
    sent = targeted(opaque(**told))
    assert person(sent, subject_attributes=(TARGETED_ID,), subject_required=True) == Subject(
        issuer=IDP, value="4711", format=TARGETED_ID, name_qualifier=IDP, sp_name_qualifier=SP
    )


TARGETED_FAULTS: list[dict[str, Any]] = [
    targeted(opaque(name_qualifier="https://other.example")),
    targeted(opaque(sp_name_qualifier="https://other.example")),
    targeted(opaque(" ")),
    targeted(opaque("x" * 257)),
    targeted(opaque(format=TRANSIENT)),
    targeted(opaque("1"), opaque("2")),
    {"attributes": {TARGETED_ID: ("a!b!4711",)}},  # text, in place of a NameID
    targeted(opaque()) | {"attributes": {TARGETED_ID: ("a!b!4711", "a!b!4712")}},  # one of two
]


@pytest.mark.parametrize("sent", TARGETED_FAULTS)
def test_a_targeted_id_is_theirs_for_us(sent: dict[str, Any]) -> None:
    with pytest.raises(AssertionRefused, match=r"^saml\.subject_attribute: "):
        person(sent, subject_attributes=(TARGETED_ID,), subject_required=True)


def test_no_name_id_has_the_key_of_an_attribute() -> None:
    attribute = person({"attributes": {EMAIL: ("zoe@acme.example",)}}, subject_attributes=(EMAIL,))
    assert attribute.key != person({}).key


def test_an_address_is_known_from_an_email_name_id_alone() -> None:
    assert verify({}).subject_email == "Zoe@ACME.example"
    unspecified = {"name_id": name("zoe@acme.example")}
    assert verify(unspecified, name_id_format=UNSPECIFIED).subject_email == ""
    keyed = {"attributes": {"uid": ("4711",)}}
    assert verify(keyed, subject_attributes=("uid",)).subject_email == "Zoe@ACME.example"


ENTRA = (TENANT_ID, OBJECT_ID)
STABLE = (ENTRA, (PAIRWISE_ID,), (TARGETED_ID,))


def stable(message: dict[str, Any], **want: Any) -> list[list[str]]:
    """Return the names and the values of the stable id; [] where there is none."""
    found = verify(message, **{"stable_attributes": STABLE} | want).stable_id
    return [json.loads(found.kind), json.loads(found.value)] if found else []


def test_the_first_set_that_is_sent_whole_is_kept() -> None:
    both = {OBJECT_ID: ("o",), TENANT_ID: ("t",), PAIRWISE_ID: ("A@acme.example",)}
    assert stable({"attributes": both}) == [[TENANT_ID, OBJECT_ID], ["t", "o"]]
    del both[TENANT_ID]
    assert stable({"attributes": both}) == [[PAIRWISE_ID], ["a@acme.example"]]
    kept = stable(targeted(opaque("x")))
    assert kept == [[TARGETED_ID], [json.dumps([IDP, SP, "x"], separators=(",", ":"))]]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {PAIRWISE_ID: ()},
        {PAIRWISE_ID: ("",)},
        {PAIRWISE_ID: ("a@acme.example", "b@acme.example")},
        {PAIRWISE_ID: ("no scope",)},
        {TARGETED_ID: ("text",)},
    ],
)
def test_what_is_not_one_value_is_not_kept(sent: dict[str, Any]) -> None:
    assert stable({"attributes": sent}) == []


def test_nothing_is_kept_beside_an_attribute_that_keys_the_person() -> None:
    sent = {"attributes": {OBJECT_ID: ("o",), TENANT_ID: ("t",), "uid": ("1",)}}
    assert stable(sent, subject_attributes=("uid",)) == []
    assert stable(sent, subject_attributes=ENTRA) == []
    assert stable(sent, subject_attributes=("absent",)) != []


def test_the_session_at_the_provider_is_named_as_issued() -> None:
    issued = NameId("Zoe@ACME.example", EMAIL, "", "", "ours")
    session = verify({"name_id": issued, "attributes": {"uid": ("1",)}}, subject_attributes=("uid",))
    assert session.provider_session is not None
    assert subject.read_provider_name(session.provider_session.name) == issued
    assert session.provider_session.index == "_s"


NAMES = st.builds(NameId, *[st.text()] * 5)


@given(NAMES, st.text())
def test_a_provider_name_is_read_back(named: NameId, issuer: str) -> None:
    assert subject.read_provider_name(subject.provider_name(named, issuer)) == named


@given(st.tuples(NAMES, st.text()), st.tuples(NAMES, st.text()))
def test_two_names_are_never_written_alike(one: tuple[NameId, str], other: tuple[NameId, str]) -> None:
    assert (subject.provider_name(*one) == subject.provider_name(*other)) is (one == other)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '"a"', '["i","v","","",""]', '["i","v","","","",""]x', '["i",1,"","","",""]'],
)
def test_no_other_text_is_read_as_a_name(text: str) -> None:
    with pytest.raises(ValueError):
        subject.read_provider_name(text)


def test_a_later_message_may_leave_out_what_goes_without_saying() -> None:
    def spelled(one: NameId) -> set[str]:
        return set(subject.provider_names(one, issuer=IDP, sp_entity_id=SP))

    short = name("4711")
    full = NameId("4711", UNSPECIFIED, IDP, SP)
    assert spelled(short) == spelled(full)
    assert subject.provider_name(short, IDP) in spelled(full)
    assert len(spelled(full)) == 8
    assert spelled(full).isdisjoint(spelled(full._replace(value="4712")))
    assert spelled(full).isdisjoint(spelled(full._replace(name_qualifier="https://other.example")))
    assert spelled(full).isdisjoint(spelled(full._replace(format=PERSISTENT)))


TEXTS = st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=3)


def keyed(values: list[str]) -> str:
    """Return the key of a person that these values of the same attributes make."""
    names = tuple("abc"[: len(values)])
    sent = {key: (value,) for key, value in zip(names, values, strict=True)}
    return person({"attributes": sent}, subject_attributes=names, subject_required=True).key


@given(TEXTS, TEXTS)
def test_two_people_never_share_a_key(one: list[str], other: list[str]) -> None:
    assert (keyed(one) == keyed(other)) is (one == other)


@given(st.tuples(*[st.text()] * 4, st.text(min_size=1)), st.tuples(*[st.text()] * 4, st.text(min_size=1)))
def test_two_subjects_never_share_a_key(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    def key(parts: tuple[str, ...]) -> str:
        return Subject(
            issuer="i" + parts[0],
            format=parts[1],
            name_qualifier=parts[2],
            sp_name_qualifier=parts[3],
            value="v" + parts[4],
        ).key

    assert (key(one) == key(other)) is (one == other)
