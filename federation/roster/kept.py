"""What the store declares of a connection, held to the settings file's rules and to narrower ones.

Whoever edits it in a browser is a customer's administrator, or holds a setup link: they name no file
and no variable of this machine, no private host, no path of ours that another product had, no place
for everybody, and nothing that could take long. Secrets are sealed apart from the rest. Pure but for the
vault; what is wrong between connections is asked by ``roster``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from federation import presets, registry, settings
from federation.configuration import faults
from federation.configuration.faults import Fault
from federation.configuration.scalars import Place, is_loopback
from federation.connection import AnyConnection, Organization, SamlConnection, between
from federation.connectors.saml import THREAD_ABOVE
from federation.errors import ConfigurationError
from federation.outbound.addresses import Allowed, Declared, is_number, parse_address
from federation.settings import Settings
from federation.store.kept_values import KeptConnection, KeptOrganization
from federation.vault import Vault

SECRETS: Final = {
    "client_secret": ("client_secret",),
    "google_directory.service_account": ("google_directory", "service_account"),
}
BODY_OCTETS: Final = 64 * 1024  # of JSON, without the metadata document
DOCUMENT_OCTETS: Final = 512 * 1024
SECRET_OCTETS: Final = 16 * 1024
ITEMS: Final = 200  # of a list
CONDITIONS: Final = 10  # in CEL
CONDITION_LENGTH: Final = 4000  # characters of them all: each costs every worker a compilation
LABELS: Final = 10  # of a domain
TENANTS: Final = 50
ISSUER_LENGTH: Final = 300  # characters
_ORGANIZATION: Final = frozenset({"name", "default_roles", "administrators", "contact"})
_SET_APART: Final = {
    "id": "the id stands beside it, and never changes",
    "enabled": "a connection is enabled by itself, after a test",
    "organization": "it never changes",
}
_ALIASES: Final = ("acs_paths", "callback_paths", "initiate_paths", "post_logout_paths", "sp_entity_id")
_ALIAS: Final = "an address that another product had is declared in the settings file alone"
_SCIM: Final = {
    "basic": "a credential of a directory is made here, and only its hash is kept",
    "bearer": "a credential of a directory is made here, and only its hash is kept",
    "paths": _ALIAS,
}
_PLACE: Final = Place(foreign=True)
# In JSON: what no XML may hold (XML 1.0 §2.2), and our metadata would have to say.
_UNPRINTABLE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\(?:u00[01]|b|f|ufff[ef])")


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
    found = list(limits(body, config))
    told = {"visible": False, **body, "organization": organization, "enabled": False}
    for key in (*_ALIASES, "id"):
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
        *above, last = SECRETS[key]
        here = told
        for step in above:
            inner = here.get(step)
            here[step] = here = dict(inner) if isinstance(inner, Mapping) else {}
        here[last] = value
    return told


def limits(body: Mapping[str, Any], config: Settings) -> Iterator[Fault]:
    """Yield what the store may not declare, though the settings file may."""
    yield from _size(body)
    for key, why in _SET_APART.items():
        if key in body:
            yield (key,), why
    for key in _ALIASES:
        if key in body:
            yield (key,), _ALIAS
    for steps in SECRETS.values():
        if _at(body, steps) is not None:
            yield steps, "a secret is kept apart from the rest: set it by itself"
    for key, why in _SCIM.items():
        if _at(body, ("scim", key)) is not None:
            yield ("scim", key), why
    if body.get("protocol") == "local":
        yield ("protocol",), "local accounts are declared in the settings file alone"
    yield from _hosts(body, Allowed(config.outbound.allow))
    yield from _pinned(body)


def _size(body: Mapping[str, Any]) -> Iterator[Fault]:
    document = _at(body, ("metadata", "xml"))
    octets = len(document.encode("utf-8", "surrogatepass")) if isinstance(document, str) else 0
    if octets > DOCUMENT_OCTETS:
        yield ("metadata", "xml"), f"expected at most {DOCUMENT_OCTETS} octets; name its URL"
    try:
        told = json.dumps(body)
        beside = len(told) - (len(json.dumps(document)) if octets else 0)
    except (TypeError, ValueError, RecursionError):
        yield (), "expected plain JSON"
        return
    if _UNPRINTABLE.search(told):
        yield (), "expected text without control characters"
    if beside > BODY_OCTETS:
        yield (), f"expected at most {BODY_OCTETS} octets beside the metadata document"
    for key, value in body.items():
        if isinstance(value, list | Mapping) and len(value) > ITEMS:
            yield (key,), f"expected at most {ITEMS} of them"
    rules = body.get("role_rules")
    ruled = [one for one in rules if isinstance(one, Mapping)] if isinstance(rules, list) else []
    if sum(one.get("when") is not None for one in ruled) > CONDITIONS:
        yield ("role_rules",), f"expected at most {CONDITIONS} rules with a condition (when)"
    if sum(len(one["when"]) for one in ruled if isinstance(one.get("when"), str)) > CONDITION_LENGTH:
        yield ("role_rules",), f"expected at most {CONDITION_LENGTH} characters of conditions (when)"
    yield from _breadth(body)


def _breadth(body: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what makes many names of few words: all that are in force are held against each other."""
    domains = body.get("domains")
    named = [one for one in domains if isinstance(one, str)] if isinstance(domains, list) else []
    for domain in named:
        if domain.count(".") >= LABELS:
            yield ("domains",), f"expected names of at most {LABELS} labels"
            break
    tenants = body.get("tenants")
    if isinstance(tenants, list) and len(tenants) > TENANTS:
        yield ("tenants",), f"expected at most {TENANTS} of them"
    for key in ("issuer", "discovery_url"):
        url = body.get(key)
        if isinstance(url, str) and len(url) > ISSUER_LENGTH:
            yield (key,), f"expected at most {ISSUER_LENGTH} characters"


def _hosts(body: Mapping[str, Any], allowed: Allowed) -> Iterator[Fault]:
    """Literal ones; where a name leads is asked whenever it is used."""
    for key in (*sorted(between.URL_KEYS), "metadata.url"):
        steps = tuple(key.split("."))
        url = _at(body, steps)
        if isinstance(url, str) and _is_private(url, allowed):
            yield (
                steps,
                "expected a public host: one in a private network is named in the settings file alone",
            )


def _is_private(url: str, allowed: Allowed) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False  # no URL: named as such
    address = parse_address(host)
    if address is not None:
        return allowed.refusal(host, address, Declared.STORE) is not None
    return (is_number(host) or is_loopback(host) or "." not in host.strip(".")) and not allowed.names(host)


def _pinned(body: Mapping[str, Any]) -> Iterator[Fault]:
    """Whose people it speaks for is said, and never left to a document that its owner may change."""
    match body.get("protocol"):
        case "saml" if _at(body, ("metadata", "url")) is not None and not body.get("entity_id"):
            yield ("entity_id",), "expected the identity provider's entity ID, which its metadata must name"
        case "oidc" if not body.get("issuer") and "issuer" not in presets.fill_in(body):
            yield ("issuer",), "expected the provider's issuer URL"


def _at(body: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        body = body.get(step) if isinstance(body, Mapping) else None
    return body


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
