"""How a session ends at the development OpenID Provider, and who is told.

RP-Initiated Logout §2, §3; Back-Channel Logout §2.5; Front-Channel Logout §3.
"""

import hashlib
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from federation.demo import openid_pages, openid_tokens
from federation.demo.openid_clients import Ask, DemoClient
from federation.demo.openid_faults import TWICE, Knobs, bend
from federation.demo.openid_requests import Session
from federation.demo.openid_tokens import Signer


def public_sid(session: Session) -> str:
    """Return the ``sid`` that clients see; the cookie's value is not for them."""
    return hashlib.sha256(session.sid.encode()).hexdigest()[:32]


class Logout:
    """Who is told of the end of a session, and what they said to it."""

    def __init__(self, issuer: str, clients: Mapping[str, DemoClient], *, ask: Ask) -> None:
        self.told: list[tuple[str, int]] = []  # client_id and its status, in order
        self._issuer = issuer
        self._clients = clients
        self._ask = ask

    async def tell(self, session: Session, signers: Mapping[str, Signer], *, now: int, knobs: Knobs) -> None:
        """Send every client of this session that registered for it a logout token.

        Args:
            session: That ended.
            signers: client_id → who signs for it.
            now: Seconds since 1970.
            knobs: What to do wrong.
        """
        for client_id in session.clients:
            url = self._clients[client_id].backchannel_logout_uri
            if not url:
                continue
            token = signers[client_id].logout_token(
                client_id=client_id,
                sub=openid_tokens.subject(session.user),
                sid=public_sid(session),
                now=now,
                knobs=knobs,
            )
            status, _ = await self._ask(url, {"logout_token": token})
            self.told.append((client_id, status))

    def frames(self, session: Session) -> list[str]:
        """Return what tells the others through the browser."""
        told = urlencode({"iss": self._issuer, "sid": public_sid(session)})
        urls = [self._clients[client_id].frontchannel_logout_uri for client_id in session.clients]
        return [f"{url}{'&' if '?' in url else '?'}{told}" for url in urls if url]

    def answer(
        self, query: Mapping[str, str], *, client_id: str, frames: list[str], knobs: Knobs
    ) -> Response:
        """Lead back to the client, where it registered that, else say that it is done."""
        goal, client = query.get("post_logout_redirect_uri", ""), self._clients.get(client_id)
        onward = ""
        if client is not None and goal in client.post_logout_redirect_uris:
            right = {"state": query["state"]} if query.get("state") else {}
            pairs: list[tuple[str, str]] = []
            for name, value in bend(right, knobs.ended).items():
                pairs += [(name, right.get(name, ""))] * 2 if value is TWICE else [(name, value)]
            onward = goal + (f"?{urlencode(pairs)}" if pairs else "")
        if onward and not frames:
            return RedirectResponse(onward, status_code=303)
        return openid_pages.signed_out(frames, onward)
