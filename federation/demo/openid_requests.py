"""Authorization requests at the development OpenID Provider: read strictly, kept until answered.

By the browser (Core §3.1.2.1, §3.3.2.1), or pushed ahead of it (RFC 9126).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from federation.demo.openid_clients import DemoClient
from federation.demo.openid_faults import Knobs
from federation.demo.users import DemoUser

RESPONSE_TYPES = ("code", "id_token", "code id_token")
RESPONSE_MODES = ("query", "form_post")
ACRS = ("urn:demo:password", "urn:demo:otp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An authorization request; ``fault`` is an error code where it is not in order."""

    client_id: str
    redirect_uri: str
    response_type: str
    response_mode: str
    scopes: tuple[str, ...]
    state: str
    nonce: str
    code_challenge: str
    login_hint: str
    prompt: tuple[str, ...]
    max_age: int | None  # seconds
    acr_values: tuple[str, ...]
    claims: Mapping[str, Mapping[str, Any]]  # id_token, userinfo → claim → what is asked of it
    fault: str = ""

    @property
    def wants_code(self) -> bool:
        return "code" in self.response_type.split()

    @property
    def wants_id_token(self) -> bool:
        """An ID Token comes through the browser."""
        return "id_token" in self.response_type.split()

    @property
    def acr(self) -> str:
        """The first one that is asked for and known here, else a password's."""
        essential = self.claims.get("id_token", {}).get("acr") or {}
        asked = (*essential.get("values", ()), essential.get("value", ""), *self.acr_values)
        return next((one for one in asked if one in ACRS), ACRS[0])


@dataclass(slots=True, kw_only=True)
class Session:
    """Somebody who is signed in here, and where they went from here."""

    user: DemoUser
    authenticated_at: int  # seconds since 1970
    sid: str
    clients: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a code, and then an access or refresh token, stands for."""

    asked: Asked
    session: Session
    knobs: Knobs

    @property
    def user(self) -> DemoUser:
        return self.session.user


def read(params: Mapping[str, str], client: DemoClient) -> Asked:
    """Read a request of a client that is known, to a redirect_uri that it registered."""
    response_type = " ".join(sorted(params.get("response_type", "").split()))
    asked = Asked(
        client_id=params["client_id"],
        redirect_uri=params["redirect_uri"],
        response_type=response_type,
        response_mode=params.get("response_mode", "query"),
        scopes=tuple(params.get("scope", "").split()),
        state=params.get("state", ""),
        nonce=params.get("nonce", ""),
        code_challenge=params.get("code_challenge", ""),
        login_hint=params.get("login_hint", ""),
        prompt=tuple(params.get("prompt", "").split()),
        max_age=int(params["max_age"]) if params.get("max_age", "").isdecimal() else None,
        acr_values=tuple(params.get("acr_values", "").split()),
        claims=_claims(params.get("claims", "")),
        fault="" if _is_complete(params, response_type, client) else "invalid_request",
    )
    if asked.response_mode in RESPONSE_MODES:
        return asked
    raise ValueError("this response_mode is not served")


def _claims(text: str) -> Mapping[str, Mapping[str, Any]]:
    """Core §5.5; what cannot be read asks for nothing."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {name: told for name, told in found.items() if isinstance(told, dict)}


def _is_complete(params: Mapping[str, str], response_type: str, client: DemoClient) -> bool:
    code, front = "code" in response_type, "id_token" in response_type
    proof = params.get("code_challenge_method") == "S256" and bool(params.get("code_challenge"))
    return (
        response_type in RESPONSE_TYPES
        and "openid" in params.get("scope", "").split()
        and bool(params.get("state") and params.get("nonce"))
        and (proof or not code or not client.pkce)
        and (not front or params.get("response_mode") == "form_post")  # no token stands in a URL
    )
