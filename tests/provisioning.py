"""What a directory provisions, for tests of the store."""

from typing import Any

from federation.provisioned import Compare, Finding, Reference, ScimGroup, ScimUser, Search

NOBODY = Finding()


def scim_user(name: str, **told: Any) -> ScimUser:
    """Return a User resource to be made."""
    email = told.pop("email", f"{name.lower()}@acme.example")
    emails = told.pop("emails", (email,) if email else ())
    body = {"userName": name, "emails": [{"value": one} for one in emails]} | told.pop("body", {})
    keys: dict[str, Any] = {"id": "", "display_name": name.title(), "email": email, "emails": emails}
    return ScimUser(**(keys | {"user_name": name, "body": body} | told))


def scim_group(name: str, *members: str, **told: Any) -> ScimGroup:
    """Return a Group resource to be made, of users or groups by their ids."""
    keys: dict[str, Any] = {"id": "", "display_name": name, "body": {"displayName": name}}
    return ScimGroup(**(keys | {"members": tuple(Reference(id=one, kind="User") for one in members)} | told))


def users_where(column: Any, operator: Any, value: Any = None, **told: Any) -> Search:
    """Return the search for users of one comparison."""
    return Search(
        kind="User", where=Compare(column=column, operator=operator, value=value), count=100, **told
    )


def groups_where(column: Any, operator: Any, value: Any = None, **told: Any) -> Search:
    """Return the search for groups of one comparison."""
    return Search(
        kind="Group", where=Compare(column=column, operator=operator, value=value), count=100, **told
    )
