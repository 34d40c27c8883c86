"""Where identity providers send the browser back: parse, complete, go on.

A POST from another site may arrive without our cookies (SameSite). It is then answered by
one page of ours that posts the same fields again, at most once.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.connection import AnyConnection
from federation.connectors.contract import Callback, Credentials
from federation.errors import FederationError, ProviderUnavailable, RequestRefused, SignInExpired
from federation.identity import Session
from federation.signin.values import Completed
from federation.web import cookies, fields, pages, texts
from federation.web.house import House
from federation.web.rates import client_address

AGAIN = "again"  # marks the second POST
ALIAS = "federation.alias"  # in the scope: the path that came, where another stands for it
_OIDC_PARAMETERS = (
    "code", "id_token", "access_token", "iss", "error", "error_description", "error_uri", "session_state",
)  # fmt: skip


async def saml_acs(request: Request) -> Response:
    """POST /saml/{connection}/acs: Assertion Consumer Service (SAML Bindings §3.5)."""
    known(request, "saml")
    form = await fields.read_form(request)
    params = {"SAMLResponse": fields.needed(form, "SAMLResponse")}
    connection = request.path_params["connection"]
    return await finish(request, form, _callback(request, connection, form.get("RelayState", ""), params))


async def oidc_callback(request: Request) -> Response:
    """GET or POST /oidc/{connection}/callback: authorization response (RFC 6749 §4.1.2)."""
    connection = known(request, "oidc", "oauth2").id
    return await _answered(request, connection, await _read_answer(request))


async def shared_callback(request: Request) -> Response:
    """GET or POST at a callback path that several connections share: ``state`` says whose answer it is.

    What a provider says of itself is not asked here: the connector holds ``iss`` and the redirect
    URI against the sign-in that was started.

    Raises:
        HTTPException: 404: nobody's alias.
        SignInExpired: ``signin.unknown``.
    """
    house: House = request.app.state.house
    path, now = arrived_at(request), house.clock()
    if path not in house.aliases:
        raise HTTPException(404)
    house.rates.sign_in.hit(("shared", *rate_key(request, "")), now)
    answer = await _read_answer(request)
    connection = await house.store.connection_of(answer.get("state", ""), now)
    if connection is None or path not in getattr(house.connections.get(connection), "callback_paths", ()):
        raise SignInExpired("signin.unknown", "no sign-in of this handle is waiting at this path")
    return await _answered(request, connection, answer)


async def _read_answer(request: Request) -> Mapping[str, str]:
    # form_post's answer is in the body alone: what its URL says does not count.
    return await fields.read_form(request) if request.method == "POST" else fields.read_query(request)


async def _answered(request: Request, connection: str, answer: Mapping[str, str]) -> Response:
    params = {name: answer[name] for name in _OIDC_PARAMETERS if name in answer}
    return await finish(request, answer, _callback(request, connection, answer.get("state", ""), params))


def known(request: Request, *protocols: str) -> AnyConnection:
    """Return the connection that the path names.

    Raises:
        RequestRefused: ``signin.no_connection``: none, or of another protocol.
    """
    house: House = request.app.state.house
    connection = house.connections.get(request.path_params["connection"])
    if connection is None or connection.protocol not in protocols:
        raise RequestRefused("signin.no_connection", f"no {protocols[0]} connection has this id")
    return connection


def rate_key(request: Request, connection: str) -> tuple[str, str]:
    """Return what attempts are counted by: the client's address and the connection."""
    house: House = request.app.state.house
    address = client_address(
        request.client.host if request.client else None,
        request.headers.getlist("x-forwarded-for"),
        house.trusted_proxies,
    )
    return address, connection


def _callback(request: Request, connection: str, handle: str, params: Mapping[str, str]) -> Callback:
    house: House = request.app.state.house
    return Callback(
        connection=connection,
        handle=handle,
        binder=cookies.read_binder(request, house),
        params=params,
        session_token=cookies.read_session(request, house),
        invitation=cookies.read_invitation(request, house),
        bootstrap=cookies.read_bootstrap(request, house),
        user_agent=request.headers.get("user-agent", ""),
        path=arrived_at(request),
        posted=request.method == "POST",
    )


def from_form(request: Request, connection: str, handle: str, typed: Credentials) -> Callback:
    """Return what was typed into a form of ours as an answer like any other."""
    return replace(_callback(request, connection, handle, {}), credentials=typed)


def arrived_at(request: Request) -> str:
    """Return the path that was asked for: an alias of ours is told from what it stands for."""
    return str(request.scope.get(ALIAS, request.scope["path"]))


async def finish(request: Request, answer: Mapping[str, str], callback: Callback) -> Response:
    """Complete the sign-in, or let the browser post once more from our own site."""
    house: House = request.app.state.house
    now = house.clock()
    key = rate_key(request, callback.connection)
    house.rates.sign_in.hit(("answer", *key), now)
    house.rates.failures.ask(key, now)
    if await _lost_its_cookies(request, answer, callback, now):
        return _post_again(request, answer)
    completed = await _complete(house, callback, key, now)
    if completed.restart:
        return _start_over(request, callback.connection, completed.return_to)
    if completed.session is None:
        response: Response = RedirectResponse(completed.return_to, 303)
        if completed.join_token:
            cookies.set_join(response, completed.join_token, house)
        return response
    await house.provisioner.settle_after(completed.session.connection, completed.session.user.id)
    response = _go_on(house, completed.session, completed)
    cookies.set_session(response, completed.token, completed.session, now, house)
    cookies.set_last(response, callback.connection, house)
    if callback.invitation:
        cookies.set_invitation(response, "", house)
    if callback.bootstrap:
        cookies.set_bootstrap(response, "", house)
    return response


def _go_on(house: House, session: Session, completed: Completed) -> Response:
    """Go where the sign-in was to lead; where it took another's place in this browser, not silently."""
    if not completed.replaces_another:
        return RedirectResponse(completed.return_to, 303)
    name = session.user.display_name or session.user.email or texts.say("replaced.another")
    return pages.page(house, "replaced.html", name=name, return_to=completed.return_to)


def _start_over(request: Request, connection: str, return_to: str) -> Response:
    """Start a sign-in of our own in place of one that nobody here asked for; not round and round.

    Raises:
        SignInExpired: ``signin.restarted``.
    """
    house: House = request.app.state.house
    if cookies.read_restarted(request, house):
        raise SignInExpired("signin.restarted", "an answer that nobody asked for came twice within a minute")
    response = RedirectResponse(f"/login/{connection}?{urlencode({'return_to': return_to})}", 303)
    cookies.set_restarted(response, house)
    return response


async def _complete(house: House, callback: Callback, key: tuple[str, str], now: datetime) -> Completed:
    """Complete, and count what was refused before a signature held."""
    try:
        return await house.signin.complete(callback)
    except ProviderUnavailable:
        raise  # not the client's doing
    except FederationError as refusal:
        if not refusal.checks:
            house.rates.failures.count(key, now)
        raise


async def _lost_its_cookies(
    request: Request, answer: Mapping[str, str], callback: Callback, now: datetime
) -> bool:
    """Tell whether this POST came without the cookies that a same-site one would bring."""
    house: House = request.app.state.house
    if request.method != "POST" or AGAIN in answer:
        return False
    if not callback.binder:
        return await house.store.is_waiting(callback.connection, callback.handle, now)
    # "Back" to the IdP posts a used answer again; the Lax session cookie, which would let it
    # go on, is not with a cross-site POST.
    cross_site = request.headers.get("sec-fetch-site") == "cross-site"
    return (
        cross_site
        and not callback.session_token
        and not await house.store.is_waiting(callback.connection, callback.handle, now)
    )


def send_away(house: House, url: str, sent: Mapping[str, str], *, from_form: bool) -> Response:
    """Lead the browser to an identity provider: by redirect, or by a form that posts ``sent``.

    From a form of ours by a page with a link: where a redirect leads to, the form's policy would judge.
    """
    if not sent and from_form:
        said = texts.say("on_the_way.to_provider")
        return pages.page(house, "leaving.html", referrer="no-referrer", sentence=said, href=url)
    if not sent:
        return RedirectResponse(url, 303)
    return pages.post(house, url, sent, sentence=texts.say("on_the_way.to_provider"))


def _post_again(request: Request, answer: Mapping[str, str]) -> Response:
    """Answer a page of ours that posts the same fields, marked, to the same path."""
    names = ("SAMLResponse", "RelayState", "state", *_OIDC_PARAMETERS)
    sent = {name: answer[name] for name in names if name in answer}
    said = "on_the_way.answered_error" if "error" in answer else "on_the_way.answered"
    return pages.page(
        request.app.state.house,
        "again.html",
        script=True,
        referrer="no-referrer",
        sentence=texts.say(said),
        action=arrived_at(request),
        fields=sent | {AGAIN: "1"},
    )
