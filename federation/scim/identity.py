"""A provisioned person in our words: the Identity of which policy decides, as it does of a sign-in.

Every worker has it, so it knows nothing of the library, which takes a second to load. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from federation.attributes import GROUPS
from federation.errors import Check, PolicyRefused
from federation.identity import Authentication, Groups, Identity, Presence, Subject
from federation.provisioned import ScimUser

# Of these nothing is said: rules ask for no picture, and no certificate. ``groups`` are told as such.
_UNSAID: Final = frozenset({"photos", "x509Certificates", "groups", "schemas", "meta"})
_ISSUER: Final = "scim:"


def describe(
    user: ScimUser, *, connection: str, organization: str, by: Literal["displayName", "externalId"]
) -> Identity:
    """Return a User resource as policy reads it.

    Nobody has proved anything: ``email_verified`` is unknown, and there is no authentication. Groups
    are those that the person is a direct member of, EMPTY in none: the directory tells of them all.

    Args:
        user: As kept, with its groups.
        connection: Whose directory it is.
        organization: The connection's.
        by: What rules and teams call a group: ``scim.group_name``. A group without it is none.

    Raises:
        PolicyRefused: ``identity.too_large``: of more groups each would be looked up while others wait.
    """
    attributes = dict(_flattened(user))
    name = _mapping(user.body.get("name"))
    given, family = str(name.get("givenName") or ""), str(name.get("familyName") or "")
    formatted = str(name.get("formatted") or "") or f"{given} {family}"
    names = tuple(
        dict.fromkeys(
            told
            for one in user.groups
            if (told := (one.display if by == "displayName" else one.external_id).strip())
        )
    )
    if len(names) > GROUPS:
        said = f"more than {GROUPS} groups are named"
        raise PolicyRefused("identity.too_large", said, (Check("identity.too_large", said),))
    return Identity(
        subject=subject(connection, user.id),
        connection=connection,
        organization=organization,
        email=user.email,
        email_verified=None,
        given_name=given.strip(),
        family_name=family.strip(),
        display_name=(user.display_name or formatted).strip(),
        groups=Groups(Presence.PRESENT if names else Presence.EMPTY, names),
        attributes=attributes,
        authentication=Authentication(instant=None),
        provisioned=True,
    )


def subject(connection: str, identifier: str) -> Subject:
    """Return what keys a User resource: no identity provider can name anybody so."""
    return Subject(issuer=f"{_ISSUER}{connection}", value=identifier)


def _flattened(user: ScimUser) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield attributes under their SCIM names; those of an extension under both of theirs."""
    yield "userName", (user.user_name,)
    if user.external_id:
        yield "externalId", (user.external_id,)
    if user.display_name:
        yield "displayName", (user.display_name,)
    for name, value in user.body.items():
        if ":" in name:  # the URN of an extension
            for key, values in _attributes(_mapping(value)):
                yield key, values
                yield f"{name}:{key}", values
    yield from _attributes({name: value for name, value in user.body.items() if ":" not in name})


def _attributes(told: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in told.items():
        if name in _UNSAID:
            continue
        entries = value if isinstance(value, list) else [value]
        if texts := _texts(entries):
            yield name, texts
        subs = dict.fromkeys(sub for entry in entries for sub in _mapping(entry) if sub not in _LABELS)
        for sub in subs:
            if found := _texts([_mapping(entry).get(sub) for entry in entries]):
                yield f"{name}.{sub}", found


_LABELS: Final = frozenset({"value", "type", "primary", "display", "$ref", "displayName"})


def _texts(entries: list[Any]) -> tuple[str, ...]:
    """Return what entries say: themselves, or their ``value``; each once."""
    told = [entry.get("value") if isinstance(entry, Mapping) else entry for entry in entries]
    texts = [("true" if one else "false") if isinstance(one, bool) else one for one in told]
    return tuple(dict.fromkeys(one for one in texts if isinstance(one, str) and one.strip()))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
