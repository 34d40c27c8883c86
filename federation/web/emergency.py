"""Ways in that hang on no connection: the recovery code, and the first administrator's link."""

import logging

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.errors import PolicyRefused, SignInExpired
from federation.vault import hash_token
from federation.web import callbacks, cookies, fields, pages, signed_in, start
from federation.web.house import House

log = logging.getLogger("federation.web")


async def break_glass(request: Request) -> Response:
    """GET /break-glass: ask for a recovery code; the page is the same whether or not one is sealed."""
    return _page(request, None)


async def open_break_glass(request: Request) -> Response:
    """POST /break-glass: use a recovery code up, whatever else fails.

    Raises:
        RequestRefused: ``csrf.refused``, ``form.missing``.
        TooManyRequests: ``rate.limited``, ``local.busy``.
    """
    house: House = request.app.state.house
    form = await fields.read_form(request)
    signed_in.prove_ours(request)
    house.rates.break_glass.hit(callbacks.rate_key(request, ""), house.clock())
    typed = fields.needed(form, "code")
    try:
        opened = await house.break_glass.open(
            typed,
            session_token=cookies.read_session(request, house),
            user_agent=request.headers.get("user-agent", ""),
        )
    except PolicyRefused as refusal:
        if pages.wants_json(request):
            raise
        reference = await house.signin.recorder.record_refusal(refusal)
        log.error("refused", extra={"ref": reference, "code": refusal.code})  # noqa: TRY400  no trace is wanted
        return _page(request, refusal)
    response = RedirectResponse("/account", 303)
    cookies.set_session(response, opened.token, opened.session, house.clock(), house)
    return response


def _page(request: Request, refusal: PolicyRefused | None) -> Response:
    return pages.page(
        request.app.state.house,
        "break_glass.html",
        status=refusal.status if refusal else 200,
        reference=refusal.reference if refusal else "",
    )


async def bootstrap(request: Request) -> Response:
    """GET /bootstrap/{token}: keep it for the sign-in, which uses it up; opening it does not.

    Raises:
        SignInExpired: ``bootstrap.unknown``.
        TooManyRequests: ``rate.limited``.
    """
    house: House = request.app.state.house
    house.rates.failures.hit(("bootstrap", *callbacks.rate_key(request, "")), house.clock())
    token = request.path_params["token"]
    organization = await house.store.find_bootstrap(hash_token(token), house.clock())
    if organization is None:
        raise SignInExpired("bootstrap.unknown", "the link was used, replaced by a newer one, or is too old")
    ways = house.roster.connections_of(organization)
    response = start.choices(
        request, [(one, start.begin_path(one.id, "/account")) for one in ways], "/account"
    )
    cookies.set_bootstrap(response, token, house)
    return response
