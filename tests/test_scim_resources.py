"""Resources as they are kept: every attribute comes back as it was sent; and what policy reads of them."""

import base64
import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from scim2_models import Context, SCIMException

from federation.errors import PolicyRefused
from federation.identity import Groups, Presence
from federation.provisioned import Reference, ScimUser
from federation.scim import dialect, identity, models, provider, resources
from federation.scim.models import ENTERPRISE_URN as ENTERPRISE

NOW = datetime(2031, 5, 4, 10, 0, 0, 250, tzinfo=UTC)
SERVICE = provider.build()
TOLD: dict[str, Any] = {
    "userName": "Bob@acme.example",
    "externalId": "E-1",
    "name": {
        "formatted": "Mr Bob Stone", "familyName": "Stone", "givenName": "Bob", "middleName": "J",
        "honorificPrefix": "Mr", "honorificSuffix": "III",
    },
    "displayName": "Bob",
    "nickName": "Bo",
    "profileUrl": "https://acme.example/bob",
    "title": "Clerk",
    "userType": "Employee",
    "preferredLanguage": "de-DE",
    "locale": "de",
    "timezone": "Europe/Berlin",
    "active": True,
    "emails": [
        {"value": "b@home.example", "type": "home", "display": "at home"},
        {"value": "Bob@ACME.example", "type": "work", "primary": True},
    ],
    "phoneNumbers": [
        {"value": "+49 1", "type": "satellite"}, {"value": "2", "type": "work", "primary": False},
    ],
    "ims": [{"value": "bob", "type": "xmpp"}],
    "photos": [{"value": "https://acme.example/bob.png", "type": "photo"}],
    "addresses": [{"formatted": "Street 1\nBerlin", "streetAddress": "Street 1", "locality": "Berlin",
                   "region": "BE", "postalCode": "10115", "country": "DE", "type": "work", "primary": True}],
    "entitlements": [{"value": "all", "display": "All"}],
    "roles": [{"value": "admin", "display": "Admin", "type": "x", "primary": True}, {"value": "ops"}],
    "x509Certificates": [{"value": base64.b64encode(bytes(range(256))).decode(), "type": "x"}],
    ENTERPRISE: {
        "employeeNumber": "007", "costCenter": "c", "organization": "o", "division": "d",
        "department": "Sales", "manager": {"value": "m-1", "$ref": "../Users/m-1"},
    },
}  # fmt: skip


def read(**changes: Any) -> resources.UserModel:
    told = {name: value for name, value in (TOLD | changes).items() if value is not None}
    with SERVICE:
        return models.USER.model_validate(
            dialect.resource(told, "User").payload, scim_ctx=Context.RESOURCE_CREATION_REQUEST
        )


def kept(**changes: Any) -> ScimUser:
    made = resources.user(read(**changes), current=None)
    return dataclasses.replace(
        made, id="1", version=3, created_at=NOW, changed_at=NOW,
        groups=(Reference(id="g", kind="Group", display="Staff", external_id="S-1"),),
    )  # fmt: skip


def test_every_attribute_comes_back_as_it_was_sent() -> None:
    told = resources.user_resource(kept()).model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    assert told == TOLD | {
        "schemas": [models.USER_URN, ENTERPRISE],
        "id": "1",
        "groups": [{"value": "g", "display": "Staff", "type": "direct"}],
        "meta": {
            "resourceType": "User",
            "created": "2031-05-04T10:00:00.000250Z",
            "lastModified": "2031-05-04T10:00:00.000250Z",
            "version": 'W/"3"',
        },
    }


def test_what_has_a_column_stands_there_alone() -> None:
    user = kept()
    assert not {"userName", "externalId", "displayName", "active", "id", "meta", "groups"} & user.body.keys()
    assert (user.user_name, user.external_id, user.display_name) == ("Bob@acme.example", "E-1", "Bob")
    assert user.emails == ("b@home.example", "Bob@ACME.example")


def test_a_little_user_is_one_too() -> None:
    user = resources.user(models.USER.model_validate({"userName": "x"}), current=None)
    told = resources.user_resource(user).model_dump()
    assert told == {"schemas": [models.USER_URN], "userName": "x", "active": True, "meta": told["meta"]}


COUNTS = [
    # e-mails, userName → the one that counts
    (
        [{"value": "a@x.y"}, {"value": "b@x.y", "type": "work"}, {"value": "c@x.y", "primary": True}],
        "",
        "c@x.y",
    ),
    ([{"value": "a@x.y"}, {"value": "b@x.y", "type": "Work"}], "", "b@x.y"),
    ([{"value": "a@X.Y"}, {"value": "b@x.y", "type": "home"}], "", "a@x.y"),
    ([{"value": "no address", "primary": True}, {"value": "b@x.y"}], "", ""),
    ([{"type": "work"}, {"value": "b@x.y"}], "", "b@x.y"),
    ([], "bob@X.Y", "bob@x.y"),
    ([], "bob", ""),
    ([{"value": "a@x.y"}], "bob@x.y", "a@x.y"),
]


@pytest.mark.parametrize(("emails", "user_name", "wanted"), COUNTS)
def test_one_address_counts(emails: list[Any], user_name: str, wanted: str) -> None:
    told = models.USER.model_validate({"userName": user_name or "bob", "emails": emails})
    assert resources.user(told, current=None).email == wanted


def test_nobody_comes_back_by_an_omission() -> None:
    out = dataclasses.replace(kept(), active=False)
    assert resources.user(read(active=None), current=out).active is False
    assert resources.user(read(active=True), current=out).active is True
    assert resources.user(read(active=None), current=None).active is True


def test_what_is_the_store_s_to_say_stays() -> None:
    before = dataclasses.replace(kept(), user_id="u", refused="policy.x")
    after = resources.user(read(title="x"), current=before)
    assert dataclasses.replace(after, body=before.body) == before


def test_a_user_without_end_is_refused() -> None:
    entries = [{"value": "x" * 8000} for _ in range(40)]
    with pytest.raises(SCIMException) as caught:
        resources.user(read(roles=entries), current=None)
    assert caught.value.status == 413


def test_a_blank_name_is_none() -> None:
    with pytest.raises(SCIMException, match="userName is required"):
        resources.user(models.USER.model_validate({"userName": " "}), current=None)
    with pytest.raises(SCIMException, match="displayName is required"):
        resources.group(models.GROUP.model_validate({"displayName": "\t"}), current=None)


def test_no_repr_tells_whose_it_is() -> None:
    assert "ob" not in repr(kept())


def test_a_group_comes_back_as_it_was_sent() -> None:
    told = {
        "displayName": "Staff",
        "externalId": "S",
        "members": [{"value": "1"}, {"value": "2"}, {"value": "1"}],
    }
    group = resources.group(models.GROUP.model_validate(told), current=None)
    assert [one.id for one in group.members or ()] == ["1", "2"]
    named = (Reference(id="1", kind="User", display="Bob"), Reference(id="2", kind="Group"))
    full = dataclasses.replace(group, id="g", version=1, created_at=NOW, changed_at=NOW, members=named)
    answer = resources.group_resource(full).model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    assert answer["members"] == resources.members(named) == [
        {"value": "1", "type": "User", "display": "Bob"}, {"value": "2", "type": "Group"},
    ]  # fmt: skip
    assert (answer["displayName"], answer["externalId"], answer["id"]) == ("Staff", "S", "g")


@pytest.mark.parametrize(
    ("told", "wanted"),
    [(None, None), ('W/"7"', 7), ('"7"', 7), ("7", 7), ('W/"x"', -1), ("", -1), ("*", -1), ("9" * 40, -1)],
)  # fmt: skip
def test_an_etag_names_a_version(told: str | None, wanted: int | None) -> None:
    assert resources.version(told) == wanted
    assert resources.version(resources.etag(12)) == 12


def test_policy_reads_names_groups_and_attributes_and_no_proof() -> None:
    who = identity.describe(kept(), connection="okta", organization="acme", by="displayName")
    assert (who.subject.issuer, who.subject.value) == ("scim:okta", "1")
    assert (who.email, who.email_verified) == ("Bob@acme.example", None)
    assert (who.given_name, who.family_name, who.display_name) == ("Bob", "Stone", "Bob")
    assert who.groups == Groups(Presence.PRESENT, ("Staff",))
    assert who.authentication.instant is None
    told = who.attributes
    assert told["department"] == told[f"{ENTERPRISE}:department"] == ("Sales",)
    assert told["manager"] == ("m-1",)
    assert told["roles"] == ("admin", "ops")
    assert told["emails"] == ("b@home.example", "Bob@ACME.example")
    assert told["addresses.country"] == ("DE",)
    assert told["userName"] == ("Bob@acme.example",)
    assert told["externalId"] == ("E-1",)
    assert {"title", "userType", "employeeNumber", "division", "costCenter", "organization", "locale",
            "entitlements", "name.middleName"} <= told.keys()  # fmt: skip
    assert not {"photos", "x509Certificates", "groups", "meta", "id", "password"} & told.keys()


def test_whoever_is_in_no_group_is_known_to_be_in_none() -> None:
    alone = dataclasses.replace(kept(), groups=())
    who = identity.describe(alone, connection="okta", organization="acme", by="displayName")
    assert who.groups == Groups(Presence.EMPTY)


def test_a_group_may_be_called_by_its_external_id_and_then_by_nothing_else() -> None:
    groups = (*kept().groups, Reference(id="h", kind="Group", display="admins"))
    who = identity.describe(
        dataclasses.replace(kept(), groups=groups), connection="okta", organization="acme", by="externalId"
    )
    assert who.groups.names == ("S-1",)


def test_nobody_is_in_ten_thousand_groups() -> None:
    groups = tuple(Reference(id=str(one), kind="Group", display=str(one)) for one in range(10_001))
    with pytest.raises(PolicyRefused, match=r"^identity\.too_large"):
        identity.describe(
            dataclasses.replace(kept(), groups=groups), connection="o", organization="a", by="displayName"
        )


def test_a_name_is_made_of_its_parts_where_none_is_told() -> None:
    user = kept(displayName=None, name={"givenName": "Bob", "familyName": "Stone"})
    assert (
        identity.describe(user, connection="o", organization="a", by="displayName").display_name
        == "Bob Stone"
    )


def test_what_is_published_is_what_is_read_and_what_entra_takes() -> None:
    published = {schema.id: schema for schema in SERVICE.schemas}
    assert set(published) == {models.USER_URN, models.GROUP_URN, ENTERPRISE}
    names = {
        f"{attribute.name}.{sub.name}"
        for schema in SERVICE.schemas
        for attribute in schema.attributes or ()
        for sub in attribute.sub_attributes or ()
    }
    assert not {"members.$ref", "groups.$ref", "manager.$ref", "emails.display"} & names
    assert {"members.value", "members.type", "emails.primary", "manager.value"} <= names
    top = {attribute.name: attribute for schema in SERVICE.schemas for attribute in schema.attributes or ()}
    assert "password" not in top
    assert {name for name, one in top.items() if one.required} == {"userName", "displayName"}  # of a group
    assert "active" not in models.USER.model_validate({"userName": "x"}).model_dump()


def test_what_the_service_can_do_is_said() -> None:
    assert SERVICE.config is not None
    told = SERVICE.config.model_dump()
    assert told["bulk"] == {"supported": True, "maxOperations": 1000, "maxPayloadSize": 4_194_304}
    assert told["filter"] == {"supported": True, "maxResults": 1000}
    assert told["changePassword"] == {"supported": False}
    assert all(told[name] == {"supported": True} for name in ("patch", "sort", "etag"))
    assert told["pagination"]["cursor"] is told["pagination"]["index"] is True
    assert [one["type"] for one in told["authenticationSchemes"]] == [
        "oauthbearertoken",
        "httpbasic",
        "oauth2",
    ]
    assert "documentationUri" not in told
    documented = provider.build(documentation_uri="https://sso.acme.example/docs").config
    assert documented is not None
    assert documented.documentation_uri == "https://sso.acme.example/docs"
