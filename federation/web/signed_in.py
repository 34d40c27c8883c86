"""Who is signed in in this browser, and whether a change started on a page of ours.

Two proofs, both needed: a token that only a page of this session holds, and the browser's
own word (Sec-Fetch-Site, or Origin from browsers without it) that the request is ours.
"""

import hashlib
import hmac
from collections.abc import Mapping

from starlette.requests import Request

from federation.errors import RequestRefused
from federation.identity import Session
from federation.store.audit import AuditEntry
from federation.store.store import Store
from federation.web import cookies
from federation.web.callbacks import rate_key
from federation.web.house import House


async def current(request: Request) -> tuple[str, Session | None]:
    """Return the session cookie's token ("" if none) and its live session."""
    house: House = request.app.state.house
    token = cookies.read_session(request, house)
    return token, await house.session(token) if token else None


def audited(request: Request, session: Session, action: str) -> Store:
    """Return the store whose next change of one's own account is told in the audit log."""
    house: House = request.app.state.house
    return house.store.audited(
        AuditEntry(
            organization=session.organization,
            at=house.clock(),
            actor_kind="user",
            actor=session.user.id,
            action=action,
            kind="user",
            name=session.user.id,
            about=session.user.id,
            address=rate_key(request, "")[0],
            reference=session.reference,
        )
    )


def csrf_token(session_token: str) -> str:
    """Derive what our own pages of this session send along; the session cannot be had from it."""
    return hmac.new(session_token.encode(), b"csrf", hashlib.sha256).hexdigest()


def prove_ours(request: Request) -> None:
    """Refuse what did not start on a page of ours, by the browser's own word.

    Raises:
        RequestRefused: ``csrf.refused``.
    """
    house: House = request.app.state.house
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if not (site == "same-origin" if site is not None else origin in (None, house.base_url)):
        raise RequestRefused("csrf.refused", "the request did not start on a page of ours")


def prove_own(request: Request, form: Mapping[str, str], session_token: str) -> None:
    """Refuse a change that did not start on a page of this session.

    Raises:
        RequestRefused: ``csrf.refused``.
    """
    prove_ours(request)
    sent = form.get("csrf", "")
    if not (sent.isascii() and hmac.compare_digest(sent, csrf_token(session_token))):
        raise RequestRefused("csrf.refused", "the request did not start on a page of this session")
