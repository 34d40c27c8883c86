"""From what an identity provider said to our words: names, addresses, groups, keys."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import attributes, identity, presets
from federation.errors import PolicyRefused
from federation.identity import SEAL, Authentication, Groups, Identity, Presence, Subject, VerifiedAssertion

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"


def assertion(**differs: Any) -> VerifiedAssertion:
    told: dict[str, Any] = {
        "id": "_1",
        "subject": Subject(issuer="https://idp.example", value="1"),
        "not_on_or_after": NOW,
        "attributes": {},
        "authentication": Authentication(instant=NOW),
        "checks": (),
        "seal": SEAL,
    }
    return VerifiedAssertion(**told | differs)


def normalize(mapped: Mapping[str, tuple[str, ...]] | None = None, **differs: Any) -> Identity:
    return attributes.normalize(
        assertion(**differs),
        connection="okta",
        organization="acme",
        attributes=mapped or {},
        split_groups="auto",
    )


def sent(**values: str | tuple[str, ...]) -> dict[str, Any]:
    return {"attributes": {name: (one,) if isinstance(one, str) else one for name, one in values.items()}}


# ── the seal ──────────────────────────────────────────────────────────────────────────────


def test_only_a_verifier_makes_an_assertion() -> None:
    with pytest.raises(TypeError):
        assertion(seal=object())
    with pytest.raises(TypeError):
        assertion(seal=None)
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(assertion(), id="_2")  # type: ignore[call-arg]


# ── Subject ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", [{"issuer": ""}, {"value": ""}, {"value": " \t\n"}])
def test_a_subject_without_issuer_or_value_cannot_be(fault: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="Subject"):
        Subject(**{"issuer": "https://idp.example", "value": "1"} | fault)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SUBJECTS = st.builds(
    Subject,
    issuer=TEXT.filter(bool),
    value=TEXT.filter(str.strip),
    format=TEXT,
    name_qualifier=TEXT,
    sp_name_qualifier=TEXT,
)


@given(SUBJECTS, SUBJECTS)
def test_no_two_subjects_share_a_key(one: Subject, other: Subject) -> None:
    assert (one == other) == (one.key == other.key)
    assert (one == other) == (one.person == other.person)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"value": "ada"}, {"value": "Ada"}),
        ({"value": "é"}, {"value": "e\u0301"}),  # octet for octet: nothing is normalized
        ({"value": "a", "format": 'b","c'}, {"value": "a", "format": "b", "name_qualifier": "c"}),
    ],
)
def test_look_alikes_are_two_people(one: dict[str, str], other: dict[str, str]) -> None:
    assert Subject(issuer="i", **one).key != Subject(issuer="i", **other).key


# ── e-mail ────────────────────────────────────────────────────────────────────────────────

ADDRESSES = [
    ("ada@acme.example", "ada@acme.example"),
    ("Ada.Lovelace+x@ACME.Example", "Ada.Lovelace+x@acme.example"),
    ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
    ("ada@localhost", "ada@localhost"),
    ("o'hara@acme.example", "o'hara@acme.example"),
    (".ada..l@-a-.example", ".ada..l@-a-.example"),
    ("a" * 249 + "@A.ex", "a" * 249 + "@a.ex"),  # 254 characters
]
NO_ADDRESSES = [
    "", "ada", "@acme.example", "ada@", "ada@acme@example", "ada@acme..example", "ada@.acme.example",
    "ada@acme.example.", "ada.@acme.example", "ada@acme.example,eve@evil.example", "a b@acme.example",
    "ada@acme.example\n", "ada@ac me.example", "<ada@acme.example>", '"ada"@acme.example', "ada@[127.0.0.1]",
    "adа@acme.example", "ada@аcme.example", "ada@acme.example\x00", "ada@acme.example\u200b",
    "ada@--.example", "ada@acme_x.example", "ada(c)@acme.example", "ada\\@acme.example", "a" * 250 + "@a.ex",
]  # fmt: skip


@pytest.mark.parametrize(("address", "kept"), ADDRESSES)
def test_one_plain_address_is_kept(address: str, kept: str) -> None:
    assert identity.parse_email(address) == kept
    assert normalize(subject_email=address).email == kept


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_anything_else_is_no_address(address: str) -> None:
    assert identity.parse_email(address) is None


@given(st.text(max_size=40))
def test_no_text_makes_a_second_address(text: str) -> None:
    parsed = identity.parse_email(text)
    if parsed is not None:
        assert parsed.lower() == text.lower()
        assert parsed.isascii()
        assert parsed.count("@") == 1
        assert identity.parse_email(parsed) == parsed


EMAILS = [
    # the subject says    the IdP's attributes                          the map                        email
    ("ada@a.ex", {"email": "eve@e.ex"},               {},                            "ada@a.ex"),
    ("ada@a.ex", {"upn": "u@a.ex"},                   {"email": ("upn",)},           "u@a.ex"),
    ("ada@a.ex", {},                                          {"email": ("upn",)},           ""),
    ("",                 {"mail": "m@a.ex"},                  {},                            "m@a.ex"),
    ("",                 {"email": "e@a.ex", "mail": "m@x"},  {},                            "e@a.ex"),
    ("",                 {"upn": "u@a.ex"},                   {"email": ("email", "upn")},   "u@a.ex"),
    ("",                 {"upn": "u@x.y", "email": "e@a.ex"}, {"email": ("email", "upn")},   "e@a.ex"),
    ("",                 {"upn": "u@a.ex"},                   {},                            ""),
    ("",                 {"email": ("a@x.y", "A@x.y ")},              {},                            "a@x.y"),
    ("",                 {"email": ("", " ")},                        {},                            ""),
    ("",                 {"email": (), "mail": "m@a.ex"},             {},                            ""),
    ("",                 {"email": (), "upn": "u@a.ex"},              {"email": ("email", "upn")},   ""),
]  # fmt: skip


@pytest.mark.parametrize(("subject", "said", "mapped", "email"), EMAILS)
def test_where_the_address_comes_from(
    subject: str, said: dict[str, Any], mapped: dict[str, tuple[str, ...]], email: str
) -> None:
    assert normalize(mapped, subject_email=subject, **sent(**said)).email == email


@pytest.mark.parametrize(
    ("code", "attributes"),
    [
        ("identity.email_repeated", sent(email=("ada@acme.example", "eve@evil.example"))),
        ("identity.email_malformed", sent(email="ada@acme@evil.example")),
        ("identity.email_malformed", sent(email="аda@acme.example")),
    ],
)
def test_no_clear_address_is_refused(code: str, attributes: dict[str, Any]) -> None:
    with pytest.raises(PolicyRefused, match=f"^{code}: ") as refused:
        normalize(**attributes)
    assert refused.value.checks[-1].code == code
    assert "evil" not in refused.value.detail


# ── names, groups, the rest ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("ours", "names"), attributes.ALIASES.items())
def test_every_alias_is_read(ours: str, names: tuple[str, ...]) -> None:
    for name in names:
        value = "v@acme.example" if ours == "email" else "Zoë & <R&D>"
        made = normalize(attributes={name: (value,)})
        assert (made.groups.names[0] if ours == "groups" else getattr(made, ours)) == value
        assert made.attributes == {}


@pytest.mark.parametrize(
    ("attributes", "unobtainable", "presence", "names"),
    [
        (sent(groups=("a", "b", "a", " ")), (), Presence.PRESENT, ("a", "b")),
        (sent(groups=()), (), Presence.EMPTY, ()),
        (sent(), (), Presence.EMPTY, ()),
        (sent(), ("groups",), Presence.UNOBTAINABLE, ()),
        (sent(), ("department",), Presence.EMPTY, ()),
        (sent(groups=("a",)), ("groups",), Presence.PRESENT, ("a",)),
        (sent(roles=("app",)), ("groups",), Presence.UNOBTAINABLE, ()),
        (sent(roles=("app",)), ("department",), Presence.PRESENT, ("app",)),
        (sent(groups=(), roles=("app",)), (), Presence.EMPTY, ()),
        (sent(groups=(), roles=("app",)), ("groups",), Presence.UNOBTAINABLE, ()),
        (sent(groups=(), roles=()), ("roles",), Presence.EMPTY, ()),
        (sent(roles=()), ("member_of",), Presence.UNOBTAINABLE, ()),
    ],
)
def test_groups_have_three_states(
    attributes: dict[str, Any], unobtainable: tuple[str, ...], presence: Presence, names: tuple[str, ...]
) -> None:
    made = normalize(unobtainable=frozenset(unobtainable), **attributes)
    assert (made.groups.presence, made.groups.names) == (presence, names)


LISTS = [
    (f"{preset} {protocol} {ours}", ours, names)
    for preset, row in presets.PRESETS.items()
    for protocol in presets.PROTOCOLS
    if (dialect := getattr(row, protocol)) is not None
    for ours, names in {**attributes.ALIASES, **dialect.attributes}.items()
]


@pytest.mark.parametrize(("ours", "names"), [one[1:] for one in LISTS], ids=[one[0] for one in LISTS])
def test_of_several_names_the_first_that_is_there_decides(ours: str, names: tuple[str, ...]) -> None:
    """Present, empty and missing are three answers, whichever vendor gives them."""

    def read(said: dict[str, tuple[str, ...]]) -> Any:
        made = normalize({ours: names}, attributes=said)
        return made.groups if ours == "groups" else getattr(made, ours)

    empty = Groups(Presence.EMPTY) if ours == "groups" else ""
    value = "v@acme.example"
    for place, name in enumerate(names):
        behind = dict.fromkeys(names[place + 1 :], ("other@acme.example",))
        full = Groups(Presence.PRESENT, (value,)) if ours == "groups" else value
        assert read({name: (value,), **behind}) == full  # those before it are missing
        assert read({name: (), **behind}) == empty
    assert read({}) == empty


def test_an_attribute_that_is_empty_is_none_of_the_persons() -> None:
    made = normalize({"department": ("dept", "unit")}, **sent(dept=(), unit=("R&D",)))
    assert made.attributes == {"unit": ("R&D",)}


def test_what_is_sent_beside_unobtainable_groups_stays_an_attribute() -> None:
    made = normalize(unobtainable=frozenset({"groups"}), **sent(roles=("app",)))
    assert made.attributes == {"roles": ("app",)}


def test_the_map_takes_the_place_of_the_aliases() -> None:
    mapped = {"groups": ("teams",), "department": ("dept",), "city": ("l",)}
    made = normalize(mapped, **sent(groups="a", teams="b", dept="R&D", other="x"))
    assert made.groups.names == ("b",)
    assert made.attributes == {"groups": ("a",), "department": ("R&D",), "other": ("x",)}


def test_a_mapped_group_claim_that_is_not_sent_is_unobtainable_by_its_own_name() -> None:
    made = normalize({"groups": ("teams",)}, unobtainable=frozenset({"groups"}))
    assert made.groups.presence is Presence.EMPTY
    made = normalize({"groups": ("teams",)}, unobtainable=frozenset({"teams"}))
    assert made.groups.presence is Presence.UNOBTAINABLE


def test_what_was_said_about_the_address_is_passed_on() -> None:
    for said in (True, False, None):
        assert normalize(email_verified=said).email_verified is said
