"""Who asks for a page or an operation of the administration, and with what they proved it.

A browser has a session, or the cookie of a setup link; a program a bearer token. A change by a browser
proves besides that it started on a page of ours, and the dangerous ones that the person is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.requests import Request

from federation.administration import tokens
from federation.administration.actor import OPERATOR, SCOPES, Actor
from federation.administration.desk import Desk
from federation.errors import PolicyRefused, RequestRefused
from federation.identity import Session
from federation.web import fields, prove, signed_in
from federation.web.callbacks import rate_key
from federation.web.house import House


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who asks, and what their pages' changes are bound to."""

    actor: Actor
    credential: str = field(repr=False)  # the session's or the setup link's token; "" of a bearer token

    @property
    def csrf(self) -> str:
        """What every form of theirs sends along."""
        return signed_in.csrf_token(self.credential)


async def by_session(request: Request) -> Visitor:
    """Return the administrator whose browser asks.

    Raises:
        RequestRefused: ``admin.signed_out``.
        PolicyRefused: ``admin.forbidden``.
        TooManyRequests: ``rate.limited``.
    """
    house: House = request.app.state.house
    house.rates.sign_in.hit(("admin", *rate_key(request, "")), house.clock())
    token, session = await signed_in.current(request)
    if session is None:
        raise RequestRefused("admin.signed_out", "there is no live session")
    return Visitor(actor=_administrator(request, house, session), credential=token)


async def by_token_or_session(request: Request, *, only_reads: bool) -> Visitor:
    """Return who asks the API: by a token where one is sent, else by a browser's session.

    Args:
        request: Its own.
        only_reads: Whether nothing is changed by what is asked; else a browser proves that the request
            started here, and that the person is there.

    Raises:
        RequestRefused: ``admin.signed_out``, ``admin.token``, ``csrf.refused``.
        PolicyRefused: ``admin.forbidden``.
        ProveAgain: ``admin.prove_again``.
        TooManyRequests: ``rate.limited``.
    """
    if request.headers.getlist("authorization"):
        return await _by_token(request)
    visitor = await by_session(request)
    if not only_reads:
        _prove_here(request)
        demand_fresh(request, visitor)
    elif request.method != "GET":
        signed_in.prove_ours(request)  # it changes nothing, but may take its time
    return visitor


async def _by_token(request: Request) -> Visitor:
    """Return who a bearer token stands for (RFC 6750 §2.1); a cookie beside it is not read.

    One that is unknown, revoked, over, or of an organization that is gone gets one answer.

    Raises:
        RequestRefused: ``admin.token``.
        TooManyRequests: ``rate.limited``.
    """
    house: House = request.app.state.house
    now, address = house.clock(), rate_key(request, "")[0]
    house.rates.sign_in.hit(("api", address), now)
    sent = request.headers.getlist("authorization")
    scheme, _, secret = sent[0].partition(" ") if len(sent) == 1 else ("", "", "")
    actor = None
    if scheme.lower() == "bearer":
        actor = await tokens.actor_of(house.store, secret.strip(), now=now, address=address)
    if actor is None or actor.organization not in {None, *house.roster.organizations}:
        house.rates.failures.hit(("token", address), now)
        raise RequestRefused("admin.token", "no such token counts now")
    return Visitor(actor=actor, credential="")


def _prove_here(request: Request) -> None:
    """Refuse a cookie's change that does not say it started on our origin: a program has tokens for it.

    Raises:
        RequestRefused: ``csrf.refused``.
    """
    signed_in.prove_ours(request)
    if "sec-fetch-site" not in request.headers and "origin" not in request.headers:
        raise RequestRefused("csrf.refused", "the request does not say where it started")


def _administrator(request: Request, house: House, session: Session) -> Actor:
    organization: str | None = session.organization
    if OPERATOR in session.system_roles:
        organization = None
    else:
        tenant = house.roster.organizations.get(session.organization)
        if tenant is None or tenant.administrators_roles.isdisjoint(session.roles):
            raise PolicyRefused(
                "admin.forbidden", "the session has none of its organization's administrators' roles"
            )
    return Actor(
        kind="user",
        id=session.user.id,
        organization=organization,
        connection=None,
        scopes=SCOPES,
        address=rate_key(request, "")[0],
        session=session,
        proven_at=session.proved_at,
    )


def desk(request: Request, actor: Actor) -> Desk:
    """Return what this request's deeds are done with."""
    house: House = request.app.state.house
    return Desk(
        actor=actor,
        now=house.clock(),
        store=house.store,
        vault=house.vault,
        roster=house.roster,
        settings=house.settings,
        fetch=house.fetch,
    )


async def read_change(request: Request, visitor: Visitor, *, most: int = fields.FIELDS) -> Mapping[str, str]:
    """Return the form of a change, of at most so many fields, that started on a page of this visitor's.

    Raises:
        RequestRefused: ``csrf.refused``; ``form.*``.
    """
    form = await fields.read_form(request, most=most)
    signed_in.prove_own(request, form, visitor.credential)
    return form


def demand_fresh(request: Request, visitor: Visitor) -> None:
    """Refuse a dangerous change to whom has not proved themselves lately.

    Raises:
        ProveAgain: ``admin.prove_again``.
    """
    prove.demand(request.app.state.house, visitor.actor.proven_at)


def sign_in_path(request: Request) -> str:
    """Return where to sign in and come back from."""
    return f"/login?return_to={quote(request.scope['path'])}"
