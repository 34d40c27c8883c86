"""What `federation explain` tells: a recorded sign-in, or a message from a file, rule by rule.

For the operator's eyes. A message out of a file is asked the same rules as a sign-in's, and
never becomes an identity.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from federation import keys, registry
from federation.connectors import openid_documents
from federation.errors import (
    Check,
    ConfigurationError,
    FederationError,
    ProviderUnavailable,
)
from federation.fetch import Declared, Fetch, open_door
from federation.oidc import relying_party
from federation.records import recorded, redaction
from federation.records.mends import mender
from federation.records.records import Kept
from federation.registry import Local, OAuth2, Oidc, Own, Saml
from federation.saml import bindings, certificates, metadata, service_provider
from federation.saml.service_provider import Said
from federation.settings import Settings
from federation.store.store import open_store

REFERENCE: Final = re.compile(r"[A-Z2-7]{10}")
_JWT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_OK: Final = 200


@dataclass(frozen=True, kw_only=True)
class Story:
    """Why an attempt, or a message, was accepted or not."""

    code: str  # "" where everything held
    detail: str
    checks: tuple[Check, ...]
    facts: dict[str, str]  # when, where, how large
    kept: Kept | None = None  # of a record: all that it says
    values: bool  # whether personal values are told
    message: str = ""  # decoded, of a file

    @property
    def mended_by(self) -> str:
        return mender(self.code) if self.code else ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        told: dict[str, Any] = {
            "code": self.code,
            "detail": self.detail,
            "mended_by": self.mended_by,
            **self.facts,
        }
        kept = self.kept or Kept(checks=self.checks)
        told |= redaction.show(kept, values=self.values, refused=self.code)
        return told | ({"message": self.message} if self.message else {})


async def by_reference(config: Settings, reference: str, *, values: bool) -> Story:
    """Tell what is recorded under a reference.

    Args:
        config: The settings.
        reference: As the person was shown it.
        values: Whether personal values are told.

    Raises:
        ConfigurationError: ``explain.unknown``: nothing is, or not any more; ``keys.*``, ``store.*``.
    """
    vault = keys.open_vault([one.file for one in config.encryption_keys])
    store = await open_store(config.database_url.get_secret_value())
    try:
        record = await store.find_record(reference)
        if record is None:
            raise ConfigurationError(
                "explain.unknown", f"nothing is recorded under {reference}; it was mistyped, or has expired"
            )
        kept, note = await recorded.opened(store, vault, record)
    finally:
        await store.close()
    facts = {
        "reference": reference,
        "at": record.at.isoformat(timespec="seconds"),
        "connection": record.connection,
        "organization": record.organization,
        "size": f"{record.size} octets" if record.size else "",
        "sha256": record.digest,
        "person": record.person,
        "note": note,
    }
    return Story(
        code=record.code,
        detail=record.detail,
        checks=kept.checks if kept else (),
        facts={name: fact for name, fact in facts.items() if fact},
        kept=kept,
        values=values,
    )


def read_message(file: Path) -> str:
    """Read a message out of a file: XML, base64, a token, or a form's body as a browser shows it.

    Raises:
        ConfigurationError: ``explain.file``.
    """
    try:
        text = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ConfigurationError(
            "explain.file", f"{file} is neither a reference (ten letters A-Z and digits 2-7) nor a file"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigurationError("explain.file", f"{file} cannot be read ({why})") from None
    for name in ("SAMLResponse", "id_token"):
        if f"{name}=" in text and not text.startswith("<"):
            return parse_qs(text).get(name, [text])[0]
    return text


async def by_message(config: Settings, text: str, connection: str | None, *, now: datetime) -> Story:
    """Ask a SAMLResponse or an ID Token every rule.

    Args:
        config: The settings.
        text: As ``read_message`` returns it.
        connection: Through which it should have come; None where only one could be meant.
        now: The moment to judge it at.

    Raises:
        ConfigurationError: ``explain.connection``; what ``registry`` raises.
        AssertionRefused: There is nothing in it that could be asked.
    """
    is_token = bool(_JWT.fullmatch(text))
    entry = _entry(config, "oidc" if is_token else "saml", connection, now)
    fetch = open_door(config)
    try:
        if isinstance(entry, Oidc):
            checks, message = await _token(entry, text, fetch, now), ""
        else:
            document = text.encode() if text.startswith("<") else bindings.decode_post("".join(text.split()))
            checks, message = (
                await _response(entry, document, fetch, now),
                document.decode("utf-8", "replace"),
            )
    finally:
        await fetch.close()
    broken = next((one for one in checks if redaction.outcome(one, one.code) == "BROKEN"), None)
    return Story(
        code=broken.code if broken else "",
        detail=broken.said or ""
        if broken
        else "no rule of the message is broken; who may enter was not asked",
        checks=checks,
        facts={"connection": entry.connection.id, "at": now.isoformat(timespec="seconds")},
        values=True,  # who asks has the message
        message=message,
    )


def _entry(config: Settings, protocol: str, connection: str | None, now: datetime) -> Saml | Oidc:
    known = [name for name, one in config.connections.items() if one.protocol == protocol]
    name = connection or (known[0] if len(known) == 1 else None)
    if name is None or name not in known:
        raise ConfigurationError(
            "explain.connection",
            f"name its connection with --connection; {protocol}: {', '.join(known) or 'none'}",
        )
    entry = registry.compile_one(
        config.connections[name], config.base_url, development=config.development, own=_own(config), now=now
    )
    if isinstance(entry, OAuth2 | Local):
        raise TypeError(
            "OAuth 2.0 and local accounts have no message to explain, and are not asked for by name"
        )
    return entry


def _own(config: Settings) -> Own | None:
    """Return our keys where they are at hand; without them an encrypted message stays closed."""
    try:
        return registry.own_keys(keys.load_key_set(config.sp_key, config.sp_certificate))
    except FederationError:
        return None


async def _response(entry: Saml, document: bytes, fetch: Fetch, now: datetime) -> tuple[Check, ...]:
    idp = entry.idp
    if idp is None:
        answer = await fetch.get(entry.metadata_url, declared=Declared.FILE, accept="*/*")
        if answer.status != _OK:
            raise ProviderUnavailable("saml.metadata_unavailable", "the metadata URL did not answer 200")
        source = entry.connection.metadata
        idp = metadata.read_metadata(
            answer.body,
            entity_id=entry.connection.entity_id,
            development=entry.development,
            now=now,
            signers=certificates.read_signers(source.certificates) if source else (),
        )
    return service_provider.explain(
        document,
        idp=idp,
        terms=entry.terms,
        acs_url=entry.acs_url,
        request_id=Said.NOT_KNOWN,
        decryption_keys=entry.decryption_keys,
        legacy=entry.connection.excepted(now.date()),
        now=now,
    )


async def _token(entry: Oidc, text: str, fetch: Fetch, now: datetime) -> tuple[Check, ...]:
    issuer, jwks = entry.discovery.issuer or "", None
    try:
        told = await openid_documents.fetch_provider(entry, fetch)
        issuer = told.issuer
        jwks = await openid_documents.fetch_jwks(entry, told, fetch)
    except FederationError:
        jwks = None  # explain says that the signature was not asked
    return relying_party.explain(
        text, jwks=jwks, client=entry.client, issuer=issuer, now=now, skew=entry.connection.clock_skew
    )
