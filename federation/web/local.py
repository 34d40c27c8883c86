"""The form of local accounts, and the page where a link lets somebody choose a password.

The form is the answer to `/login/{connection}`: it carries the handle of a sign-in that only this
browser may go on with, so nobody is signed in by somebody else's form. Each try takes a handle of
its own; a wrong password is answered by the same form anew.
"""

import logging
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from federation import passwords
from federation.connection import AnyConnection
from federation.connectors.contract import Callback, Credentials
from federation.connectors.local import LocalConnector
from federation.errors import FederationError, PasswordRefused, RequestRefused, SignInExpired
from federation.signin.values import Begun
from federation.store.local_values import LocalAccount
from federation.vault import hash_token
from federation.web import callbacks, cookies, fields, pages, signed_in, texts
from federation.web.house import House

log = logging.getLogger("federation.web")


def show_form(
    request: Request, connection: AnyConnection, begun: Begun, *, return_to: str, email: str
) -> Response:
    """Answer the form of a sign-in that was started."""
    return _form(request, connection, begun, return_to=return_to, email=email, refusal=None)


def _form(
    request: Request,
    connection: AnyConnection,
    begun: Begun,
    *,
    return_to: str,
    email: str,
    refusal: FederationError | None,
) -> Response:
    sent = {**begun.fields, "return_to": return_to}
    if pages.wants_json(request):
        return pages.as_json({"action": begun.url, "fields": sent})
    return pages.page(
        request.app.state.house,
        "local.html",
        status=refusal.status if refusal else 200,
        title=connection.title,
        action=begun.url,
        fields=sent,
        email=email[:254],
        message=texts.say_of(refusal, "public") if refusal else "",
        reference=refusal.reference if refusal else "",
    )


async def sign_in(request: Request) -> Response:
    """POST /local/{connection}: an address and its password.

    Raises:
        RequestRefused: ``csrf.refused``, ``form.missing``, ``signin.no_connection``.
    """
    connection = callbacks.known(request, "local")
    form = await fields.read_form(request)
    signed_in.prove_ours(request)
    typed = Credentials(address=fields.needed(form, "email"), password=fields.needed(form, "password"))
    callback = callbacks.from_form(request, connection.id, form.get("state", ""), typed)
    try:
        return await callbacks.finish(request, form, callback)
    except (PasswordRefused, SignInExpired) as refusal:
        if pages.wants_json(request) or isinstance(refusal, RequestRefused):
            raise
        log.warning("refused", extra={"ref": refusal.reference, "code": refusal.code})
        return await _again(request, connection, callback, form.get("return_to", ""), refusal)


async def _again(
    request: Request, connection: AnyConnection, callback: Callback, return_to: str, refusal: FederationError
) -> Response:
    """Answer the form anew, with a handle that was not used; the password is never sent back."""
    house: House = request.app.state.house
    begun = await house.signin.begin(
        connection.id,
        return_to=return_to,
        binder=cookies.read_binder(request, house),
        session_token=callback.session_token,
        login_hint="",
        trial="",
    )
    email = callback.credentials.address if callback.credentials else ""
    response = _form(request, connection, begun, return_to=return_to, email=email, refusal=refusal)
    cookies.set_binders(response, begun.binder, house)
    return response


async def password_page(request: Request) -> Response:
    """GET /local/{connection}/password/{token}: choose a password; opening the link does not use it up.

    Raises:
        SignInExpired: ``local.link``.
    """
    return _password_form(request, await _whose(request), None)


async def choose_password(request: Request) -> Response:
    """POST /local/{connection}/password/{token}: set it; sessions that the old one opened end.

    Raises:
        RequestRefused: ``csrf.refused``, ``form.missing``.
        SignInExpired: ``local.link``.
    """
    house: House = request.app.state.house
    whose = await _whose(request)
    form = await fields.read_form(request)
    signed_in.prove_ours(request)
    try:
        password = _chosen(form, whose.email)
    except RequestRefused as refusal:
        return _password_form(request, whose, refusal)
    kept = await _connector(request).hashing.hash(password)
    link_hash = hash_token(request.path_params["token"])
    if await house.store.set_local_password(whose.connection, link_hash, kept, house.clock()) is None:
        raise _no_link()
    return pages.page(house, "local_set.html", sign_in=f"/login/{whose.connection}")


def _chosen(form: Mapping[str, str], address: str) -> str:
    """Return what may be chosen, typed twice alike.

    Raises:
        RequestRefused: ``form.missing``, ``local.password_*``.
    """
    password = passwords.choose(fields.needed(form, "password"), address)
    if passwords.normalize(form.get("again", "")) != password:
        raise RequestRefused("local.password_differs", "the password was typed differently the second time")
    return password


async def _whose(request: Request) -> LocalAccount:
    house: House = request.app.state.house
    connection = callbacks.known(request, "local")
    house.rates.failures.hit(("link", *callbacks.rate_key(request, connection.id)), house.clock())
    found = await house.store.local_by_link(
        connection.id, hash_token(request.path_params["token"]), house.clock()
    )
    if found is None or found.organization != connection.organization:  # whose it was before counts no more
        raise _no_link()
    return found


def _no_link() -> SignInExpired:
    return SignInExpired("local.link", "the link was used, replaced by a newer one, or is older than a day")


def _connector(request: Request) -> LocalConnector:
    connector = request.app.state.house.signin.connectors[request.path_params["connection"]]
    if not isinstance(connector, LocalConnector):
        raise RequestRefused("signin.no_connection", "no local connection has this id")
    return connector


def _password_form(request: Request, whose: LocalAccount, refusal: RequestRefused | None) -> Response:
    """Which rule a password broke is told: its owner chose it a moment ago."""
    message = _sentence(refusal) if refusal else ""
    return pages.page(
        request.app.state.house,
        "local_password.html",
        status=refusal.status if refusal else 200,
        action=request.scope["path"],
        email=whose.email,
        message=message,
        shortest=passwords.SHORTEST,
        longest=passwords.LONGEST,
    )


def _sentence(refusal: RequestRefused) -> str:
    said = refusal.code.rpartition("password_")[2]
    if said not in _RULES:
        return texts.say_of(refusal, "public")
    return texts.say(f"password.{said}", shortest=passwords.SHORTEST, longest=passwords.LONGEST)


_RULES = frozenset({"short", "long", "unprintable", "address", "common", "differs"})
