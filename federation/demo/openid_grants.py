"""The token and UserInfo endpoints of the development OpenID Provider: what a code is worth.

A code and a refresh token are good once (RFC 6749 §4.1.2, §6 with rotation).
"""

import base64
import hashlib
import json
import secrets
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from federation.clock import Clock
from federation.demo import openid_tokens
from federation.demo.openid_clients import Clients, text
from federation.demo.openid_failures import deliver
from federation.demo.openid_faults import RIGHT, Knobs, bend
from federation.demo.openid_logout import public_sid
from federation.demo.openid_requests import Asked, Granted
from federation.demo.openid_tokens import Signer, Signers

_JSON = "application/json"
_METHODS = {"urn:demo:password": ["pwd"], "urn:demo:otp": ["pwd", "otp"]}


class Grants:
    """What was granted, and how it is redeemed."""

    def __init__(self, clients: Clients, signers: Signers, *, clock: Clock) -> None:
        self._clients = clients
        self._signers = signers
        self._clock = clock
        self._codes: dict[str, Granted] = {}
        self._tokens: dict[str, Granted] = {}
        self._refresh: dict[str, Granted] = {}
        self._hints: dict[str, tuple[str, str]] = {}  # ID Token → client_id, cookie of the session
        self._last_id_token = ""
        self.revoked: list[str] = []  # what clients asked to have revoked, by its token_type_hint

    def forget(self) -> None:
        """Refuse every refresh token that was given so far."""
        self._refresh.clear()

    def hinted(self, id_token: str) -> tuple[str, str]:
        """Return for whom an ID Token of ours was, and in which session; "" twice for any other."""
        return self._hints.get(id_token, ("", ""))

    def signer(self, client_id: str) -> Signer:
        """Return who signs for a client, by the algorithm that it registered."""
        client = self._clients.known[client_id]
        return self._signers.of(client.alg, secret=client.secret)

    def code(self, granted: Granted) -> str:
        """Return a new code."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = granted
        return code

    def id_token(
        self, granted: Granted, *, nonce: str, place: str, access_token: str = "", code: str = ""
    ) -> str:
        """Return the ID Token of one sign-in; ``place`` is front or back."""
        asked, session = granted.asked, granted.session
        knobs = granted.knobs if granted.knobs.bends in ("every", place) else RIGHT
        signer = self.signer(asked.client_id)
        if knobs.rotates:
            signer.replace()
        hashed = {"c_hash": signer.half(code)} if code else {}
        known = openid_tokens.told_of(granted.user)
        wanted = asked.claims.get("id_token", {})
        token = signer.id_token(
            granted.user,
            client_id=asked.client_id,
            nonce=nonce,
            now=int(self._clock().timestamp()),
            # Core §5.4: with no access token, what the scopes ask for stands in the ID Token.
            scopes=() if asked.wants_code else asked.scopes,
            access_token=access_token,
            knobs=knobs,
            sid=public_sid(session),
            auth_time=session.authenticated_at,
            acr=asked.acr,
            amr=_METHODS[asked.acr],
            **hashed,
            **{name: known[name] for name in wanted if name in known},
        )
        self._hints[token] = (asked.client_id, session.sid)
        sent, self._last_id_token = (self._last_id_token if knobs.repeats else token), token
        return sent

    async def token(self, request: Request, knobs: Knobs) -> Response:
        """POST /token; ``knobs`` are those of now, for what no sign-in came before."""
        form = await request.form()
        client_id = await self._clients.authenticated(request, form, now=int(self._clock().timestamp()))
        if client_id is None:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        if text(form, "grant_type") == "refresh_token":
            return await self._renew(request, form, client_id, knobs)
        granted = self._codes.pop(text(form, "code"), None)  # once, whatever follows
        if granted is None or not self._redeems(granted.asked, form, client_id):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return await self._give(request, granted, nonce=granted.asked.nonce)

    async def revoke(self, request: Request, knobs: Knobs) -> Response:
        """POST /revoke (RFC 7009): one access token, or a refresh token and all of its grant."""
        form = await request.form()
        client_id = await self._clients.authenticated(request, form, now=int(self._clock().timestamp()))
        if client_id is None:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        token = text(form, "token")
        self.revoked.append(text(form, "token_type_hint"))
        for kind in (self._refresh, self._tokens):
            if (granted := kind.get(token)) is None or granted.asked.client_id != client_id:
                continue
            del kind[token]
            if kind is self._refresh:
                self._tokens = {one: it for one, it in self._tokens.items() if it.asked is not granted.asked}
        return await deliver(request, b"", _JSON, knobs.fails.get("revoke", "right"))

    async def _renew(self, request: Request, form: FormData, client_id: str, knobs: Knobs) -> Response:
        """RFC 6749 §6; the new ID Token has no nonce (Core §12.2)."""
        granted = self._refresh.pop(text(form, "refresh_token"), None)
        if granted is None or granted.asked.client_id != client_id:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        granted = Granted(asked=granted.asked, session=granted.session, knobs=knobs)
        return await self._give(request, granted, nonce="")

    async def _give(self, request: Request, granted: Granted, *, nonce: str) -> Response:
        access_token, knobs = secrets.token_urlsafe(24), granted.knobs
        self._tokens[access_token] = granted
        answer: dict[str, Any] = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": openid_tokens.LIFE,
            "scope": " ".join(granted.asked.scopes),
            "id_token": self.id_token(granted, nonce=nonce, place="back", access_token=access_token),
        }
        if "offline_access" in granted.asked.scopes:
            answer["refresh_token"] = secrets.token_urlsafe(24)
            self._refresh[answer["refresh_token"]] = granted
        body = json.dumps(bend(answer, knobs.token_members)).encode()
        return await deliver(request, body, _JSON, knobs.fails.get("token", "right"))

    def _redeems(self, asked: Asked, form: FormData, client_id: str) -> bool:
        digest = hashlib.sha256(text(form, "code_verifier").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return (
            text(form, "grant_type") == "authorization_code"
            and asked.client_id == client_id
            and asked.redirect_uri == text(form, "redirect_uri")
            and (proof == asked.code_challenge if asked.code_challenge else "code_verifier" not in form)
        )

    async def userinfo(self, request: Request) -> Response:
        """GET /userinfo (Core §5.3)."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        granted = self._tokens.get(token)
        if kind != "Bearer" or granted is None:
            return JSONResponse({"error": "invalid_token"}, status_code=401)
        asked, knobs, known = granted.asked, granted.knobs, openid_tokens.told_of(granted.user)
        told = {
            "sub": openid_tokens.subject(granted.user),
            **openid_tokens.claims_of(granted.user, asked.scopes),
            **{name: known[name] for name in asked.claims.get("userinfo", {}) if name in known},
        }
        alg, how = self._clients.known[asked.client_id].userinfo_alg, knobs.fails.get("userinfo", "right")
        if alg:
            signed = self._signers.of(alg).userinfo(told, client_id=asked.client_id, knobs=knobs)
            return await deliver(request, signed.encode(), "application/jwt", how)
        return await deliver(request, json.dumps(bend(told, knobs.userinfo)).encode(), _JSON, how)
