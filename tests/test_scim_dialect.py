"""Every way in which directories write SCIM, each named, and what comes of it; one fault at a time."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scim2_models import Context, Error, PatchOp, SCIMException

from federation.provisioned import Kind
from federation.scim import dialect, documents, models, provider, tolerance
from federation.scim.models import ENTERPRISE_URN as ENTERPRISE
from federation.scim.models import GROUP_URN, USER_URN

SERVICE = provider.build()
SECRET = "Tr0ub4dor&3"
USER: dict[str, Any] = {
    "userName": "bob",
    "externalId": "e-1",
    "active": True,
    "title": "Clerk",
    "name": {"givenName": "Bob", "familyName": "Stone"},
    "emails": [{"value": "bob@acme.example", "type": "work", "primary": True}],
    ENTERPRISE: {"department": "Sales", "manager": {"value": "m-1", "$ref": "Users/m-1"}},
}
GROUP: dict[str, Any] = {"displayName": "Staff", "members": [{"value": "1"}, {"value": "2"}]}


def refused(failure: Exception) -> str:
    """The scimType, or the status where there is none."""
    if isinstance(failure, SCIMException):
        return failure.scim_type or str(failure.status)
    assert isinstance(failure, ValidationError)
    return str(Error.from_validation_errors(failure)[0].scim_type)


def read_patch(body: Any, kind: Kind) -> Any:
    model: Any = models.USER if kind == "User" else models.GROUP
    with SERVICE:
        return PatchOp.__class_getitem__(model).model_validate(
            dialect.patch(body, kind).payload, scim_ctx=Context.RESOURCE_PATCH_REQUEST
        )


def patched(kind: Kind, *operations: Any) -> dict[str, Any]:
    """What a PATCH makes of a resource, as it would be sent over the wire."""
    model: Any = models.USER if kind == "User" else models.GROUP
    body = json.dumps({"Operations": list(operations)}).encode()
    with SERVICE:
        resource = model.model_validate(USER if kind == "User" else GROUP)
        read_patch(documents.read(body), kind).patch(resource)
        told: dict[str, Any] = resource.model_dump()
    told.pop("schemas")
    return told


def but(**changes: Any) -> dict[str, Any]:
    """The user with these in place; None takes one away."""
    told = {**USER, **changes}
    return {name: value for name, value in told.items() if value is not None}


def enterprise(**changes: Any) -> dict[str, Any]:
    inside = {name: told for name, told in {**USER[ENTERPRISE], **changes}.items() if told is not None}
    return but(**{ENTERPRISE: inside})


MANAGER = {"value": "m-2"}
QUIRKS: list[tuple[str, Any, dict[str, Any]]] = [
    ("entra: Replace in capitals", {"op": "Replace", "path": "title", "value": "x"}, but(title="x")),
    ("entra: Add in capitals", {"op": "Add", "path": "nickName", "value": "x"}, but(nickName="x")),
    ("entra: Remove in capitals", {"op": "Remove", "path": "title"}, but(title=None)),
    ("op with spaces", {"op": " replace ", "path": " title ", "value": "x"}, but(title="x")),
    ("Op, Path, Value in capitals", {"Op": "replace", "Path": "title", "Value": "x"}, but(title="x")),
    ("entra: False as text", {"op": "Replace", "path": "active", "value": "False"}, but(active=False)),
    ("okta: active without a path", {"op": "replace", "value": {"active": False}}, but(active=False)),
    ("entra: False inside a value", {"op": "Replace", "value": {"active": "False"}}, but(active=False)),
    (
        "entra: dotted names in a value",
        {"op": "Replace", "value": {"name.givenName": "B", "name.familyName": "S"}},
        but(name={"givenName": "B", "familyName": "S"}),
    ),
    (
        "entra: names behind a URN in a value",
        {"op": "Add", "value": {f"{ENTERPRISE}:department": "IT"}},
        enterprise(department="IT"),
    ),
    (
        "an extension as an object in a value",
        {"op": "replace", "value": {ENTERPRISE: {"department": "IT"}}},
        enterprise(department="IT"),
    ),
    (
        "the core schema as an object in a value",
        {"op": "replace", "value": {USER_URN: {"title": "x"}}},
        but(title="x"),
    ),
    ("a path behind the core URN", {"op": "replace", "path": f"{USER_URN}:title", "value": "x"},
     but(title="x")),
    (
        "a filter as a name in a value",
        {"op": "Add", "value": {'emails[type eq "home"].value': "b@home.example", "title": "x"}},
        but(title="x", emails=[*USER["emails"], {"value": "b@home.example", "type": "home"}]),
    ),
    (
        "a path that is an extension",
        {"op": "replace", "path": ENTERPRISE, "value": {"department": "IT"}},
        enterprise(department="IT"),
    ),
    (
        "a path that is an extension, cleared",
        {"op": "replace", "path": ENTERPRISE, "value": ""},
        but(**{ENTERPRISE: None}),
    ),
    (
        "entra: a filter that matches",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "b@acme.example"},
        but(emails=[{"value": "b@acme.example", "type": "work", "primary": True}]),
    ),
    (
        "entra: a filter that matches none makes one",
        {"op": "Replace", "path": 'phoneNumbers[type eq "mobile"].value', "value": "1"},
        but(phoneNumbers=[{"value": "1", "type": "mobile"}]),
    ),
    (
        "entra: primary eq True as text",
        {"op": "Add", "path": 'roles[primary eq "True"].value', "value": "admin"},
        but(roles=[{"value": "admin", "primary": True}]),
    ),
    (
        "entra: SingleAppRoleAssignment",
        {
            "op": "Add",
            "path": 'roles[primary eq "True"].value',
            "value": '{"id":"1","value":"admin","displayName":"Administrator"}',
        },
        but(roles=[{"value": "admin", "primary": True}]),
    ),
    (
        "entra: AppRoleAssignmentsComplex",
        {
            "op": "Add",
            "path": "roles",
            "value": [
                {"value": '{"id":"1","value":"","displayName":"Billing"}', "displayName": "Billing"},
                {"value": '{"id":"2","value":"ops","displayName":"Operator"}'},
            ],
        },
        but(roles=[{"value": "Billing", "display": "Billing"}, {"value": "ops", "display": "Operator"}]),
    ),
    (
        "a role that only looks like JSON",
        {"op": "Add", "path": "roles", "value": [{"value": "{admin}"}]},
        but(roles=[{"value": "{admin}"}]),
    ),
    ("roles as a text", {"op": "Add", "path": "roles", "value": "admin"}, but(roles=[{"value": "admin"}])),
    (
        "entra: manager as a text",
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "m-2"},
        enterprise(manager=MANAGER),
    ),
    (
        "entra: manager as a list",
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": [{"$ref": "Users/m-2", "value": "m-2"}]},
        enterprise(manager={"value": "m-2", "$ref": "Users/m-2"}),
    ),
    (
        "entra: manager cleared by an empty text",
        {"op": "Replace", "path": f"{ENTERPRISE}:manager", "value": ""},
        enterprise(manager=None),
    ),
    (
        "entra: manager cleared by Add",
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": ""},
        enterprise(manager=None),
    ),
    (
        "manager.value leaves no $ref of the one before",
        {"op": "Replace", "path": f"{ENTERPRISE}:manager.value", "value": "m-2"},
        enterprise(manager=MANAGER),
    ),
    (
        "manager inside a value",
        {"op": "Replace", "value": {f"{ENTERPRISE}:manager": "m-2"}},
        enterprise(manager=MANAGER),
    ),
    ("entra: an empty text clears", {"op": "Replace", "path": "title", "value": ""}, but(title=None)),
    ("null clears", {"op": "Replace", "path": "title", "value": None}, but(title=None)),
    ("an empty text in a value clears", {"op": "Add", "value": {"title": ""}}, but(title=None)),
    (
        "an empty sub-attribute clears it",
        {"op": "Replace", "path": "name.givenName", "value": ""},
        but(name={"familyName": "Stone"}),
    ),
    (
        "an empty value of an entry clears the entry",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": ""},
        but(emails=None),
    ),
    (
        "an empty value of an entry that nobody has makes none",
        {"op": "Replace", "path": 'emails[type eq "home"].value', "value": ""},
        but(),
    ),
    (
        "remove with the entries as value",
        {"op": "Remove", "path": "emails", "value": [{"value": "bob@acme.example", "type": "work"}]},
        but(emails=None),
    ),
    ("remove of one value, with it", {"op": "Remove", "path": "title", "value": "Clerk"}, but(title=None)),
    (
        "a single entry where a list is meant",
        {"op": "add", "path": "emails", "value": {"value": "b@x.example", "primary": "True"}},
        but(
            emails=[
                {"value": "bob@acme.example", "type": "work", "primary": False},
                {"value": "b@x.example", "primary": True},
            ]
        ),
    ),
    ("null among entries", {"op": "replace", "path": "emails", "value": [None]}, but(emails=None)),
    ("names in any case", {"op": "replace", "path": "NAME.GIVENNAME", "value": "B"},
     but(name={"givenName": "B", "familyName": "Stone"})),
    ("an unknown path", {"op": "replace", "path": "shoeSize", "value": 44}, but()),
    ("an unknown schema", {"op": "replace", "path": "urn:x:y:User:shoeSize", "value": "44"}, but()),
    ("an unknown name in a value", {"op": "replace", "value": {"shoeSize": 44, "title": "x"}},
     but(title="x")),
    ("id, meta, groups and schemas in a value",
     {"op": "replace", "value": {"id": "9", "meta": {}, "groups": [], "schemas": [], "title": "x"}},
     but(title="x")),
    ("okta: password", {"op": "replace", "value": {"password": SECRET}}, but()),
    ("password by its path", {"op": "replace", "path": "password", "value": SECRET}, but()),
    ("password behind its URN", {"op": "replace", "path": f"{USER_URN}:Password", "value": SECRET}, but()),
    ("password behind its URN in a value", {"op": "add", "value": {f"{USER_URN}:PASSWORD": SECRET}}, but()),
    ("password inside the core schema", {"op": "add", "value": {USER_URN: {"password": SECRET}}}, but()),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "wanted"), [q[1:] for q in QUIRKS], ids=[q[0] for q in QUIRKS])
def test_a_user_is_patched_as_directories_write_it(operation: Any, wanted: dict[str, Any]) -> None:
    assert patched("User", operation) == wanted


def staff(*ids: str, name: str = "Staff") -> dict[str, Any]:
    return {"displayName": name, **({"members": [{"value": one} for one in ids]} if ids else {})}


GROUPS: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("entra: add", [{"op": "Add", "path": "members", "value": [{"value": "3"}]}], staff("1", "2", "3")),
    ("add one whom it has", [{"op": "add", "path": "members", "value": [{"value": "2"}]}], staff("1", "2")),
    ("entra: remove by value", [{"op": "Remove", "path": "members", "value": [{"value": "1"}]}], staff("2")),
    ("a value with display", [{"op": "remove", "path": "members", "value": [{"value": "1", "display": "x"}]}],
     staff("2")),
    ("ids alone", [{"op": "remove", "path": "members", "value": ["1"]}], staff("2")),
    ("entra: remove by filter", [{"op": "Remove", "path": 'members[value eq "1"]'}], staff("2")),
    ("$ref alone", [{"op": "add", "path": "members", "value": [{"$ref": "https://x/Users/3"}]}],
     staff("1", "2", "3")),
    ("okta: remove and add", [{"op": "remove", "path": 'members[value eq "1"]'},
                              {"op": "add", "path": "members", "value": [{"value": "3", "display": "x"}]}],
     staff("2", "3")),
    ("okta: rename", [{"op": "replace", "value": {"id": "9", "displayName": "Team"}}],
     staff("1", "2", name="Team")),
    ("okta: replace all", [{"op": "replace", "path": "members", "value": [{"value": "3"}]}], staff("3")),
    ("null members clear", [{"op": "replace", "path": "members", "value": None}], staff()),
    ("no members clear", [{"op": "replace", "path": "members", "value": []}], staff()),
    ("null among members", [{"op": "add", "path": "members", "value": [None, {"value": None}]}],
     staff("1", "2")),
    ("remove all", [{"op": "remove", "path": "members"}], staff()),
    ("a value that names nobody removes nobody", [{"op": "remove", "path": "members", "value": []}],
     staff("1", "2")),
    ("an empty text removes nobody", [{"op": "remove", "path": "members", "value": ""}], staff("1", "2")),
    ("members behind their URN", [{"op": "add", "path": f"{GROUP_URN}:members", "value": [{"value": "3"}]}],
     staff("1", "2", "3")),
]  # fmt: skip


@pytest.mark.parametrize(("operations", "wanted"), [q[1:] for q in GROUPS], ids=[q[0] for q in GROUPS])
def test_a_group_is_patched_as_directories_write_it(operations: list[Any], wanted: dict[str, Any]) -> None:
    assert patched("Group", *operations) == wanted


FAULTS: list[tuple[str, Kind, Any, str]] = [
    ("no operations", "User", {"Operations": []}, "invalidValue"),
    ("operations that are none", "User", {"Operations": "x"}, "invalidValue"),
    ("an operation that is none", "User", {"Operations": ["x"]}, "invalidSyntax"),
    ("operations twice", "User", {"Operations": [], "operations": []}, "invalidSyntax"),
    ("no body", "User", [], "invalidSyntax"),
    ("an unknown op", "User", [{"op": "move", "path": "title"}], "invalidValue"),
    ("nothing to add", "User", [{"op": "add", "path": "title"}], "invalidValue"),
    ("nothing to put there", "Group", [{"op": "replace", "path": "members"}], "invalidValue"),
    ("nothing at all to put", "User", [{"op": "replace"}], "invalidValue"),
    ("words for a path", "User", [{"op": "replace", "path": "nick name", "value": "x"}], "invalidPath"),
    ("words for a path to remove", "User", [{"op": "remove", "path": "their title"}], "invalidPath"),
    ("op twice", "User", [{"op": "add", "OP": "remove", "path": "title"}], "invalidSyntax"),
    ("a value that is no object", "User", [{"op": "replace", "value": "x"}], "invalidValue"),
    ("a name twice in a value", "User", [{"op": "add", "value": {"title": "a", "TITLE": "b"}}],
     "invalidSyntax"),
    ("a path that is none", "User", [{"op": "add", "path": 7, "value": "x"}], "invalidPath"),
    ("a path without end", "User", [{"op": "add", "path": "a" * 1025, "value": "x"}], "invalidPath"),
    ("a filter without end", "User", [{"op": "add", "path": "emails[type", "value": "x"}], "invalidPath"),
    ("a filter of two", "User", [{"op": "add", "path": "emails[x][y]", "value": "x"}], "invalidPath"),
    ("a filter that is none", "User", [{"op": "add", "path": "emails[type ~ 1].value", "value": "x"}],
     "invalidPath"),
    ("a flag that is none", "User", [{"op": "add", "path": "active", "value": "yes"}], "invalidValue"),
    ("a number as flag", "User", [{"op": "add", "path": "active", "value": 1}], "invalidValue"),
    ("a number as text", "User", [{"op": "add", "path": "title", "value": 1}], "invalidValue"),
    ("a list as text", "User", [{"op": "add", "path": "title", "value": ["x"]}], "invalidValue"),
    ("a text as name", "User", [{"op": "add", "path": "name", "value": "x"}], "invalidValue"),
    ("two managers", "User", [{"op": "add", "path": f"{ENTERPRISE}:manager", "value": ["a", "b"]}],
     "invalidValue"),
    ("userName without end", "User", [{"op": "add", "path": "userName", "value": "x" * 513}], "invalidValue"),
    ("title without end", "User", [{"op": "add", "path": "title", "value": "x" * 8193}], "invalidValue"),
    ("entries without end", "User", [{"op": "add", "path": "emails", "value": [{}] * 1001}], "413"),
    ("a userName cleared", "User", [{"op": "replace", "path": "userName", "value": ""}], "mutability"),
    ("id is ours", "User", [{"op": "replace", "path": "id", "value": "9"}], "mutability"),
    ("groups are ours", "User", [{"op": "add", "path": "groups", "value": [{"value": "1"}]}], "mutability"),
    ("groups are ours to remove", "User", [{"op": "remove", "path": "groups"}], "mutability"),
    ("meta is ours", "User", [{"op": "replace", "path": "meta.version", "value": "x"}], "mutability"),
    ("everything removed", "User", [{"op": "remove"}], "noTarget"),
    ("operations without end", "User", [{"op": "remove", "path": "title"}] * 201, "413"),
    ("a group's operations without end", "Group", [{"op": "remove", "path": "members"}] * 1001, "413"),
    ("a displayName cleared", "Group", [{"op": "replace", "path": "displayName", "value": None}],
     "mutability"),
    ("a member that is none", "Group", [{"op": "add", "path": "members", "value": [7]}], "invalidValue"),
    ("members that are none", "Group", [{"op": "add", "path": "members", "value": 7}], "invalidValue"),
    ("a member without end", "Group", [{"op": "add", "path": "members", "value": ["x" * 129]}],
     "invalidValue"),
    ("members without end", "Group", [{"op": "add", "path": "members", "value": [None] * 100_001}], "413"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "sent", "code"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_patch_that_is_wrong_is_refused_by_its_fault(kind: Kind, sent: Any, code: str) -> None:
    is_operations = isinstance(sent, list) and bool(sent)
    with pytest.raises((SCIMException, ValidationError)) as caught:
        read_patch({"Operations": sent} if is_operations else sent, kind)
    assert refused(caught.value) == code


def created(kind: Kind, body: Any) -> tuple[dict[str, Any], dialect.Read]:
    model: Any = models.USER if kind == "User" else models.GROUP
    read = dialect.resource(body, kind)
    with SERVICE:
        told = model.model_validate(read.payload, scim_ctx=Context.RESOURCE_CREATION_REQUEST).model_dump()
    return {name: value for name, value in told.items() if name != "schemas"}, read


def test_okta_creates_with_groups_and_a_password_of_its_own() -> None:
    told, read = created("User", USER | {"schemas": [USER_URN, ENTERPRISE], "groups": [], "password": SECRET})
    assert told == USER
    assert SECRET not in repr(read) + str(read.payload)
    assert read.unknown == frozenset()


def test_okta_puts_the_whole_body_that_it_got() -> None:
    ours = {
        "id": "9",
        "meta": {"version": 'W/"1"'},
        "groups": [{"value": "g"}],
        "schemas": [USER_URN.upper()],
    }
    assert created("User", USER | ours)[0] == USER


def test_entra_names_foreign_schemas() -> None:
    foreign = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
    told, read = created("Group", {"schemas": [GROUP_URN, foreign], "displayName": "Staff", foreign: {}})
    assert told == {"displayName": "Staff"}
    assert "schemas" not in read.payload
    assert read.members is None


def test_a_group_s_members_are_read_beside_it() -> None:
    body = GROUP | {"MEMBERS": [{"value": "1", "$ref": "x", "type": "User"}, None, {"value": "1"}, "2"]}
    del body["members"]
    told, read = created("Group", body)
    assert (told, read.members) == ({"displayName": "Staff"}, ("1", "2"))
    assert created("Group", {"displayName": "x", "members": None})[1].members == ()


def test_names_are_heard_in_any_case_and_unknown_ones_are_told_once() -> None:
    told, read = created(
        "User",
        {"USERNAME": "bob", "Name": {"GIVENname": "B", "shoe": 1}, "shoeSize": 44, "so long" * 9: 1,
         ENTERPRISE.upper(): {"DEPARTMENT": "x", "shoe": 1}, "emails": {"VALUE": "b@x.example"}, "title": ""},
    )  # fmt: skip
    assert told == {
        "userName": "bob", "name": {"givenName": "B"}, ENTERPRISE: {"department": "x"},
        "emails": [{"value": "b@x.example"}],
    }  # fmt: skip
    assert read.unknown == {"shoeSize", "name.shoe", f"{ENTERPRISE}:shoe"}


def test_an_entry_that_was_sent_without_its_value_is_none() -> None:
    sent = [{"type": "work", "value": ""}, {"type": "home"}, {}, None]
    assert created("User", but(phoneNumbers=sent))[0]["phoneNumbers"] == [{"type": "home"}]


def test_an_address_in_a_domain_that_no_registry_knows_is_one() -> None:
    assert created("User", but(emails=[{"value": "bob@corp.local"}]))[0]["emails"] == [
        {"value": "bob@corp.local"}
    ]


CREATIONS: list[tuple[str, Kind, Any, str]] = [
    ("no object", "User", [], "invalidSyntax"),
    ("no userName", "User", {"title": "x"}, "invalidValue"),
    ("an empty userName", "User", {"userName": ""}, "invalidValue"),
    ("userName twice", "User", {"userName": "a", "username": "b"}, "invalidSyntax"),
    ("another's schema", "User", {"schemas": [GROUP_URN], "userName": "a"}, "invalidValue"),
    ("schemas that are none", "User", {"schemas": "x", "userName": "a"}, "invalidValue"),
    ("an extension that is none", "User", {"userName": "a", ENTERPRISE: "x"}, "invalidValue"),
    ("a name of an extension twice", "User", {"userName": "a", ENTERPRISE: {"division": "", "DIVISION": ""}},
     "invalidSyntax"),
    ("two that are primary", "User",
     {"userName": "a", "emails": [{"value": "a", "primary": True}, {"value": "b", "primary": "true"}]},
     "invalidValue"),
    ("a certificate that is none", "User", {"userName": "a", "x509Certificates": [{"value": "%"}]},
     "invalidValue"),
    ("no displayName", "Group", {"members": []}, "invalidValue"),
    ("members twice", "Group", {"displayName": "x", "members": [], "Members": []}, "invalidSyntax"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "code"), [f[1:] for f in CREATIONS], ids=[f[0] for f in CREATIONS])
def test_a_body_that_is_wrong_is_refused_by_its_fault(kind: Kind, body: Any, code: str) -> None:
    with pytest.raises((SCIMException, ValidationError)) as caught:
        created(kind, body)
    assert refused(caught.value) == code


BODIES = [
    b"", b"{", b"nonsense", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": Infinity}', b'{"a":1,"a":2}',
    b'{"a": {"b":1,"b":1}}', b'{"a": "\\u0000"}', b'{"\\u0000": 1}', b'{"a": "\\ud800"}', b'{"a": "\xff"}',
    b'{"a": "\x00"}', b'{"a": ' + b"9" * 5000 + b"}", b'{"a": 1234567890123456789}', b"[" * 100_000,
    b'{"a":' * 50_000, b"\xef\xbb\xbf{}",
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=[repr(body[:20]) for body in BODIES])
def test_what_is_no_json_of_ours_is_refused(body: bytes) -> None:
    with pytest.raises(SCIMException) as caught:
        documents.read(body)
    assert refused(caught.value) == "invalidSyntax"
    assert caught.value.__cause__ is None


def test_an_escape_that_only_looks_like_nul_is_read() -> None:
    assert documents.read(rb'{"a": "\\u0000"}') == {"a": "\\u0000"}
    assert documents.read(rb'{"a": "\ud83d\ude00"}') == {"a": "\U0001f600"}


def test_a_role_in_json_says_nothing_that_the_store_cannot_hold() -> None:
    role = '{"value": "a\\u0000"}'
    assert created("User", but(roles=[{"value": role}]))[0]["roles"] == [{"value": role}]


def test_bulk_is_mended_operation_by_operation() -> None:
    read = dialect.bulk(
        {
            "FailOnErrors": 1,
            "operations": [
                {"Method": "post", "bulkId": "a", "path": "/Users", "data": USER | {"password": SECRET}},
                {"method": "PATCH", "path": "/groups/1",
                 "data": {"Operations": [{"op": "Remove", "path": "x"}]}},
                {"method": "POST", "bulkId": "b", "path": "/Users",
                 "data": {"userName": 7, "password": SECRET}},
                {"method": "POST", "bulkId": "c", "path": "/Groups",
                 "data": {"displayName": "G", "members": [{"value": "bulkId:a", "type": "User"}]}},
                {"method": "POST", "path": "/Pets", "data": {"password": SECRET}},
                {"method": "DELETE", "path": "/Users/1", "version": "x"},
            ],
        }
    )  # fmt: skip
    assert SECRET not in str(read.payload)
    assert read.payload["failOnErrors"] == 1
    first, second, third, fourth, fifth, last = read.payload["Operations"]
    assert first == {"method": "POST", "bulkId": "a", "path": "/Users", "data": USER}
    assert second["data"] == {"Operations": [{"op": "replace", "value": {}}]}
    assert "data" not in third
    assert {index: refused(fault) for index, fault in read.faults.items()} == {2: "invalidValue"}
    assert fourth["data"]["members"] == [{"value": "bulkId:a"}]
    assert "data" not in fifth
    assert last == {"method": "DELETE", "path": "/Users/1", "version": "x"}


BULKS: list[tuple[str, Any, str]] = [
    ("no object", [], "invalidSyntax"),
    ("no operations", {}, "invalidValue"),
    ("too many", {"Operations": [{}] * 1001}, "413"),
    ("an operation that is none", {"Operations": [7]}, "invalidSyntax"),
    (
        "members without end",
        {
            "Operations": [
                {"method": "POST", "path": "/Groups", "data": {"members": [str(one) for one in range(3000)]}},
                {
                    "method": "PATCH",
                    "path": "/Groups/1",
                    "data": {
                        "Operations": [
                            {"op": "add", "path": "members", "value": [str(one) for one in range(3000)]}
                        ]
                    },
                },
            ]
        },
        "413",
    ),
]


@pytest.mark.parametrize(("sent", "code"), [f[1:] for f in BULKS], ids=[f[0] for f in BULKS])
def test_a_bulk_request_that_is_wrong_is_refused_by_its_fault(sent: Any, code: str) -> None:
    with pytest.raises(SCIMException) as caught:
        dialect.bulk(sent)
    assert refused(caught.value) == code


SEARCHES: list[tuple[str, Any, dict[str, Any]]] = [
    ("an empty filter is none", {"filter": "", "count": "5"}, {"count": 5}),
    ("names in any case", {"STARTINDEX": "2", "Filter": "id pr"}, {"startIndex": 2, "filter": "id pr"}),
    ("entra: what it adds to the URL", {"aadOptscim062020": ""}, {}),
    ("an empty cursor asks for the first page", {"cursor": ""}, {"cursor": ""}),
    ("names of attributes", {"attributes": "userName, emails,"}, {"attributes": ["userName", "emails"]}),
    ("a place that nothing counts to", {"startIndex": "9" * 40}, {"startIndex": tolerance.INDEX}),
    ("a number that nothing holds", {"count": 10**30}, {"count": tolerance.INDEX}),
    ("less than nothing", {"count": -(10**30)}, {"count": -1}),
    ("no number", {"count": "many"}, {"count": "many"}),
    ("sortOrder in capitals", {"sortOrder": "Descending"}, {"sortOrder": "descending"}),
]


@pytest.mark.parametrize(("sent", "wanted"), [q[1:] for q in SEARCHES], ids=[q[0] for q in SEARCHES])
def test_a_search_is_read_as_clients_write_it(sent: Any, wanted: dict[str, Any]) -> None:
    assert dialect.search(sent) == wanted


WRONG_SEARCHES: list[tuple[str, Any, str]] = [
    ("no object", "x", "invalidSyntax"),
    ("a name twice", {"count": 1, "COUNT": 2}, "invalidSyntax"),
    ("a filter without end", {"filter": "x" * 4097}, "invalidFilter"),
    ("NUL in a filter", {"filter": 'id eq "\0"'}, "invalidFilter"),
    ("attributes without end", {"attributes": ["x"] * 201}, "invalidValue"),
    ("attributes that are none", {"attributes": [7]}, "invalidValue"),
    ("an attribute without end", {"excludedAttributes": "x" * 2000}, "invalidValue"),
    ("a cursor without end", {"cursor": "x" * 20_000}, "invalidValue"),
]


@pytest.mark.parametrize(
    ("sent", "code"), [f[1:] for f in WRONG_SEARCHES], ids=[f[0] for f in WRONG_SEARCHES]
)
def test_a_search_that_is_wrong_is_refused_by_its_fault(sent: Any, code: str) -> None:
    with pytest.raises(SCIMException) as caught:
        dialect.search(sent)
    assert refused(caught.value) == code


NAMES = [
    "schemas", "userName", "USERNAME", "active", "emails", "name", "roles", "members", "displayName",
    "password", "Operations", "op", "path", "value", "add", "remove", "replace", "manager", ENTERPRISE,
    f"{ENTERPRISE}:manager", 'emails[type eq "work"].value', "emails[", "name.givenName", "groups", "id",
    "true", "", "x",
]  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
operation = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "Replace", "remove"])},
    optional={"path": st.sampled_from(NAMES), "value": anything},
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["User", "Group"]), anything, st.lists(operation, min_size=1, max_size=3))
def test_nothing_that_is_sent_fails_otherwise_than_scim_says(
    kind: Kind, body: Any, operations: list[Any]
) -> None:
    for read in (
        lambda: created(kind, body),
        lambda: patched(kind, *operations),
        lambda: dialect.bulk({"Operations": [{"method": "POST", "path": "/Users", "data": body}]}),
        lambda: dialect.search(body),
    ):
        code = "invalidValue"
        try:
            read()
        except (SCIMException, ValidationError) as failure:
            code = refused(failure)
        assert code in {
            "invalidSyntax", "invalidValue", "invalidPath", "invalidFilter", "noTarget", "mutability",
        }  # fmt: skip
