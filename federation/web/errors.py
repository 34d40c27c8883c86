"""Every refusal becomes an answer here: plain words and a reference, never which rule broke.

The code goes to the log, the detail to the decision record. A page for browsers, JSON for
programs, the same words in both.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from federation.errors import (
    AssertionRefused,
    FederationError,
    FieldsRefused,
    NotFound,
    PolicyRefused,
    ProofNeeded,
    ProviderUnavailable,
    SignInDeclined,
    SignInExpired,
    SsoRequired,
    StoreUnavailable,
    TooManyRequests,
)
from federation.records import mint_reference
from federation.web import cookies, join, pages, start
from federation.web.callbacks import rate_key
from federation.web.house import House

log = logging.getLogger("federation.web")

# What the page is headed with, and what the person can do; the most special class first.
_WORDS: tuple[tuple[type[FederationError], str, str], ...] = (
    (TooManyRequests, "One moment, please", "Wait a little, then try again."),
    (
        SignInExpired,
        "That did not work",
        "If it happens again, send the reference to your administrator.",
    ),
    (
        SsoRequired,
        "Sign in another way",
        "The way that you have just taken is not open to you here.",
    ),
    (
        PolicyRefused,
        "No entry with this account",
        "If you think you should be let in, ask the administrator of this service and quote the reference.",
    ),
    (
        SignInDeclined,
        "You are not signed in",
        "Start again if you want to sign in. If you should have access, ask your administrator.",
    ),
    (
        AssertionRefused,
        "We could not sign you in",
        "Try once more. If it happens again, send the reference to your administrator.",
    ),
    (
        ProviderUnavailable,
        "Your identity provider is not answering",
        "Try again in a minute. If it goes on, send the reference to your administrator.",
    ),
)
_OURS = ("Something went wrong", "Try again. If it happens again, send the reference to your administrator.")
_LONGEST_PLACE = 200  # whoever asks may have made it up
_STATUS = {"signin.no_connection": 404, "csrf.refused": 403, "admin.signed_out": 401}


async def refused(request: Request, exc: Exception) -> Response:
    """Answer any FederationError."""
    if not isinstance(exc, FederationError):
        raise exc
    house: House = request.app.state.house
    reference = exc.reference or await _record(request, house, exc)
    log.warning("refused", extra={"ref": reference, "code": exc.code})
    if isinstance(exc, ProofNeeded):
        return join.ask(request, exc, reference)
    title, advice = next(((title, advice) for kind, title, advice in _WORDS if isinstance(exc, kind)), _OURS)
    status = _STATUS.get(exc.code, exc.status)
    words = {"title": title, "message": exc.public, "advice": advice}
    if isinstance(exc, SsoRequired) and not pages.wants_json(request):
        return _page(
            house, status, words | {"reference": reference}, start.ways_in(house, exc.ways, exc.return_to)
        )
    if _of_api(request):
        response = _api_error(exc, status, reference)
    else:
        response = answer(request, house, status, reference=reference, **words)
    if exc.code.startswith("bootstrap."):
        cookies.set_bootstrap(response, "", house)  # a spent link keeps nobody out
    if isinstance(exc, TooManyRequests):
        response.headers["retry-after"] = str(exc.retry_after)
    return response


def _of_api(request: Request) -> bool:
    return str(request.scope["path"]).startswith("/admin/api/")


def _api_error(exc: FederationError, status: int, reference: str) -> Response:
    """Tell administrators' programs which rule; of what is another's, what is told of what is not there."""
    code = "admin.unknown" if isinstance(exc, NotFound) else exc.code
    found = exc.faults if isinstance(exc, FieldsRefused) else ()
    told = [(".".join(map(str, place))[:_LONGEST_PLACE], why) for place, why in found]
    return pages.as_json_error(status, exc.public, reference, code=code, fields=told)


async def _record(request: Request, house: House, exc: FederationError) -> str:
    """Keep why, unless keeping would be the attack or the store is what failed."""
    if isinstance(exc, TooManyRequests | StoreUnavailable):
        return mint_reference()
    if (isinstance(exc, SignInExpired) or exc.code.startswith("admin.")) and _keeps_failing(request, house):
        return mint_reference()
    try:
        return await house.signin.record_refusal(exc)
    except Exception as failure:  # noqa: BLE001  the person gets the answer, whatever the store says
        reference = mint_reference()
        log.error(  # noqa: TRY400  the message may hold what was to be stored
            "not recorded", extra={"ref": reference, "error": type(failure).__name__}
        )
        return reference


def _keeps_failing(request: Request, house: House) -> bool:
    """Count what was refused at the door: nobody may write the ring of records round by themselves."""
    try:
        house.rates.failures.hit(("refused", *rate_key(request, "")), house.clock())
    except TooManyRequests:
        return True
    return False


async def not_served(request: Request, exc: Exception) -> Response:
    """Answer a path or method that is not ours."""
    if not isinstance(exc, HTTPException):
        raise exc
    title = "Page not found" if exc.status_code == HTTPStatus.NOT_FOUND else "Not possible here"
    message = "There is nothing at this address."
    if exc.status_code != HTTPStatus.NOT_FOUND:
        message = f"{HTTPStatus(exc.status_code).phrase}."
    response = answer(request, request.app.state.house, exc.status_code, title=title, message=message)
    response.headers.update(exc.headers or {})
    return response


def failed(request: Request, house: House, reference: str) -> Response:
    """Answer what nobody foresaw."""
    title, advice = _OURS
    words = {"title": title, "message": FederationError.public, "advice": advice}
    return answer(request, house, 500, reference=reference, **words)


def answer(
    request: Request,
    house: House,
    status: int,
    *,
    title: str,
    message: str,
    advice: str = "",
    reference: str = "",
) -> Response:
    """Answer in the form that was asked for: a page, or JSON with the same words."""
    if pages.wants_json(request):
        return pages.as_json_error(status, message, reference)
    words = {"title": title, "message": message, "advice": advice, "reference": reference}
    return _page(house, status, words, ())


def _page(house: House, status: int, words: Mapping[str, str], ways: Sequence[Mapping[str, str]]) -> Response:
    return pages.page(
        house,
        "refused.html",
        status=status,
        script=bool(words["reference"]),
        referrer="no-referrer",
        ways=ways,
        **words,
    )


HANDLERS: dict[type[Exception], ExceptionHandler] = {
    FederationError: refused,
    HTTPException: not_served,
}
