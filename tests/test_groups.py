"""Groups out of what identity providers send: which name is tried, and where one value holds several."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from decisions import connection

from federation import attributes, presets
from federation.configuration.scalars import SplitGroups
from federation.connection import OidcConnection, Organization, SamlConnection
from federation.errors import PolicyRefused
from federation.identity import SEAL, Authentication, Groups, Identity, Presence, Subject, VerifiedAssertion
from federation.oidc import claims
from federation.policy.decide import decide

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GUID = "5f3c6a52-1111-4e1b-9d3f-0a1b2c3d4e5f"
DN = "CN=Domain Admins,OU=Groups,DC=acme,DC=example"


def assertion(sent: dict[str, tuple[str, ...]], **differs: Any) -> VerifiedAssertion:
    told: dict[str, Any] = {
        "id": "_1",
        "subject": Subject(issuer="https://idp.example", value="1"),
        "not_on_or_after": NOW,
        "attributes": sent,
        "authentication": Authentication(instant=NOW),
        "checks": (),
        "seal": SEAL,
    }
    return VerifiedAssertion(**told | differs)


def normalize(
    verified: VerifiedAssertion, split: SplitGroups, mapped: dict[str, tuple[str, ...]] | None = None
) -> Identity:
    return attributes.normalize(
        verified, connection="okta", organization="acme", attributes=mapped or {}, split_groups=split
    )


def by_claims(
    said: dict[str, Any], split: SplitGroups, mapped: dict[str, tuple[str, ...]] | None = None
) -> Groups:
    """As OpenID Connect and OAuth 2.0 bring them."""
    paths = [claims.parse_path(one) for names in (mapped or {}).values() for one in names]
    read = claims.read_attributes(said, paths)
    verified = assertion(dict(read.values), strings=read.strings, unobtainable=read.unreadable)
    return normalize(verified, split, mapped).groups


def by_saml(*values: str, split: SplitGroups) -> Groups:
    return normalize(assertion({"groups": values}), split).groups


TRIED = ("groups", "group", "memberOf", "member_of", "roles", "role", "teams", "team")


@pytest.mark.parametrize("at", range(len(TRIED)))
def test_the_names_are_tried_in_this_order(at: int) -> None:
    said = {name: [name] for name in TRIED[at:]}
    assert by_claims(said, "auto").names == (TRIED[at],)
    assert normalize(assertion({name: (name,) for name in TRIED[at:]}), "auto").groups.names == (TRIED[at],)


CLAIMS = [
    # as claimed                     what it means
    (["a", "b c", "d,e"],           ("a", "b c", "d,e")),           # a list is names as they stand
    ("a,b",                         ("a", "b")),
    (" a , b,, ,c ",                ("a", "b", "c")),
    ("a b",                         ("a", "b")),
    ("Domain Admins,Ops West",      ("Domain Admins", "Ops West")),  # else: on spaces only without a comma
    ("a",                           ("a",)),
    ("a b  c",                      ("a", "b", "c")),
    (["Domain Admins"],             ("Domain Admins",)),
    ('["a", "b c"]',                ("a", "b c")),
    (' ["a"]',                      ("a",)),
    (['["a","b"]'],                 ('["a","b"]',)),                  # a name, whoever made it up
    (['["a","b"]', "c"],            ('["a","b"]', "c")),
    ("[acme] admins",               ("[acme]", "admins")),            # no JSON
    (["[acme] admins"],             ("[acme] admins",)),
    ('["a"] x',                     ('["a"]', "x")),
    (DN,                            (DN,)),
    ("OU=Staff,Admins",             ("OU=Staff,Admins",)),
    ("CN=Domain Admins",            ("CN=Domain Admins",)),
    (r"ACME\Domain Admins",         (r"ACME\Domain Admins",)),
    ("acme.example/Users/Domain Admins", ("acme.example/Users/Domain Admins",)),
    (r"ACME\a b,ACME\c",            (r"ACME\a b", r"ACME\c")),
    (GUID,                          (GUID,)),
    (7,                             ("7",)),
]  # fmt: skip


@pytest.mark.parametrize(("said", "names"), CLAIMS, ids=lambda one: str(one)[:20])
def test_what_a_claim_holds(said: Any, names: tuple[str, ...]) -> None:
    assert by_claims({"groups": said}, "auto") == Groups(Presence.PRESENT, names)
    assert by_claims({"g": said}, "auto", {"groups": ("g",)}) == Groups(Presence.PRESENT, names)
    assert by_claims({"a": {"g": said}}, "auto", {"groups": ("a.g",)}) == Groups(Presence.PRESENT, names)


STATES = [
    # as claimed        three answers that must not be mixed up
    ("",                Presence.EMPTY),
    (" ",               Presence.EMPTY),
    (",",               Presence.EMPTY),
    ([],                Presence.EMPTY),
    ("[]",              Presence.EMPTY),
    ('[" "]',           Presence.EMPTY),
    ("[1]",             Presence.UNOBTAINABLE),      # no names of groups
    ('["a", {"b": 1}]', Presence.UNOBTAINABLE),      # half of somebody's groups is no answer
    ('["a", null]',     Presence.UNOBTAINABLE),
]  # fmt: skip


@pytest.mark.parametrize(("said", "presence"), STATES)
def test_nothing_and_no_answer_are_two(said: Any, presence: Presence) -> None:
    assert by_claims({"groups": said}, "auto") == Groups(presence)
    if isinstance(said, str) and said != ",":  # of SAML, "," is the name of a group
        assert by_saml(said, split="auto") == Groups(presence)


def test_an_array_that_never_ends_is_a_name() -> None:
    deep = "[" * 100_000
    assert by_saml(deep, split="auto").names == (deep,)
    assert by_claims({"groups": [deep]}, "auto").names == (deep,)


SAML = [
    # as sent                 split         what it means
    (("Domain Admins",),      "auto",       ("Domain Admins",)),
    (("a,b",),                "auto",       ("a,b",)),
    ((DN, "a"),               "auto",       (DN, "a")),
    (('["a","b"]',),          "auto",       ("a", "b")),
    (('["a","b"]', "c d"),    "auto",       ('["a","b"]', "c d")),         # a name among others
    (("a,b c", "d"),          "commas",     ("a", "b c", "d")),
    (("a b", "c"),            "spaces",     ("a", "b", "c")),
    (("a;b c", "d"),          "semicolons", ("a", "b c", "d")),           # OneLogin's own way
    ((f"{DN};CN=Ops,DC=x",),  "semicolons", (DN, "CN=Ops,DC=x")),
    ((DN,),                   "commas",     (DN,)),
    (("CN=Domain Admins",),   "spaces",     ("CN=Domain Admins",)),
    (('["a","b"]',),          "never",      ("a", "b")),
]  # fmt: skip


@pytest.mark.parametrize(("values", "split", "names"), SAML)
def test_values_of_saml_are_names_unless_the_connection_says_otherwise(
    values: tuple[str, ...], split: SplitGroups, names: tuple[str, ...]
) -> None:
    assert by_saml(*values, split=split) == Groups(Presence.PRESENT, names)


def test_a_connection_may_say_that_nothing_is_split() -> None:
    for said in ("Domain Admins", "a,b", DN):
        assert by_claims({"groups": said}, "never").names == (said,)


SENDS_ONE_AS_A_STRING = ("adfs", "entra", "pingfederate")


@pytest.mark.parametrize("preset", [name for name, row in presets.PRESETS.items() if row.oidc is not None])
def test_a_rule_for_admins_does_not_match_the_domain_admins_of_a_vendor(preset: str) -> None:
    """Whoever is in one group alone has its name as a string there."""
    rules = [{"name": "boss", "groups": ["Admins"], "roles": ["owner"]}]
    filled = presets.fill_in({"preset": preset, "protocol": "oidc", "attributes": {}, "role_rules": rules})
    told = {key: value for key, value in filled.items() if key in OidcConnection.model_fields}
    through = connection("acme", "acme", **{**told, "attributes": {"groups": ("groups",)}})
    assert through.split_groups == ("never" if preset in SENDS_ONE_AS_A_STRING else "auto")
    read = claims.read_attributes({"groups": "Domain Admins"}, [claims.parse_path("groups")])
    who = normalize(
        assertion(dict(read.values), strings=read.strings), through.split_groups, {"groups": ("groups",)}
    )
    decision = decide(who, through, Organization(name="Acme"), (), system_roles=(), verified=frozenset())
    roles = tuple(grant.role for grant in decision.wanted.grants)
    assert roles == (() if preset in SENDS_ONE_AS_A_STRING else ("owner",))


def test_the_connection_beats_the_preset() -> None:
    told = {"preset": "adfs", "protocol": "oidc", "split_groups": "commas"}
    assert presets.fill_in(told)["split_groups"] == "commas"
    assert SamlConnection.model_fields["split_groups"].default == "auto"


def test_a_literal_list_hides_the_string_below_it() -> None:
    said = {"a": {"b": "Domain Admins"}, "a.b": ["Domain Admins"]}
    assert by_claims(said, "auto", {"groups": ("a.b",)}).names == ("Domain Admins",)


@pytest.mark.parametrize("listed", [True, False])
def test_nobody_is_in_more_groups_than_can_be_looked_up(*, listed: bool) -> None:
    """Short names fit by the ten thousand into what a person may come with."""
    names = tuple(map(str, range(attributes.GROUPS + 1)))
    sent = names if listed else (json.dumps(names),)
    with pytest.raises(PolicyRefused, match=r"^identity\.too_large: ") as refused:
        normalize(assertion({"groups": sent}), "auto")
    assert refused.value.checks[-1].code == "identity.too_large"
    assert len(normalize(assertion({"groups": names[1:]}), "auto").groups.names) == attributes.GROUPS
