"""Every refusal becomes an answer here: plain words and a reference, never which rule broke.

The code goes to the log, the detail to the decision record. A page for browsers, JSON for
programs, the same words in both.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from federation.errors import (
    FederationError,
    FieldsRefused,
    NotFound,
    ProofNeeded,
    SignInExpired,
    SsoRequired,
    StoreUnavailable,
    TooManyRequests,
)
from federation.records.records import mint_reference
from federation.web import cookies, join, pages, prove, start, texts
from federation.web.callbacks import rate_key
from federation.web.house import House

log = logging.getLogger("federation.web")

# Nothing is wrong with whoever is led on: nothing is recorded, and nothing counted.
_LED_ON = {"admin.signed_out": prove.sign_in, "admin.prove_again": prove.ask}
# Whoever is signed in is not sent to sign in again.
_SIGNED_IN = frozenset(
    {"admin.forbidden", "admin.scope", "admin.administrators", "account.last_way", "account.no_way"}
)
# Who was refused within one of these goes on there: an administrator, or who holds a setup link.
_ROOMS = {"/admin": "refused.console", "/setup": "refused.setup"}
_LONGEST_PLACE = 200  # whoever asks may have made it up
_STATUS = {"signin.no_connection": 404, "csrf.refused": 403, "admin.signed_out": 401, "admin.token": 401}
# Faults of a policy that an administrator sent, not of ours; their sentences hold no value.
_ABOUT_WHAT_WAS_SENT = frozenset({"policy.edited", "policy.no_connection"})


async def refused(request: Request, exc: Exception) -> Response:
    """Answer any FederationError."""
    if not isinstance(exc, FederationError):
        raise exc
    house: House = request.app.state.house
    if exc.code in _LED_ON and not pages.wants_json(request):
        return await _LED_ON[exc.code](request)
    reference = exc.reference or await _record(request, house, exc)
    log.warning("refused", extra={"ref": reference, "code": exc.code})
    if isinstance(exc, ProofNeeded):
        return join.ask(request, exc, reference, whom_to_ask(request, house))
    status = 400 if exc.code in _ABOUT_WHAT_WAS_SENT else _STATUS.get(exc.code, exc.status)
    if _of_api(request):
        response = _api_error(exc, status, reference)
    elif pages.wants_json(request):
        response = pages.as_json_error(status, _words(exc)["message"], reference)
    else:
        response = _page(request, house, status, _words(exc) | {"reference": reference}, exc)
    if exc.code.startswith("bootstrap."):
        cookies.set_bootstrap(response, "", house)  # a spent link keeps nobody out
    if isinstance(exc, TooManyRequests):
        response.headers["retry-after"] = str(exc.retry_after)
    return response


def _words(exc: FederationError) -> dict[str, str]:
    """Return what the page is headed with, what happened, and what the person can do."""
    told = {part: texts.say_of(exc, part) for part in ("title", "public", "advice")}
    return {"title": told["title"], "message": told["public"], "advice": told["advice"]}


def _of_api(request: Request) -> bool:
    return str(request.scope["path"]).startswith("/admin/api/")


def _api_error(exc: FederationError, status: int, reference: str) -> Response:
    """Tell administrators' programs which rule; of what is another's, what is told of what is not there."""
    code = "admin.unknown" if isinstance(exc, NotFound) else exc.code
    found = exc.faults if isinstance(exc, FieldsRefused) else ()
    told = [(".".join(map(str, place))[:_LONGEST_PLACE], why) for place, why in found]
    message = exc.detail if exc.code in _ABOUT_WHAT_WAS_SENT else texts.say_of(exc, "public")
    response = pages.as_json_error(status, message, reference, code=code, fields=told)
    if status == HTTPStatus.UNAUTHORIZED:  # RFC 6750 §3
        response.headers["www-authenticate"] = 'Bearer realm="federation"'
    return response


async def _record(request: Request, house: House, exc: FederationError) -> str:
    """Keep why, unless keeping would be the attack or the store is what failed."""
    if isinstance(exc, TooManyRequests | StoreUnavailable):
        return mint_reference()
    sent = isinstance(exc, SignInExpired) or exc.code.startswith("admin.")
    if (sent or exc.code in _ABOUT_WHAT_WAS_SENT) and _keeps_failing(request, house):
        return mint_reference()
    try:
        return await house.signin.recorder.record_refusal(exc)
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
    kind = "not_found" if exc.status_code == HTTPStatus.NOT_FOUND else "not_possible"
    words = {
        "title": texts.say(f"refused.{kind}"),
        "message": texts.say(f"refused.{kind}_public"),
        "advice": "",
        "reference": "",
    }
    if pages.wants_json(request):
        response = pages.as_json_error(exc.status_code, words["message"])
    else:
        response = _page(request, request.app.state.house, exc.status_code, words, None)
    response.headers.update(exc.headers or {})
    return response


def failed(request: Request, reference: str) -> Response:
    """Answer what nobody foresaw."""
    words = _words(FederationError("unexpected", ""))
    if pages.wants_json(request):
        return pages.as_json_error(500, words["message"], reference)
    return _page(request, request.app.state.house, 500, words | {"reference": reference}, None)


def not_for_you(request: Request, house: House) -> Response:
    """Answer a browser whose person lacks a role that an application asks for."""
    texts.speak(house.language)  # the application's routes are not ours
    words = {"title": texts.say("refused.not_for_you"), "message": texts.say("refused.not_for_you_public")}
    return _page(request, house, 403, words | {"advice": "", "reference": ""}, None)


def _page(
    request: Request, house: House, status: int, words: Mapping[str, str], refusal: FederationError | None
) -> Response:
    ways = start.ways_in(house, refusal.ways, refusal.return_to) if isinstance(refusal, SsoRequired) else ()
    faults = refusal.faults if isinstance(refusal, FieldsRefused) else ()
    return pages.page(
        house,
        "refused.html",
        status=status,
        script=bool(words["reference"]),
        referrer="no-referrer",
        ways=ways,
        faults=[(".".join(map(str, place)), why) for place, why in faults],
        contact=whom_to_ask(request, house),
        onward=_onward(request, refusal.code if refusal else ""),
        **words,
    )


def _onward(request: Request, code: str) -> tuple[str, str]:
    """Return where the page leads on to, and what the button says: to sign in for who is not signed in."""
    if code in _SIGNED_IN:
        return "/account", texts.say("refused.account")
    for path, said in _ROOMS.items():
        if code.startswith("admin.") and str(request.scope["path"]).startswith(f"{path}/"):
            return path, texts.say(said)
    return "/login", texts.say("refused.sign_in")


def whom_to_ask(request: Request, house: House) -> Mapping[str, str] | None:
    """Return who helps, as text and link: of the organization whose connection the path names, or of all."""
    named = request.path_params.get("connection")
    connection = house.connections.get(named) if named else None
    organization = house.roster.organizations.get(connection.organization) if connection else None
    told = (organization.contact if organization else None) or house.contact
    if not told:
        return None
    is_link = told.lower().startswith("mailto:")
    return {"text": told[len("mailto:") :] if is_link else told, "href": told if is_link else ""}


HANDLERS: dict[type[Exception], ExceptionHandler] = {
    FederationError: refused,
    HTTPException: not_served,
}
