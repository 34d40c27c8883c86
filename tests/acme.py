"""A service of many connections at one SimpleSAMLphp, which knows each as a service provider."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
from drive import Browser
from providers import PEOPLE, SimpleSamlPhp
from service import Service, serving

RULES = [
    {"name": "administrators", "groups": ["admins"], "roles": ["admin"]},
    {"name": "auditors", "attribute": {"name": "department", "in": ["Finance"]}, "roles": ["auditor"]},
    {"name": "researchers", "groups": ["zoë & <r&d*"], "roles": ["researcher"]},
]
ROLES = {"alice": ["admin"], "bob": ["auditor"], "zoe": ["researcher"]}  # a rule, so no default role
ABOUT = {
    "language": "de",
    "organization": {"name": "Acme & Söhne", "display_name": "Acme", "url": "https://acme.example/?a=1&b=2"},
    "contacts": [
        {"type": "technical", "given_name": "Zoë", "sur_name": "<Ada>", "email": "it@acme.example"},
        {"type": "security", "company": "Acme", "email": "security@acme.example"},
    ],
    "ui": {
        "display_name": "Acme sign-in",
        "description": "Signs you in",
        "logo": {"url": "https://acme.example/logo.png", "width": 80, "height": 60},
        "information_url": "https://acme.example/info",
        "privacy_statement_url": "https://acme.example/privacy",
    },
    "metadata_valid_for": "7d",
    "sign_metadata": True,
}
"""Everything that our metadata can say about us."""


def settings(connections: Mapping[str, Mapping[str, Any]], **further: Any) -> dict[str, Any]:
    """Return settings in which every connection is one of SAML for Acme, but for what it says itself."""
    common = {
        "protocol": "saml",
        "preset": "simplesamlphp",
        "organization": "acme",
        "domains": ["acme.example"],
        "on_email_match": "create",  # one address signs in through many of them, each as its own user
        "role_rules": RULES,
    }
    return {
        "organizations": {"acme": {"name": "Acme", "default_roles": ["member"]}},
        "rate_limits": {"sign_in": "off", "failures": "off"},
        "connections": {name: {**common, **told} for name, told in connections.items()},
        **further,
    }


@contextlib.contextmanager
def registered(
    directory: Path,
    idp: SimpleSamlPhp,
    connections: Mapping[str, Mapping[str, Any]],
    *,
    port: int | None = None,
    **further: Any,
) -> Iterator[Service]:
    """Run a service, and let SimpleSAMLphp import the one signed document that tells all of it.

    Args:
        directory: Empty, or that of a service that ran before.
        idp: Its metadata is taken from a file, where a connection does not say otherwise.
        connections: Their keys.
        port: As ``serving``.
        further: Keys of the settings file.
    """
    file = directory / "idp.xml"
    if not file.exists():
        file.write_bytes(idp.metadata())
    source = {"metadata": {"file": str(file)}}
    told = settings({name: {**source, **keys} for name, keys in connections.items()}, saml=ABOUT, **further)
    with serving(directory, told, port=port) as service:
        shutil.copy(directory / "sp.crt", idp.work / "cert" / "sp.crt")
        idp.register(httpx2.get(service.url("/saml/metadata"), trust_env=False).raise_for_status().content)
        yield service


def sp(service: Service, connection: str) -> str:
    """Return our entity ID at this connection."""
    return service.url(f"/saml/{connection}/metadata")


def is_person(said: Mapping[str, Any], login: str) -> None:
    """Hold what ``/session`` says against what SimpleSAMLphp knows."""
    person = PEOPLE[login]
    user = {name: value for name, value in said["user"].items() if name != "id"}
    assert user == {
        "email": person.email,
        "given_name": person.given_name,
        "family_name": person.family_name,
        "display_name": f"{person.given_name} {person.family_name}",
    }
    assert said["groups"] == list(person.groups)
    assert said["roles"] == ROLES[login]


def subject(service: Service, said: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what keys this person: issuer, format, both qualifiers and value."""
    ((key,),) = service.ask("SELECT subject_key FROM account WHERE user_id = ?", said["user"]["id"])
    return tuple(json.loads(key))


def refusal(service: Service, browser: Browser, connection: str, login: str = "alice") -> str:
    """Sign in where it is refused, and return by which code; nobody is signed in then."""
    page = browser.go(service.url(f"/login/{connection}"), PEOPLE[login])
    assert page.status_code == 403, page.text
    assert service.is_nobody(browser)
    return service.code_of(page)
