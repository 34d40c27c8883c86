"""Who a directory's person is at sign-in: by which Subjects they are known, by what they are awaited.

A directory tells its own id (externalId) and a userName. Whether a provider signs people in under
one of them hangs on the vendor (``presets``) or on what the connection says (``scim.external_id``).
Where neither tells, only a value that no two systems give to different people counts. Every sign-in
asks, so this knows nothing of the library, which takes a second to load. Pure.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from federation import presets
from federation.connection import AnyConnection, OAuth2Connection, OidcConnection, SamlConnection
from federation.identity import Identity, Subject, parse_email
from federation.provisioned import Awaited, ScimUser
from federation.rules.folding import fold

EMAIL_ADDRESS: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
_FORMATS: Final = {
    "emailAddress": EMAIL_ADDRESS,
    "persistent": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "unspecified": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
}
# Attributes that hold a NameID with qualifiers of its own: what of them is whose, a message alone tells.
_QUALIFIED: Final = frozenset(
    {"urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "urn:mace:dir:attribute-def:eduPersonTargetedID"}
)
_FOLDED: Final = frozenset(
    {"urn:oasis:names:tc:SAML:attribute:pairwise-id", "urn:oasis:names:tc:SAML:attribute:subject-id"}
)
# Of an id this long, or a UUID, it is no chance that two systems have it; 4711 is whoever's.
_OPAQUE: Final = re.compile(r"[!-?A-~]{16,256}", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def persons(connection: AnyConnection, user: ScimUser, *, issuer: str, sp_entity_id: str) -> tuple[str, ...]:
    """Return the Subjects that this connection's provider would name a User by, each ``Subject.person``.

    The surest first. Where a sign-in would come under something that the directory does not tell,
    there is none.

    Args:
        connection: Whose directory it is.
        user: As the directory tells of them.
        issuer: What the provider calls itself in a sign-in: issuer or entity ID; "" where it is not
            known yet.
        sp_entity_id: Our name to a SAML identity provider; "" at any other.
    """
    if not issuer:
        return ()
    if isinstance(connection, OidcConnection):
        found = _at_openid_provider(connection, user, issuer)
    elif isinstance(connection, OAuth2Connection):
        found = _told(connection, user, issuer, (connection.subject_claim or "",))
    elif isinstance(connection, SamlConnection):
        found = _at_identity_provider(connection, user, issuer, sp_entity_id)
    else:
        return ()
    return tuple(dict.fromkeys(one.person for one in found))


def awaited(who: Identity, connection: AnyConnection, *, email_trusted: bool) -> Awaited:
    """Return by what somebody who signs in is found among those whom the directory provisioned.

    Args:
        who: As they signed in.
        connection: By which.
        email_trusted: Whether their address is theirs by this connection's word
            (``policy.addresses.is_trusted``); no other finds anybody.
    """
    ids, names = _names(connection)
    subject = who.subject
    plain = not subject.format or subject.format in _FORMATS.values()  # not made of attributes
    external = [value for name in ids for value in who.attributes.get(name, ())]
    if plain and ("sub" in ids or _is_opaque(subject.value)):
        external.insert(0, subject.value)
    user_names = [value for name in names for value in who.attributes.get(name, ())]
    if plain and isinstance(connection, SamlConnection):
        user_names.insert(0, subject.value)
    if email_trusted and who.email:
        user_names.append(who.email)
    return Awaited(
        external_ids=tuple(dict.fromkeys(external)),
        user_names=tuple(dict.fromkeys(map(fold, user_names))),
        email_key=who.email.lower() if email_trusted and who.email else "",
    )


def _names(connection: AnyConnection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What of a sign-in is the externalId, and what the userName: by the connection, else by its vendor."""
    ids, names = presets.provisioned_by(connection.preset, connection.protocol)
    told = connection.scim.external_id if connection.scim is not None else None
    return (told if told is not None else ids), names


def _is_opaque(value: str) -> bool:
    return _OPAQUE.fullmatch(value) is not None


def _at_openid_provider(connection: OidcConnection, user: ScimUser, issuer: str) -> Iterator[Subject]:
    """Core §2: iss and sub; at Entra the tenant and the person's object there."""
    names = presets.oidc(connection.preset).subject_claims
    if not names:
        yield from _told(connection, user, issuer, ("sub",))
    elif names == ("tid", "oid") and _UUID.fullmatch(user.external_id):
        tenant = _tenant(connection.tenants, issuer)
        if tenant:
            yield Subject(
                issuer=issuer.replace("{tenantid}", tenant),
                value=_list((tenant, user.external_id)),
                format=_list(names),
            )


def _told(
    connection: AnyConnection, user: ScimUser, issuer: str, names: tuple[str, ...]
) -> Iterator[Subject]:
    known = not set(names).isdisjoint(_names(connection)[0])
    if user.external_id.strip() and (known or _is_opaque(user.external_id)):
        yield Subject(issuer=issuer, value=user.external_id)


def _tenant(tenants: Sequence[str], issuer: str) -> str:
    """Return the one tenant whose people sign in, "" where there are several: an object is one tenant's."""
    named = set(tenants) or set(_UUID.findall(issuer))
    return named.pop() if len(named) == 1 else ""


def _at_identity_provider(
    connection: SamlConnection, user: ScimUser, issuer: str, ours: str
) -> Iterator[Subject]:
    """As ``saml.subject.read`` would key them: by attributes, else by the NameID that is asked for."""
    own = connection.subject_attribute
    kept = presets.stable(connection.preset) if connection.preset != "generic" else ()
    if own is not None:
        yield from _by_attribute(connection, user, issuer, own)
        return
    if kept:
        yield from _by_attributes(connection, user, issuer, kept[0])
    if connection.name_id_format == "emailAddress":
        if parse_email(user.user_name) is not None:
            yield _name_id(connection, user.user_name.lower(), issuer, ours)
    elif connection.name_id_format in _FORMATS:
        if _is_opaque(user.external_id):
            yield _name_id(connection, user.external_id, issuer, ours)
        if connection.name_id_format == "unspecified":
            yield _name_id(connection, user.user_name, issuer, ours)


def _by_attribute(connection: SamlConnection, user: ScimUser, issuer: str, name: str) -> Iterator[Subject]:
    ids, names = _names(connection)
    value = user.external_id if name in ids else user.user_name if name in names else ""
    if value.strip() and name not in _QUALIFIED:
        told = value.lower() if name in _FOLDED else value
        yield Subject(issuer=issuer, value=told, format=_one(name))


def _by_attributes(
    connection: SamlConnection, user: ScimUser, issuer: str, names: tuple[str, ...]
) -> Iterator[Subject]:
    """A vendor's ids of a person; Entra's are the tenant and the object in it, as its entity ID tells it."""
    ids, _ = _names(connection)
    if not user.external_id or names[-1] not in ids:
        return
    if len(names) == 1:
        yield Subject(issuer=issuer, value=user.external_id, format=_one(names[0]))
        return
    tenant = _tenant((), issuer) if names[0].endswith("/tenantid") else ""
    if tenant and _UUID.fullmatch(user.external_id):
        yield Subject(issuer=issuer, value=_list((tenant, user.external_id)), format=_list(names))


def _name_id(connection: SamlConnection, value: str, issuer: str, ours: str) -> Subject:
    return Subject(
        issuer=issuer,
        value=value,
        format=_FORMATS[connection.name_id_format],
        name_qualifier=issuer,
        sp_name_qualifier=ours,
    )


def _list(parts: Sequence[str]) -> str:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _one(text: str) -> str:
    """Write one name so that no list of them is ever equal to it."""
    return _list((text,)) if text.startswith("[") else text
