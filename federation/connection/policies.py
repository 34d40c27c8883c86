"""A connection's policy as plain data: which keys it is, told, read again, and edited.

What is edited is held to the same rules as the settings file. Everything else of a connection
(trust, addresses, attributes) stays as it is: an edited policy is about who may enter and what
they may do, of identities as they were read.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from federation.configuration import faults
from federation.connection import AnyConnection, Configured, Organization, between
from federation.errors import ConfigurationError
from federation.rules.rule import SystemRole

KEYS: Final = frozenset({
    "enabled", "anyone", "domains", "email_trust", "on_email_match", "provisioning", "profile_update",
    "role_rules", "match", "strict", "on_no_match", "role_sync", "default_roles", "create_teams",
    "team_filter",
})  # fmt: skip
_OF_ORGANIZATION: Final = frozenset({"default_roles", "administrators", "teams"})


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Everything that a decision is made by."""

    connections: Mapping[str, AnyConnection]
    organizations: Mapping[str, Organization]
    system_roles: Mapping[str, tuple[SystemRole, ...]] = field(default_factory=dict)

    def with_connection(self, edited: AnyConnection) -> "Terms":
        """Return the same terms with another policy for one connection.

        Raises:
            ConfigurationError: ``policy.edited``: a rule gives a team that is not declared.
        """
        if found := list(between.find_undeclared({edited.id: edited}, self.organizations)):
            raise ConfigurationError("policy.edited", _told(found))
        return Terms(
            connections={**self.connections, edited.id: edited},
            organizations=self.organizations,
            system_roles=self.system_roles,
        )


def tell(terms: Terms, name: str) -> str:
    """Return all that decides about who comes through a connection, as JSON; what is default is left out.

    Two policies are the same where this is.
    """
    connection = terms.connections[name]
    organization = terms.organizations[connection.organization]
    told = {
        "connection": _data(connection, KEYS),
        "organization": _data(organization, _OF_ORGANIZATION),
        "system": [_data(one, None) for one in terms.system_roles.get(name, ())],
    }
    if connection.scim is not None:  # what rules call a provisioned group; ``read`` takes it from no one
        told["directory"] = {"group_name": connection.scim.group_name}
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def digest(told: str) -> str:
    """Return the SHA-256 of what ``tell`` returned, hex."""
    return hashlib.sha256(told.encode()).hexdigest()


def _data(model: Any, keys: frozenset[str] | None) -> dict[str, Any]:
    return dict(model.model_dump(mode="json", by_alias=True, include=keys, exclude_defaults=True))


def read(told: str, terms: Terms, name: str) -> Terms:
    """Return the terms under which a connection's policy was told so.

    Raises:
        ConfigurationError: ``policy.edited``: this release cannot read it.
    """
    data = json.loads(told)
    connection = terms.connections[name]
    organization = terms.organizations[connection.organization]
    kept = {key: value for key, value in _data(organization, None).items() if key not in _OF_ORGANIZATION}
    try:
        before = Organization.model_validate(kept | {"name": organization.name} | data["organization"])
        system = tuple(SystemRole.model_validate(one) for one in data["system"])
    except ValidationError as error:
        raise _refusal(error, name) from None
    return Terms(
        connections={**terms.connections, name: _replaced(connection, data["connection"])},
        organizations={**terms.organizations, connection.organization: before},
        system_roles={**terms.system_roles, name: system},
    )


def edit(connection: AnyConnection, keys: Mapping[str, Any]) -> AnyConnection:
    """Return a connection with some keys of its policy edited; the others stay.

    Args:
        connection: As in force.
        keys: As the settings file has them.

    Raises:
        ConfigurationError: ``policy.edited``, with every fault.
    """
    if unknown := sorted(str(key) for key in keys if key not in KEYS):
        raise ConfigurationError(
            "policy.edited",
            f"{connection.id}: not a key of a policy: {', '.join(unknown)}; "
            f"a policy is made of {', '.join(sorted(KEYS))}",
        )
    return _replaced(connection, {**_data(connection, KEYS), **keys})


def find_faults(connection: AnyConnection, keys: Mapping[str, Any], terms: Terms) -> tuple[faults.Fault, ...]:
    """Return what is wrong with keys that would be edited, each at its place; () where they can be used."""
    try:
        _policy(connection, {**_data(connection, KEYS), **keys})
        edited = edit(connection, keys)
    except ValidationError as error:
        return tuple(faults.read_errors(error, set(Configured.model_fields)))
    except ConfigurationError as fault:
        return (((), fault.detail),)
    found = between.find_undeclared({edited.id: edited}, terms.organizations)
    return tuple((steps[1:], why) for steps, why in found)


class _Edited(Configured):
    """The keys by themselves, for their rules; what bounds a connection is asked of the whole one."""

    protocol: str

    @property
    def is_bounded(self) -> bool:
        return True


def _policy(connection: AnyConnection, told: Mapping[str, Any]) -> _Edited:
    """Hold keys to their rules; those that say whose they are stand beside them.

    Raises:
        ValidationError: With every fault.
    """
    frame = {
        "organization": connection.organization,
        "preset": connection.preset,
        "protocol": connection.protocol,
    }
    return _Edited.model_validate({**told, **frame})


def _replaced(connection: AnyConnection, told: Mapping[str, Any]) -> AnyConnection:
    """Return a connection with this policy, and defaults for the keys that it does not name."""
    try:
        policy = _policy(connection, told)
    except ValidationError as error:
        raise _refusal(error, connection.id) from None
    kind = type(connection)
    # Made anew: a copy would keep what was compiled of the policy before.
    values = {name: getattr(policy if name in KEYS else connection, name) for name in kind.model_fields}
    edited = kind.model_construct(**values).mark(of_store=connection.of_store)
    if not (edited.anyone or edited.is_bounded):
        raise ConfigurationError(
            "policy.edited", f"{connection.id}.domains: nothing would say who may enter; name domains"
        )
    return edited


def _refusal(error: ValidationError, name: str) -> ConfigurationError:
    found = faults.read_errors(error, set(Configured.model_fields))
    return ConfigurationError("policy.edited", _told([((name, *steps), why) for steps, why in found]))


def _told(found: Iterable[tuple[faults.Steps, str]]) -> str:
    return "; ".join(f"{'.'.join(map(str, steps))}: {why}" for steps, why in found)
