"""What an answer by OpenID Connect or OAuth 2.0 tells on trial.

From what the provider was heard to answer: the ID Token, UserInfo or profile, its keys, its clock. Of
the token endpoint only what is no token. Nothing here is verified: the checks tell what held. Pure.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from federation import registry
from federation.connectors.contract import Callback
from federation.errors import Check, FederationError
from federation.fetch import Heard
from federation.identity import VerifiedAssertion
from federation.oidc import documents, id_token, key_set, signature
from federation.oidc.provider import ProviderMetadata
from federation.oidc.signing_key import SigningKey
from federation.trial.evidence import Evidence, clock, dates, exchanges, iso, places
from federation.trial.report import Clock, Document, Key, Piece

_TOLD: Final = frozenset({"error", "error_description", "error_uri", "token_type", "expires_in", "scope"})
_TOKENS: Final = ("access_token", "refresh_token", "id_token")


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One answer, and what was asked for."""

    callback: Callback
    expects: Mapping[str, str]
    heard: Sequence[Heard]
    verified: VerifiedAssertion | None
    asked: tuple[Check, ...]  # what a refusal says was asked
    now: datetime

    def answers(self, url: str) -> list[Mapping[str, Any]]:
        """Return what came from an address, where it is a JSON object."""
        found: list[Mapping[str, Any]] = []
        for one in self.heard:
            if url and one.url.partition("?")[0] == url.partition("?")[0]:
                with suppress(ValueError):
                    found.append(documents.read_object(one.answer.body))
        return found

    @property
    def checks(self) -> tuple[Check, ...]:
        return self.asked if self.verified is None else self.verified.checks

    @property
    def secrets(self) -> tuple[str, ...]:
        """What stands in no report: codes, verifiers and tokens of this sign-in."""
        named = [self.callback.params.get(name, "") for name in ("code", *_TOKENS)]
        told = [answer.get(name, "") for one in self.heard for answer in _objects(one) for name in _TOKENS]
        every = (*named, *told, self.expects.get("code_verifier", ""), self.callback.handle)
        return tuple(one for one in every if isinstance(one, str))


def _objects(heard: Heard) -> list[Mapping[str, Any]]:
    with suppress(ValueError):
        return [documents.read_object(heard.answer.body)]
    return []


def tell(entry: registry.Oidc, provider: ProviderMetadata | None, came: Answered) -> Evidence:
    """Say what an OpenID Provider's answer says.

    Args:
        entry: The connection.
        provider: What is known of it; None where its metadata could not be had.
        came: The answer.
    """
    token_url = provider.token_endpoint if provider else ""
    tokens = next(iter(came.answers(token_url)), {})
    token = tokens.get("id_token") or came.callback.params.get("id_token", "")
    header, claims = _decoded(token if isinstance(token, str) else "")
    told = next(iter(came.answers(provider.userinfo_endpoint if provider else "")), None)
    return Evidence(
        checks=came.checks,
        pairs=_pairs(entry, provider, came, header, claims),
        said_there=_said(came, tokens),
        documents=(
            *_document("ID Token: header", header),
            *_document("ID Token: claims", claims),
            *_document("UserInfo", told),
            *_document("Token endpoint", _harmless(tokens)),
        ),
        keys=_keys(provider, came, header),
        algorithms=(str(header["alg"]),) if "alg" in header else (),
        clocks=(*_issued(claims, came.now), *dates(came.heard, came.now)),
        endpoints=places(_endpoints(entry, provider)),
        exchanges=exchanges(came.heard),
        secrets=(*came.secrets, entry.client.client_secret),
    )


def tell_oauth2(entry: registry.OAuth2, came: Answered) -> Evidence:
    """Say what the answer of a provider by OAuth 2.0 alone says; arguments as ``tell``."""
    client, api = entry.client, entry.api
    tokens = next(iter(came.answers(client.token_endpoint)), {})
    profile = next(iter(came.answers(api.userinfo_endpoint)), None)
    told: dict[str, str] = {
        "callback_url": client.redirect_uri,
        "authorization_endpoint": client.authorization_endpoint,
        "token_endpoint": client.token_endpoint,
        "userinfo_endpoint": api.userinfo_endpoint,
        **{str(name): url for name, url in api.listings.items()},
    }
    return Evidence(
        checks=came.checks,
        said_there=_said(came, tokens),
        documents=(*_document("Profile", profile), *_document("Token endpoint", _harmless(tokens))),
        clocks=dates(came.heard, came.now),
        endpoints=places(told),
        exchanges=exchanges(came.heard),
        secrets=(*came.secrets, client.client_secret),
    )


def _decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of an ID Token; {} of what cannot be read."""
    header: dict[str, Any] = {}
    try:
        header = signature.read_header(token)
        return header, documents.read_object(signature.read_payload(token))
    except (FederationError, ValueError):
        return header, {}


def _document(name: str, told: Mapping[str, Any] | None) -> tuple[Document, ...]:
    if not told:
        return ()
    text = json.dumps(told, indent=2, ensure_ascii=False)
    return (Document(name=name, pieces=(Piece(text=text),)),)


def _harmless(tokens: Mapping[str, Any]) -> dict[str, Any]:
    """Return the token endpoint's answer without whatever could be a token."""
    return {name: value if name in _TOLD else "…" for name, value in tokens.items()}


def _said(came: Answered, tokens: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the provider's own words of an error: in the browser's answer, else at the token endpoint."""
    words = came.callback.params if "error" in came.callback.params else tokens
    if "error" not in words:
        return ()
    return tuple(str(words[name]) for name in ("error", "error_description") if words.get(name))


def _pairs(
    entry: registry.Oidc,
    provider: ProviderMetadata | None,
    came: Answered,
    header: Mapping[str, Any],
    claims: Mapping[str, Any],
) -> dict[str, tuple[str, str]]:
    client, now = entry.client, iso(came.now)
    demands = client.demands
    found = {
        "oidc.redirect_uri": (
            came.expects.get("redirect_uri", ""), entry.callback_urls.get(came.callback.path, "")
        ),
        "oidc.answer_iss": (provider.issuer if provider else "", came.callback.params.get("iss", "")),
        "oidc.response_mode": (client.response_mode, "form_post" if came.callback.posted else "query"),
    }  # fmt: skip
    if not header:
        return found

    def said(name: str) -> str:
        value = claims.get(name)
        return "" if value is None else value if isinstance(value, str) else json.dumps(value)

    return found | {
        "oidc.alg": (client.id_token_signed_response_alg, str(header.get("alg", ""))),
        "oidc.key_unknown": (
            ", ".join(one.name for one in _keys(provider, came, {})), str(header.get("kid", ""))
        ),
        "oidc.issuer": (provider.issuer if provider else entry.discovery.issuer or "", said("iss")),
        "oidc.tenant": (", ".join(sorted(demands.tenants)), said("tid")),
        "oidc.audience": (client.client_id, said("aud")),
        "oidc.azp": (client.client_id, said("azp")),
        "oidc.nonce": (came.expects.get("nonce", ""), said("nonce")),
        "oidc.expired": (f"> {now}", _time(claims, "exp")),
        "oidc.issued_at": (f"≤ {now}", _time(claims, "iat")),
        "oidc.not_before": (f"≤ {now}", _time(claims, "nbf")),
        "oidc.auth_time": (
            "" if demands.max_age is None else f"≤ {demands.max_age} ago", _time(claims, "auth_time")
        ),
        "oidc.acr": (", ".join(sorted(demands.acrs)), said("acr")),
        "oidc.demanded_claim": (
            json.dumps(dict(demands.claims)) if demands.claims else "",
            json.dumps({name: claims.get(name) for name in demands.claims}) if demands.claims else "",
        ),
    }  # fmt: skip


def _time(claims: Mapping[str, Any], name: str) -> str:
    at = id_token.read_time(claims.get(name))
    return "" if at is None else iso(at)


def _issued(claims: Mapping[str, Any], now: datetime) -> tuple[Clock, ...]:
    at = id_token.read_time(claims.get("iat"))
    return () if at is None else (clock("iat", at, now),)


def _keys(provider: ProviderMetadata | None, came: Answered, header: Mapping[str, Any]) -> tuple[Key, ...]:
    """Return the keys that the provider publishes now."""
    url = provider.jwks_uri if provider else ""
    published: tuple[SigningKey, ...] = ()
    for one in came.heard:
        if url and one.url == url:
            with suppress(FederationError):
                published = key_set.read_jwks(one.answer.body, one.answer.content_type).keys
    held = any(check.code == "oidc.signature" and check.said is None for check in came.checks)

    def is_used(key: SigningKey) -> bool:
        return held and key.fits(str(header.get("alg"))) and key.is_named(header.get("kid"))

    return tuple(
        Key(
            name=key.kid or "",
            fingerprint=key.thumbprint,
            algorithm=key.alg or f"{key.kty} {key.crv}".strip(),
            used=is_used(key),
        )
        for key in published
    )


def _endpoints(entry: registry.Oidc, provider: ProviderMetadata | None) -> dict[str, str]:
    ours = {"callback_url": entry.client.redirect_uri, "discovery_url": entry.discovery.url}
    if provider is None:
        return ours | {"issuer": entry.discovery.issuer or "", **entry.discovery.endpoints}
    return ours | {
        "issuer": provider.issuer,
        "authorization_endpoint": provider.authorization_endpoint,
        "token_endpoint": provider.token_endpoint,
        "jwks_uri": provider.jwks_uri,
        "userinfo_endpoint": provider.userinfo_endpoint,
        "end_session_endpoint": provider.end_session_endpoint,
    }
