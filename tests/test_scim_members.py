"""A PATCH of a group by what it names, held to what the library makes of the whole group."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scim2_models import Context, PatchOp, PayloadTooLargeException

from federation.provisioned import Members
from federation.scim import dialect, members, models, provider
from federation.scim.members import GroupChange
from federation.scim.models import GROUP_URN

SERVICE = provider.build()


def change(*operations: Any) -> GroupChange | None:
    return members.change(dialect.patch({"Operations": list(operations)}, "Group").payload)


def named(*ids: str) -> list[dict[str, str]]:
    return [{"value": one} for one in ids]


CHANGES: list[tuple[str, list[Any], GroupChange | None]] = [
    ("one comes", [{"op": "Add", "path": "members", "value": named("1")}],
     GroupChange(members=Members(add=("1",)))),
    ("one goes by a filter", [{"op": "remove", "path": 'Members[Value eq "1"]'}],
     GroupChange(members=Members(remove=("1",)))),
    ("two go by a filter", [{"op": "remove", "path": 'members[value eq "1" or value eq "2"]'}],
     GroupChange(members=Members(remove=("1", "2")))),
    ("one goes by a value", [{"op": "Remove", "path": f"{GROUP_URN}:members", "value": named("1")}],
     GroupChange(members=Members(remove=("1",)))),
    ("all go", [{"op": "remove", "path": "members"}], GroupChange(members=Members(every=True))),
    ("others come in their place", [{"op": "replace", "path": "members", "value": named("1", "2", "1")}],
     GroupChange(members=Members(add=("1", "2"), every=True))),
    ("the last word counts", [{"op": "add", "path": "members", "value": named("1", "2")},
                              {"op": "remove", "path": 'members[value eq "1"]'}],
     GroupChange(members=Members(add=("2",), remove=("1",)))),
    ("okta: renamed", [{"op": "replace", "value": {"id": "9", "displayName": "Team"}}],
     GroupChange(display_name="Team")),
    ("all at once", [{"op": "add", "value": {"displayName": "T", "externalId": "e", "members": named("1")}}],
     GroupChange(members=Members(add=("1",)), display_name="T", external_id="e")),
    ("externalId goes", [{"op": "remove", "path": "externalId"}], GroupChange(external_id="")),
    ("externalId cleared", [{"op": "replace", "path": "externalId", "value": ""}],
     GroupChange(external_id="")),
    ("nothing known", [{"op": "replace", "path": "shoeSize", "value": 1}], GroupChange()),
    ("a name cleared is the library's to refuse", [{"op": "replace", "path": "displayName", "value": ""}],
     None),
    ("a name removed is the library's to refuse", [{"op": "remove", "path": "displayName"}], None),
    ("id is the library's to refuse", [{"op": "replace", "path": "id", "value": "x"}], None),
    ("another filter", [{"op": "remove", "path": 'members[type eq "User"]'}], None),
    ("a filter of both", [{"op": "remove", "path": 'members[value eq "1" and type eq "User"]'}], None),
    ("a filter that is none", [{"op": "remove", "path": "members[value ~ 1]"}], None),
    ("everything removed", [{"op": "remove"}], None),
    ("a part of a member", [{"op": "remove", "path": 'members[value eq "1"].type'}], None),
    ("adding by a filter", [{"op": "add", "path": 'members[value eq "1"]', "value": {"value": "1"}}], None),
]  # fmt: skip


@pytest.mark.parametrize(("operations", "wanted"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_change_names_whom_it_changes(operations: list[Any], wanted: GroupChange | None) -> None:
    assert change(*operations) == wanted


def test_many_operations_on_the_whole_of_a_group_are_too_many() -> None:
    one = {"op": "remove", "path": 'members[type eq "User"]'}
    assert change(*[one] * 20) is None
    with pytest.raises(PayloadTooLargeException):
        change(*[one] * 21)
    assert change(*[{"op": "add", "path": "members", "value": named("1")}] * 1000) is not None


ids = st.lists(st.sampled_from(["1", "2", "3", "4"]), max_size=3).map(lambda told: named(*told))
operations = st.one_of(
    st.builds(
        lambda op, told: {"op": op, "path": "members", "value": told},
        st.sampled_from(["add", "Remove", "replace"]),
        ids,
    ),
    st.builds(lambda one: {"op": "remove", "path": f'members[value eq "{one}"]'}, st.sampled_from("1234")),
    st.just({"op": "remove", "path": "members"}),
    st.builds(
        lambda op, told: {"op": op, "value": told},
        st.sampled_from(["add", "replace"]),
        st.fixed_dictionaries({}, optional={"displayName": st.sampled_from("ab"), "members": ids}),
    ),
)


@settings(max_examples=100, deadline=None)
@given(st.sets(st.sampled_from(["1", "2", "3", "4"])), st.lists(operations, min_size=1, max_size=4))
def test_a_change_makes_of_a_group_what_the_library_makes(before: set[str], sent: list[Any]) -> None:
    read = dialect.patch({"Operations": sent}, "Group")
    told = members.change(read.payload)
    assert told is not None
    with SERVICE:
        group = models.GROUP.model_validate({"displayName": "g", "members": named(*before)})
        patch = PatchOp[models.Group].model_validate(read.payload, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
        assert members.of(patch) == told
        patch.patch(group)
    assert applied(before, told.members) == {one.value for one in group.members or ()}
    assert (told.display_name or "g") == group.display_name


def applied(before: set[str], told: Members | None) -> set[str]:
    if told is None:
        return before
    kept = set() if told.every else before - set(told.remove)
    return kept | set(told.add)
