"""Logout: how a provider is asked to end its session, and what it says of those that it ended.

RP-Initiated Logout 1.0, Back-Channel Logout 1.0 and Front-Channel Logout 1.0. A logout token is
held to the rules of ``RULES``, after the signature rules of an ID Token. Pure.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from federation.errors import AssertionRefused, Check, RequestRefused
from federation.oidc import id_token, signature
from federation.oidc.client import Client
from federation.oidc.id_token import Expected, Rule, Statement, read_time
from federation.oidc.key_set import Jwks
from federation.oidc.provider import ProviderMetadata
from federation.oidc.signed_claims import read_claims

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
FRESH: Final = timedelta(minutes=10)  # a pending sign-in's life: no older answer is taken either
URL_LENGTH: Final = 7 * 1024  # characters; common servers take a request line of 8 KiB
_TYPES: Final = frozenset({"jwt", "logout+jwt"})


def provider_name(issuer: str, sub: str) -> str:
    """Return under which name logout messages speak of a person: injective, of issuer and ``sub``.

    Source: Back-Channel Logout §2.6: sub is unique within its issuer alone.
    """
    return json.dumps([issuer, sub], ensure_ascii=False, separators=(",", ":"))


def session_name(issuer: str, sid: str) -> str:
    """Return the name of a session by itself: of issuer and ``sid``, and nobody's ``provider_name``.

    Source: Back-Channel Logout §2.4: sid is unique within its issuer alone.
    """
    return json.dumps([issuer, "sid", sid], ensure_ascii=False, separators=(",", ":"))


# --- asked by us


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorWay:
    """How a vendor wants to be asked, where that is not as the specification has it."""

    parameter: str  # says where people go afterwards; "": as the specification has it
    path: str  # from the issuer on: this way is for it alone; "": for any end_session_endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession:
    """Where to send the browser."""

    url: str = field(repr=False)  # may hold an ID Token
    answered: bool  # whether ``state`` comes back with the person


def end_session(
    provider: ProviderMetadata,
    client: Client,
    *,
    vendor: VendorWay,
    hint: str,
    post_logout_redirect_uri: str,
    state: str,
) -> EndSession | None:
    """Ask a provider to end its session; None where it offers no way.

    Args:
        provider: Whose session it is.
        client: Ourselves.
        vendor: How this one is asked.
        hint: The ID Token of the session, "" where there is none. Left out where the URL would
            be too long: the provider then asks the person.
        post_logout_redirect_uri: Of ours, where people go afterwards.
        state: That must come back with them.

    Source: RP-Initiated Logout §2, §3.
    """
    endpoint = provider.end_session_endpoint
    own = f"{provider.issuer.rstrip('/')}/{vendor.path}" if vendor.path else ""
    if vendor.parameter and (not own or endpoint in ("", own)):
        asked = {"client_id": client.client_id, vendor.parameter: post_logout_redirect_uri}
        there = endpoint or own
        return EndSession(url=_with(there, asked), answered=False) if there else None
    if not endpoint:
        return None
    asked = {
        "client_id": client.client_id,
        "post_logout_redirect_uri": post_logout_redirect_uri,
        "state": state,
    }
    url = _with(endpoint, {"id_token_hint": hint, **asked} if hint else asked)
    return EndSession(url=url if len(url) <= URL_LENGTH else _with(endpoint, asked), answered=True)


def is_of(name: str, provider: ProviderMetadata, client: Client) -> bool:
    """Tell whether a ``provider_name`` is of this provider: an ID Token of another is not for it."""
    try:
        issuer, _sub = json.loads(name)
    except (ValueError, TypeError):  # another protocol's
        return False
    return isinstance(issuer, str) and issuer in _issuers(provider, client)


def _with(endpoint: str, asked: Mapping[str, str]) -> str:
    """An endpoint may have a query of its own (RFC 6749 §3.1)."""
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def _issuers(provider: ProviderMetadata, client: Client) -> frozenset[str]:
    return frozenset(provider.issuer_of(tid) for tid in client.demands.tenants or ("",))


# --- told by the provider


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutToken:
    """A logout token whose signature held and that broke no rule."""

    issuer: str
    id: str  # of issuer, client and jti: hex
    names: tuple[str, ...] = field(repr=False)  # as ``ProviderSession`` has them
    indexes: tuple[str, ...] = field(repr=False)
    issued_at: datetime
    until: datetime  # it is accepted no more


def kind(header: Mapping[str, Any], _registered: str) -> str | None:
    """Back-Channel Logout §2.4: logout+jwt is encouraged; older providers send JWT, or nothing."""
    typ = header.get("typ", "JWT")
    if isinstance(typ, str) and typ.lower().removeprefix("application/") in _TYPES:
        return None
    return "typ names another kind of token"


HEADER_RULES: Mapping[str, signature.HeaderRule] = {**signature.HEADER_RULES, "oidc.typ": kind}


def issued(said: Statement, want: Expected) -> str | None:
    """Back-Channel Logout §2.6 (2): iat must exist, not lie ahead, nor long back."""
    if (ahead := id_token.issued(said, want)) is not None:
        return ahead
    at = read_time(said.claims["iat"])
    late = at is None or want.now - at >= FRESH + want.skew
    return f"issued at {at.isoformat() if at else None}, {FRESH} ago or more" if late else None


def identifier(said: Statement, _want: Expected) -> str | None:
    """Back-Channel Logout §2.4: jti must exist; that it comes once is the store's to say."""
    found = said.claims.get("jti")
    return None if isinstance(found, str) and found.strip() else "jti is not a string, or blank"


def event(said: Statement, _want: Expected) -> str | None:
    """Back-Channel Logout §2.6 (5): what tells it from every other token, ID Tokens among them."""
    events = said.claims.get("events")
    if isinstance(events, dict) and isinstance(events.get(EVENT), dict):
        return None
    return "events holds no back-channel logout"


def named(said: Statement, want: Expected) -> str | None:
    """Back-Channel Logout §2.6 (4): sub, sid or both; each a string, and not blank."""
    if not {"sub", "sid"} & said.claims.keys():
        return "neither sub nor sid"
    if "sub" in said.claims and (odd := id_token.subject(said, want)) is not None:
        return odd
    sid = said.claims.get("sid", "none")
    return None if isinstance(sid, str) and sid.strip() else "sid is not a string, or blank"


def no_nonce(said: Statement, _want: Expected) -> str | None:
    """Back-Channel Logout §2.6 (6): whatever has a nonce is an ID Token."""
    return "there is a nonce" if "nonce" in said.claims else None


RULES: Mapping[str, Rule] = {
    "oidc.logout_issuer": id_token.issuer,
    "oidc.logout_tenant": id_token.tenant,
    "oidc.logout_audience": id_token.audience,
    "oidc.logout_issued_at": issued,
    "oidc.logout_expired": id_token.unexpired,  # REQUIRED since its errata set 1
    "oidc.logout_not_before": id_token.begun,
    "oidc.logout_jti": identifier,
    "oidc.logout_event": event,
    "oidc.logout_subject": named,
    "oidc.logout_nonce": no_nonce,
}


def verify_logout_token(
    text: str, *, jwks: Jwks, client: Client, provider: ProviderMetadata, now: datetime, skew: timedelta
) -> LogoutToken:
    """Verify a logout token's signature, then hold its claims against RULES.

    Args:
        text: As it came.
        jwks: The provider's keys, fresh enough (``signature.needs_new_keys``).
        client: Ourselves; names the registered algorithm, which is that of ID Tokens.
        provider: Whose word it must be.
        now: UTC, aware.
        skew: The connection's.

    Raises:
        AssertionRefused: Whatever ``signature.verify`` raises, ``oidc.claims_malformed``;
            then, with every check, the first broken one of RULES.

    Source: Back-Channel Logout §2.4, §2.6.
    """
    registered = client.id_token_signed_response_alg
    signed = signature.verify(text, jwks=jwks, registered=registered, rules=HEADER_RULES)
    said = Statement(alg=signed.alg, crv=signed.crv, claims=read_claims(signed.payload), access_token="")
    want = Expected(
        issuer=provider.issuer, client_id=client.client_id, nonce="", code="", front_channel=False,
        demands=client.demands, now=now, skew=skew,
    )  # fmt: skip
    checks = (Check("oidc.signature"), *(Check(code, rule(said, want)) for code, rule in RULES.items()))
    if broken := [check.code for check in checks if check.said]:
        raise AssertionRefused(broken[0], f"the logout token breaks {', '.join(broken)}", checks)
    return _token(said.claims, client, skew)


def _token(claims: Mapping[str, Any], client: Client, skew: timedelta) -> LogoutToken:
    issuer: str = claims["iss"]
    names, indexes = _whose(issuer, claims.get("sub"), claims.get("sid"))
    issued_at = datetime.fromtimestamp(claims["iat"], UTC)
    told = json.dumps([issuer, client.client_id, claims["jti"]])
    return LogoutToken(
        issuer=issuer,
        id=hashlib.sha256(told.encode()).hexdigest(),
        names=names,
        indexes=indexes,
        issued_at=issued_at,
        until=issued_at + FRESH + skew,
    )


def _whose(issuer: str, sub: str | None, sid: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Back-Channel Logout §2.4, §2.7: by sub every session of theirs, by sid the one, by both the one."""
    if sub is None:
        return (session_name(issuer, sid or ""),), ()
    # And whichever of the person's sessions no sid tells apart: it may be the one.
    return (provider_name(issuer, sub),), (() if sid is None else (sid, ""))


def read_frame(
    params: Mapping[str, str], *, provider: ProviderMetadata, client: Client, issuer_told: bool
) -> tuple[str, ...]:
    """Return the ``session_name`` of the session that a provider's page names in a frame.

    Nothing of it is signed: what tells that the provider means it is that it knows the ``sid``.

    Args:
        params: As received, each once.
        provider: Whose page it should be.
        client: Ourselves.
        issuer_told: Whether this provider says ``iss``. Where it does not, the connection that is
            called says whose ``sid`` it is, and all of its tenants' names are returned.

    Raises:
        RequestRefused: ``oidc.frontchannel_missing``, ``oidc.frontchannel_issuer``.

    Source: Front-Channel Logout §2, §3: both parameters, or none; we register for both.
    """
    issuer, sid = params.get("iss", ""), params.get("sid", "")
    ours = _issuers(provider, client)
    if not sid.strip() or (issuer_told and not issuer):
        raise RequestRefused("oidc.frontchannel_missing", "the frame's URL names no iss and sid")
    if "iss" in params and issuer not in ours:
        raise RequestRefused("oidc.frontchannel_issuer", "the frame's URL names another issuer")
    return tuple(session_name(one, sid) for one in sorted({issuer} if issuer else ours))
