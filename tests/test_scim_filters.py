"""Filters: what columns answer is what the library's evaluator says, of any user, for any filter."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scim2_models import InvalidFilterException, ScimFilter, SearchRequest

from federation.provisioned import (
    Compare,
    Condition,
    Every,
    Kind,
    Not,
    Reference,
    ScimGroup,
    ScimUser,
    Some,
)
from federation.rules.folding import fold
from federation.scim import filters, models, resources, tolerance

NOW = datetime(2031, 5, 4, 10, 0, 0, 250, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def columns(one: ScimUser | ScimGroup) -> dict[str, Any]:
    """What the store has of a resource: "" for what is absent, lists for joined rows."""
    assert one.created_at is not None
    assert one.changed_at is not None
    told: dict[str, Any] = {
        "id": one.id,
        "externalId": one.external_id,
        "displayName": fold(one.display_name),
        "created": (one.created_at - EPOCH) // timedelta(microseconds=1),
        "changed": (one.changed_at - EPOCH) // timedelta(microseconds=1),
    }
    if isinstance(one, ScimGroup):
        return told | {"members": [member.id for member in one.members or ()]}
    return told | {
        "userName": fold(one.user_name),
        "emails": [fold(email) for email in one.emails],
        "active": one.active,
        "groups": [group.id for group in one.groups],
    }


def holds(where: Condition, row: dict[str, Any]) -> bool:
    """What SQL says of a condition: the promise that the store keeps."""
    match where:
        case Every(of):
            return all(holds(one, row) for one in of)
        case Some(of):
            return any(holds(one, row) for one in of)
        case Not(of):
            return not holds(of, row)
        case Compare(column=column, operator=operator, value=value):
            told = row[column]
            return any(_is(one, operator, value) for one in (told if isinstance(told, list) else [told]))
    raise AssertionError(where)


def _is(told: Any, operator: str, value: Any) -> bool:
    match operator:
        case "pr":
            return bool(told != "")
        case "eq":
            return bool(told == value)
        case "co":
            return value in told
        case "sw":
            return bool(told.startswith(value))
        case "ew":
            return bool(told.endswith(value))
        case "gt":
            return bool(told > value)
        case "ge":
            return bool(told >= value)
        case "lt":
            return bool(told < value)
        case "le":
            return bool(told <= value)
    raise AssertionError(operator)


WORDS = ["", "a", "B", "b", "ab", "Ba", "ä", "Ä", "\u212a", "k", "%", "_", "a'b", 'x"', "\\"]
word = st.sampled_from(WORDS)
filled = st.sampled_from(WORDS[1:])
when = st.sampled_from([NOW, NOW + timedelta(microseconds=1), NOW - timedelta(days=1)])
email = st.fixed_dictionaries(
    {}, optional={"value": filled, "type": st.sampled_from(["work", "home"]), "primary": st.just(False)}
)
users = st.builds(
    lambda user_name, rest, name, created, changed, groups: dataclasses.replace(
        resources.user(
            models.USER.model_validate({"userName": user_name, "name": {"givenName": name}, **rest}),
            current=None,
        ),
        id="i-a",
        created_at=created,
        changed_at=changed,
        groups=tuple(Reference(id=one, kind="Group", display="G") for one in groups),
    ),
    filled,
    st.fixed_dictionaries(
        {},
        optional={
            "externalId": filled,
            "displayName": filled,
            "active": st.booleans(),
            "emails": st.lists(email, max_size=2),
        },
    ),
    filled,
    when,
    when,
    st.lists(filled, max_size=2, unique=True),
)
groups = st.builds(
    lambda name, external, created, members: ScimGroup(
        id="i-a",
        display_name=name,
        external_id=external,
        body={},
        created_at=created,
        changed_at=created,
        members=resources.references(members),
    ),
    filled,
    word,
    when,
    st.lists(filled, max_size=2, unique=True),
)

TEXTS: dict[Kind, tuple[str, ...]] = {
    "User": (
        "userName", "externalId", "displayName", "id", "emails", "emails.value", "groups", "groups.value",
        "name.givenName", "emails.type", "urn:ietf:params:scim:schemas:core:2.0:User:USERNAME",
    ),
    "Group": ("displayName", "externalId", "id", "members", "members.value", "members.type"),
}  # fmt: skip
MANY: dict[Kind, tuple[str, ...]] = {"User": ("emails", "groups"), "Group": ("members",)}
OPERATORS = st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"])


def comparison(name: str) -> st.SearchStrategy[str]:
    text = st.builds(lambda op, value: f"{name} {op} {ScimFilter.quote(value)}", OPERATORS, word)
    null = st.sampled_from([f"{name} eq null", f"{name} ne null", f"{name} gt null", f"{name} pr"])
    return text | null


def asked(kind: Kind) -> st.SearchStrategy[str]:
    times = st.builds(
        lambda name, op, value: f'meta.{name} {op} "{value.isoformat()}"',
        st.sampled_from(["created", "lastModified"]),
        st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]),
        when,
    )
    inner = st.one_of([comparison(name) for name in ("value", "type")])
    entries = st.recursive(
        inner,
        lambda one: (
            st.builds(lambda a, op, b: f"({a} {op} {b})", one, st.sampled_from(["and", "or"]), one)
            | one.map(lambda told: f"not ({told})")
        ),
        max_leaves=3,
    )
    selected = st.builds(lambda name, told: f"{name}[{told}]", st.sampled_from(MANY[kind]), entries)
    flag = st.sampled_from(["active eq true", 'active eq "False"', "active ne true", "active pr"])
    leaves = [*(comparison(name) for name in TEXTS[kind]), times, selected]
    if kind == "User":
        leaves += [flag, st.just("active eq null")]
    return st.recursive(
        st.one_of(leaves),
        lambda one: (
            st.builds(lambda a, op, b: f"({a} {op} {b})", one, st.sampled_from(["and", "or"]), one)
            | one.map(lambda told: f"not ({told})")
        ),
        max_leaves=4,
    )


def agree(one: ScimUser | ScimGroup, told: str, kind: Kind) -> None:
    resource: Any = (
        resources.user_resource(one) if isinstance(one, ScimUser) else resources.group_resource(one)
    )
    parsed: ScimFilter[Any] = ScimFilter(told)
    narrowed = filters.narrow(parsed, kind)
    with tolerance.COMPARING:
        wanted = filters.bind(parsed, kind).match(resource)
    found = holds(narrowed.where, columns(one))
    if narrowed.exact:
        assert found == wanted, told
    else:
        assert found or not wanted, told


@settings(max_examples=150, deadline=None)
@given(users, asked("User"))
def test_columns_say_of_a_user_what_the_evaluator_says(one: ScimUser, told: str) -> None:
    agree(one, told, "User")


@settings(max_examples=80, deadline=None)
@given(groups, asked("Group"))
def test_columns_say_of_a_group_what_the_evaluator_says(one: ScimGroup, told: str) -> None:
    agree(one, told, "Group")


EXACT: list[tuple[Kind, str, Condition]] = [
    ("User", 'userName eq "Bob"', Compare(column="userName", operator="eq", value="bob")),
    ("User", 'externalId eq "Bob"', Compare(column="externalId", operator="eq", value="Bob")),
    ("User", 'active eq "true"', Compare(column="active", operator="eq", value=True)),
    ("User", "active ne true", Compare(column="active", operator="eq", value=False)),
    ("User", 'emails.value eq "B@x.y"', Compare(column="emails", operator="eq", value="b@x.y")),
    ("User", 'emails co "X"', Compare(column="emails", operator="co", value="x")),
    ("Group", 'displayName eq "G"', Compare(column="displayName", operator="eq", value="g")),
    (
        "Group",
        'id eq "X" and members eq "Y"',
        Every(
            (
                Compare(column="id", operator="eq", value="X"),
                Compare(column="members", operator="eq", value="Y"),
            )
        ),
    ),
    ("Group", 'members[value eq "Y"]', Compare(column="members", operator="eq", value="Y")),
    ("Group", 'userName eq "x"', filters.NOTHING),
    (  # "" is kept for what is absent, which is less than nothing
        "User",
        'displayName lt "X"',
        Every(
            (
                Compare(column="displayName", operator="pr"),
                Compare(column="displayName", operator="lt", value="x"),
            )
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "told", "where"), EXACT, ids=[told for _, told, _ in EXACT])
def test_what_clients_ask_is_answered_by_columns(kind: Kind, told: str, where: Condition) -> None:
    assert filters.narrow(ScimFilter(told), kind) == filters.Narrowed(where, exact=True)


def test_entra_asks_for_the_work_address_and_one_column_narrows_it() -> None:
    found = filters.narrow(ScimFilter('emails[type eq "work"].value eq "B@x.y"'), "User")
    assert found == filters.Narrowed(
        Every((Compare(column="emails", operator="eq", value="b@x.y"),)), exact=False
    )


@pytest.mark.parametrize(
    "told",
    [
        'name.givenName eq "a" or userName eq "b"',
        'not (emails.type eq "work")',
        'emails[value ne "b@x.y"]',
        'emails[not (value eq "b@x.y")]',
        'externalId gt "x"',
    ],
)
def test_what_columns_do_not_tell_rules_nobody_out(told: str) -> None:
    assert filters.narrow(ScimFilter(told), "User") == filters.Narrowed(filters.ALL, exact=False)


@pytest.mark.parametrize(
    "told", ["active gt true", "active co true", 'meta.created gt "yesterday"', 'active eq "perhaps"']
)
def test_what_an_attribute_cannot_take_is_refused(told: str) -> None:
    with pytest.raises(InvalidFilterException):
        filters.narrow(ScimFilter(told), "User")


def test_no_value_leaves_its_place() -> None:
    hostile = 'x" or userName pr or userName eq "'
    found = filters.narrow(ScimFilter(f"userName eq {ScimFilter.quote(hostile)}"), "User")
    assert found.where == Compare(column="userName", operator="eq", value=fold(hostile))


ORDERS: list[tuple[Kind, str | None, str | None]] = [
    ("User", None, "id"),
    ("User", "userName", "userName"),
    ("User", "meta.lastModified", "changed"),
    ("User", "displayName", None),  # may be absent
    ("User", "name.familyName", None),
    ("Group", "displayName", "displayName"),
    ("Group", "userName", "id"),
]


@pytest.mark.parametrize(("kind", "told", "order"), ORDERS)
def test_orders_by_what_every_resource_has(kind: Kind, told: str | None, order: str | None) -> None:
    assert filters.order(SearchRequest(sort_by=told), kind) == order
