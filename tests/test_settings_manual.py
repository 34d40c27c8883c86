"""The page of settings has one row for every key, with the default that the model has."""

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import TypeAdapter

from federation import settings
from federation.configuration.about import About
from federation.configuration.outbound import Outbound
from federation.configuration.part import Model
from federation.configuration.smtp import Smtp
from federation.connection import (
    Configured,
    OAuth2Connection,
    OidcConnection,
    RelyingConnection,
    SamlConnection,
)
from federation.settings import Settings


def fields(model: type[Model]) -> dict[str, Any]:
    """A model's fields by their keys in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


DOCS = Path(__file__).parent.parent / "docs"
SAID_ELSEWHERE = {"id", "protocol", "anyone"}  # anyone: with domains
EVERY, RELYING = set(Configured.model_fields), set(RelyingConnection.model_fields)
SECTIONS: list[tuple[str, type[Model], set[str]]] = [
    ("## The keys", Settings, set(Settings.model_fields)),
    ("### `outbound`", Outbound, set(Outbound.model_fields)),
    ("### `smtp`", Smtp, set(fields(Smtp))),
    ("### `saml`", About, set(About.model_fields)),
    ("### Every connection", SamlConnection, EVERY - SAID_ELSEWHERE | {"protocol"}),
    ("### `protocol: saml`", SamlConnection, set(SamlConnection.model_fields) - EVERY - {"protocol"}),
    ("### `protocol: oidc` and `protocol: oauth2`", OidcConnection, RELYING - EVERY),
    ("### `protocol: oidc`", OidcConnection, set(OidcConnection.model_fields) - RELYING - {"protocol"}),
    ("### `protocol: oauth2`", OAuth2Connection, set(OAuth2Connection.model_fields) - RELYING - {"protocol"}),
]
each_section = pytest.mark.parametrize(
    ("heading", "model", "keys"), SECTIONS, ids=[heading for heading, _, _ in SECTIONS]
)


def rows(heading: str) -> list[tuple[list[str], str, str]]:
    """The rows under a heading: keys, default, what."""
    text = (DOCS / "settings.md").read_text()
    section = re.split(r"^#+ ", text.partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^\| (`.+?`) \| (.+?) \|(.*)\|$", section, re.MULTILINE)
    return [(re.findall("`([a-z_]+)`", keys), default, what) for keys, default, what in found]


@each_section
def test_every_key_has_one_row_and_no_other(heading: str, model: type[Model], keys: set[str]) -> None:
    written = [key for names, _, _ in rows(heading) for key in names]
    assert sorted(written) == sorted(keys)


@each_section
def test_a_default_is_the_models(heading: str, model: type[Model], keys: set[str]) -> None:
    for names, said, _ in rows(heading):
        for key, written in zip(names, re.findall("`([^`]+)`", said), strict=False):
            if said.startswith("`") and "{base_url}" not in said:
                field = fields(model)[key]
                kind: Any = Annotated[field.annotation, *field.metadata, None]
                read: TypeAdapter[Any] = TypeAdapter(kind)
                default = field.get_default(call_default_factory=True, validated_data={})
                assert read.validate_python(yaml.safe_load(written)) == default, key
        if said == "required":
            needed = {key for key in names if fields(model)[key].is_required()}
            assert needed | {"domains", "client_secret", "encryption_keys"} >= set(names)


def test_the_example_of_an_enterprise_loads(tmp_path: Path) -> None:
    text = (DOCS / "examples/enterprise-saml.yaml").read_text()
    for name in re.findall(r"metadata/idp/[\w-]+\.(?:pem|xml)", text):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----")
    file = tmp_path / "federation.yaml"
    file.write_text(text)
    read = settings.load(file, environment={})
    assert {one.protocol for one in read.connections.values()} == {"saml"}
    assert read.inline_secrets == ()


def test_the_examples_use_every_key_of_a_saml_connection_but_a_few() -> None:
    used = {
        key
        for file in (DOCS / "examples").glob("*saml.yaml")
        for told in yaml.safe_load(file.read_text())["connections"].values()
        for key in told
    }
    assert set(SamlConnection.model_fields) - used == {
        "id",
        "anyone",
        "email_trust",
        "on_email_match",
        "provisioning",
        "profile_update",
        "enabled",
        "reconcile_every",
        "record",
        "is_passive",
        "name_id_policy",
        "allow_create",
        "authn_context_comparison",
        "assertion_consumer_service_index",
    }
