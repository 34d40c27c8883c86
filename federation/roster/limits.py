"""What the store may not declare, though the settings file may, and how much of the rest.

Tenants edit their connections, and are not trusted.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from federation import presets
from federation.configuration.faults import Fault
from federation.configuration.scalars import is_loopback
from federation.connection import between
from federation.outbound.addresses import Allowed, Declared, is_number, parse_address
from federation.settings import Settings

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
_SET_APART: Final = {
    "id": "the id stands beside it, and never changes",
    "enabled": "a connection is enabled by itself, after a test",
    "organization": "it never changes",
}
ALIASES: Final = ("acs_paths", "callback_paths", "initiate_paths", "post_logout_paths", "sp_entity_id")
_ALIAS: Final = "an address that another product had is declared in the settings file alone"
_SCIM: Final = {
    "basic": "a credential of a directory is made here, and only its hash is kept",
    "bearer": "a credential of a directory is made here, and only its hash is kept",
    "paths": _ALIAS,
}
# In JSON: what no XML may hold (XML 1.0 §2.2), and our metadata would have to say.
_UNPRINTABLE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\(?:u00[01]|b|f|ufff[ef])")


def find(body: Mapping[str, Any], config: Settings) -> Iterator[Fault]:
    """Yield what a connection of the store may not say, each at its key."""
    yield from _size(body)
    for key, why in _SET_APART.items():
        if key in body:
            yield (key,), why
    for key in ALIASES:
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
