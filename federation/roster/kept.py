"""What the store declares of a connection, held to the settings file's rules and to narrower ones.

Whoever edits it in a browser is a customer's administrator, or holds a setup link: they name no file
and no variable of this machine, no private host, no path of ours that another product had, no place
for everybody, and nothing that could take long. Secrets are sealed apart from the rest. Pure but for the
vault; what is wrong between connections is asked by ``roster``.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from federation import registry, settings
from federation.configuration import faults
from federation.configuration.faults import Fault
from federation.configuration.scalars import Place
from federation.connection import AnyConnection, Organization, SamlConnection
from federation.connectors.saml import THREAD_ABOVE
from federation.errors import ConfigurationError
from federation.roster import limits
from federation.settings import Settings
from federation.store.kept_values import KeptConnection, KeptOrganization
from federation.vault import Vault

_ORGANIZATION: Final = frozenset({"name", "default_roles", "administrators", "contact"})
_PLACE: Final = Place(foreign=True)


def place_of(connection: str) -> str:
    """Return where a connection's secrets stand: moved, they open nowhere."""
    return f"kept_connection:{connection}"


def open_secrets(vault: Vault, kept: KeptConnection) -> dict[str, str]:
    """Return the secrets of a connection, by their dotted keys.

    Raises:
        ConfigurationError: ``keys.unknown``, ``keys.envelope``.
    """
    if not kept.sealed:
        return {}
    told: dict[str, str] = json.loads(vault.open(kept.sealed, place_of(kept.id)))
    return told


def seal_secrets(vault: Vault, connection: str, secrets: Mapping[str, str]) -> str:
    """Return them as they are kept; "" for none."""
    return vault.seal(json.dumps(dict(secrets)).encode(), place_of(connection)) if secrets else ""


def read(
    name: str, body: Mapping[str, Any], secrets: Mapping[str, str], *, organization: str, config: Settings
) -> AnyConnection:
    """Read a connection, not enabled.

    Args:
        name: Its id.
        body: Keys of the settings file.
        secrets: By their dotted keys.
        organization: Whose.
        config: Of this process.

    Raises:
        ValidationError: With every fault of it alone.
    """
    found = list(limits.find(body, config))
    told = {"visible": False, **body, "organization": organization, "enabled": False}
    for key in (*limits.ALIASES, "id"):
        told.pop(key, None)  # named already
    try:
        made = settings.read_connection(name, _with(told, secrets), _PLACE)
    except ValidationError as error:
        found += faults.read_errors(error, settings.known_keys())
    faults.refuse(dict.fromkeys(found))
    return settings.named(made, config.saml).mark(of_store=True)


def is_large(body: Mapping[str, Any]) -> bool:
    """Tell whether a body holds a document over 32 KiB: it is compiled on a thread, see ``connectors``."""
    source = body.get("metadata")
    document = source.get("xml") if isinstance(source, Mapping) else None
    return isinstance(document, str) and len(document) > THREAD_ABOVE


def compile_body(  # noqa: PLR0913  what a connection is made of
    name: str,
    body: Mapping[str, Any],
    secrets: Mapping[str, str],
    *,
    organization: str,
    enabled: bool,
    config: Settings,
    own: registry.Own | None,
    now: datetime,
) -> registry.Entry:
    """Read a connection, and all that it holds.

    Args:
        name: As ``read``.
        body: Likewise.
        secrets: Likewise.
        organization: Likewise.
        enabled: Whether people come in by it.
        config: As ``read``.
        own: Our keys; None where it is only looked at.
        now: UTC.

    Raises:
        ValidationError: With every fault of it alone.
        ConfigurationError: As ``registry.compile_one``.
    """
    made = read(name, body, secrets, organization=organization, config=config)
    return registry.compile_one(
        made.model_copy(update={"enabled": enabled}),
        config.base_url,
        development=config.development,
        own=own,
        now=now,
    )


def is_missing(fault: Fault, body: Mapping[str, Any]) -> bool:
    """Tell whether a fault is that something is not said yet, and not that it is wrong."""
    steps, _ = fault
    return bool(steps) and str(steps[0]) not in body


def read_organization(body: Mapping[str, Any]) -> Organization:
    """Read an organization.

    Raises:
        ValidationError: With every fault.
    """
    faults.refuse(
        ((key,), "this is declared in the settings file alone") for key in body if key not in _ORGANIZATION
    )
    return Organization.model_validate({**body, "domain_proof": "dns"}, context=_PLACE)


def _with(told: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return the keys with the secrets at their places."""
    told = dict(told)
    for key, value in secrets.items():
        *above, last = limits.SECRETS[key]
        here = told
        for step in above:
            inner = here.get(step)
            here[step] = here = dict(inner) if isinstance(inner, Mapping) else {}
        here[last] = value
    return told


def body_of(kept: KeptConnection | KeptOrganization) -> dict[str, Any]:
    """Return the keys that are kept.

    Raises:
        ConfigurationError: ``registry.unreadable``.
    """
    try:
        told = json.loads(kept.body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ConfigurationError("registry.unreadable", f"what is kept of {kept.id} is no JSON object")
    return told


def outline(
    name: str, body: Mapping[str, Any], *, organization: str, config: Settings
) -> SamlConnection | None:
    """Return a SAML connection as far as its owner has to know it, though nothing of theirs is told yet.

    For our metadata, which they need before they can send us theirs; nobody comes in by it.
    """
    if body.get("protocol") != "saml":
        return None
    kept = {"name_id_format", "subject_attribute", "attributes", "preset", "advertise_encryption", "signed"}
    told = {key: value for key, value in body.items() if key in kept}
    # RFC 2606 §2: no such host will ever be; nothing asks for it
    url = "https://idp.invalid/metadata"
    stands_in = {"metadata": {"url": url}, "entity_id": url, "anyone": True}
    try:
        made = read(
            name, {**told, **stands_in, "protocol": "saml"}, {}, organization=organization, config=config
        )
    except ValidationError:
        return None
    return made if isinstance(made, SamlConnection) else None
