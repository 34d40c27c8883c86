"""Signing out: our session first, then the identity provider's, and what the person is told.

Single Logout comes and goes by GET and by POST (SAML Bindings §3.4, §3.5). A request of the
provider needs no cookie of ours: it names the sessions, and is signed.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.connectors.contract import Callback, LogoutOutcome
from federation.connectors.saml_logout import QUERY
from federation.errors import FederationError, ProviderUnavailable
from federation.signout import AFTERWARDS, Leaving, waiting_as
from federation.web import cookies, fields, pages, texts
from federation.web.callbacks import AGAIN, arrived_at, known, rate_key
from federation.web.house import House
from federation.web.signed_in import csrf_token, current, prove_own

_MESSAGES = ("SAMLRequest", "SAMLResponse")


async def ask_logout(request: Request) -> Response:
    """GET /logout: ask before ending; also where people land once they are signed out."""
    house: House = request.app.state.house
    token, session = await current(request)
    waits = cookies.read_leaving(request, house) and not cookies.is_told(request, house)
    if "state" in request.query_params or (session is None and waits):
        return await _returned(request)
    if session is None:
        # Anybody may write this word into a link; all it does is choose between three true sentences.
        return pages.page(house, "signed_out.html", outcome=request.query_params.get("outcome", ""))
    # Not every protocol can end a session elsewhere, and not every connection wants it.
    there = getattr(house.connections.get(session.connection), "logout", "local") == "single"
    return pages.page(house, "logout.html", session=session, csrf=csrf_token(token), there=there)


async def logout(request: Request) -> Response:
    """POST /logout: end the session on the server and take the cookie away; then the provider's."""
    house: House = request.app.state.house
    token, session = await current(request)
    leaving = None
    if session is not None:
        prove_own(request, await fields.read_form(request), token)
        leaving = await house.signout.begin(token, binder=cookies.read_binder(request, house))
    response = _afterwards("") if leaving is None else _leave(house, leaving)
    cookies.clear_session(response, house)
    cookies.set_leaving(response, leaving.returns_to if leaving else "", house)
    return response


async def _returned(request: Request) -> Response:
    """Take back who comes from an OpenID Provider, with our state or without (RP-Initiated Logout §3)."""
    house: House = request.app.state.house
    connection = cookies.read_leaving(request, house)
    key, now = ("refused", *rate_key(request, "")), house.clock()
    house.rates.sign_in.hit(("logout", *rate_key(request, connection)), now)
    house.rates.failures.ask(key, now)  # a return that proves nothing leaves a record
    sent = request.query_params.getlist("state")
    callback = Callback(
        connection=connection,
        handle=sent[0] if len(sent) == 1 else "",
        binder=cookies.read_binder(request, house),
        params={},
        user_agent=request.headers.get("user-agent", ""),
        path=arrived_at(request),
        posted=False,
    )
    outcome = await house.signout.returned(callback)
    if outcome is LogoutOutcome.FAILED:
        house.rates.failures.count(key, now)
    response = _afterwards(outcome.value)
    # Anybody may send this browser here, with any state or none: its own may still come.
    waits = outcome is LogoutOutcome.FAILED
    cookies.set_leaving(response, connection if waits else "", house, told=waits)
    return response


def _leave(house: House, leaving: Leaving) -> Response:
    """Lead on to the provider: by a link, not a redirect, which a form's policy would judge."""
    if leaving.fields:
        response = pages.post(house, leaving.url, leaving.fields, sentence=texts.say("on_the_way.leaving"))
    else:
        response = pages.page(
            house,
            "leaving.html",
            referrer="no-referrer",
            sentence=texts.say("on_the_way.leaving"),
            href=leaving.url,
        )
    cookies.set_binders(response, leaving.binder, house)
    return response


async def saml_slo(request: Request) -> Response:
    """GET or POST /saml/{connection}/slo: Single Logout Service (SAML Profiles §4.4)."""
    known(request, "saml")
    house: House = request.app.state.house
    sent, params = await _read(request)
    callback = Callback(
        connection=request.path_params["connection"],
        handle=sent.get("RelayState", ""),
        binder=cookies.read_binder(request, house),
        params=params,
        session_token=cookies.read_session(request, house),
        user_agent=request.headers.get("user-agent", ""),
        path=arrived_at(request),
        posted=request.method == "POST",
    )
    key = rate_key(request, callback.connection)
    house.rates.sign_in.hit(("logout", *key), house.clock())
    if "SAMLRequest" in sent:
        return await _requested(house, callback, key)
    if "SAMLResponse" in sent and not callback.handle:
        return _afterwards("")  # some leave RelayState out: whose answer it is, and if, cannot be told
    if await _lost_its_cookies(request, sent, callback):
        return _post_again(request, sent)
    return _afterwards((await house.signout.complete(callback)).value)


async def _read(request: Request) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the fields that came, and what the connector is to read: a form's message, a raw query."""
    if request.method == "POST":
        form = await fields.read_form(request)
        params = {name: form[name] for name in _MESSAGES if name in form}
        return form, params
    return fields.read_query(request), {QUERY: request.scope["query_string"].decode("latin-1")}


async def _requested(house: House, callback: Callback, key: tuple[str, str]) -> Response:
    """End what the provider names, and answer it."""
    house.rates.failures.ask(key, house.clock())
    try:
        answer = await house.signout.requested(callback, recorded=True)
    except ProviderUnavailable:
        raise  # not the client's doing
    except FederationError as refusal:
        if not refusal.checks:
            house.rates.failures.count(key, house.clock())
        raise
    if answer is None:
        response = _afterwards(LogoutOutcome.FULL.value)
    elif answer.fields:
        sentence = texts.say("on_the_way.asked_to_leave")
        # Providers ask all their services at once, each in a frame of their own page.
        response = pages.post(house, answer.url, answer.fields, sentence=sentence, framed=True)
    else:
        response = RedirectResponse(answer.url, 303)
    if callback.session_token and not await _stands(house, callback.session_token):
        cookies.clear_session(response, house)
    return response


async def _stands(house: House, session_token: str) -> bool:
    """Tell whether this browser's own session was not among those that ended."""
    return await house.session(session_token) is not None


def _afterwards(outcome: str) -> Response:
    """Go to the page that says how far it got; it may be loaded again."""
    return RedirectResponse(f"{AFTERWARDS}?outcome={outcome}" if outcome else AFTERWARDS, 303)


async def _lost_its_cookies(request: Request, sent: Mapping[str, str], callback: Callback) -> bool:
    """Tell whether this POST came without the binder that a same-site one would bring."""
    if request.method != "POST" or AGAIN in sent or callback.binder:
        return False
    house: House = request.app.state.house
    return await house.store.is_waiting(waiting_as(callback.connection), callback.handle, house.clock())


def _post_again(request: Request, sent: Mapping[str, str]) -> Response:
    """Answer a page of ours that posts the same fields, marked, to the same path."""
    names = ("SAMLResponse", "RelayState")
    return pages.page(
        request.app.state.house,
        "again.html",
        script=True,
        referrer="no-referrer",
        sentence=texts.say("on_the_way.answered_logout"),
        action=arrived_at(request),
        fields={name: sent[name] for name in names if name in sent} | {AGAIN: "1"},
    )
