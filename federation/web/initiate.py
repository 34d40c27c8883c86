"""A sign-in that somebody else starts: a portal's tile, the provider itself (OIDC Core §4).

It starts one and proves nothing: what follows is the sign-in of any link to /login, and a
session that stands is neither ended nor replaced by it. Nothing is fetched to find out who asks.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.connection import OAuth2Connection, OidcConnection
from federation.errors import RequestRefused
from federation.policy import domains
from federation.signin.return_to import local_path
from federation.web import fields, start
from federation.web.aliases import INITIATE
from federation.web.callbacks import arrived_at
from federation.web.house import House

Relying = OidcConnection | OAuth2Connection

HINT_LENGTH = 1024  # characters of a login_hint
_FIELDS = ("iss", "provider", "login_hint", "target_link_uri")
_ROUND = frozenset({"login", "oidc", "saml"})  # first segments under which nobody arrives, but starts again


async def initiate(request: Request) -> Response:
    """GET or POST /oidc/initiate, or at one of ``initiate_paths``: start a sign-in (OIDC Core §4)."""
    house: House = request.app.state.house
    sent = fields.read_query(request)
    if request.method == "POST":
        return _by_get(request, sent, await fields.read_form(request))
    hint = login_hint(sent.get("login_hint", ""))
    return_to = landing(sent.get("target_link_uri", ""), house)
    meant = whose(house, arrived_at(request), sent)
    if len(meant) > 1 and (owners := domains.route(hint, meant)):
        meant = [one for one in meant if one.id in owners]
    if len(meant) == 1:
        return await start.leave(request, meant[0].id, return_to=return_to, login_hint=hint)
    # Only the person knows. The page shows visible ones alone: an issuer that is everybody's
    # (Google's) must not list our customers; the rest have the e-mail field.
    kept = {"login_hint": hint, "target_link_uri": house.base_url + return_to}
    again = [(one, f"{INITIATE}?{urlencode({'provider': one.id, **kept})}") for one in meant]
    return start.choices(request, again, return_to)


def _by_get(request: Request, query: Mapping[str, str], form: Mapping[str, str]) -> Response:
    """Ask the same by GET, which brings the cookies that a POST from another site comes without.

    Raises:
        RequestRefused: ``form.repeated``, ``form.too_large``.
    """
    if query.keys() & form.keys():
        raise RequestRefused("form.repeated", "a field is in the query and in the body")
    sent = {**query, **form}
    asked = urlencode({name: sent[name] for name in _FIELDS if name in sent})
    if len(asked) > fields.QUERY_LIMIT:
        raise RequestRefused("form.too_large", f"more than {fields.QUERY_LIMIT} octets of fields")
    return RedirectResponse(f"{arrived_at(request)}?{asked}", 303)


def whose(house: House, path: str, sent: Mapping[str, str]) -> Sequence[Relying]:
    """Return the connections that are meant, at least one.

    A path that one connection alone has needs no more. ``provider`` is the operator's word, in
    the address that was registered: an id, else a preset; ``iss`` then only tells apart the
    several that have it, because Okta's tile names the organization's issuer where the connection
    may have that of an authorization server within it.

    Args:
        house: Its connections, and their issuers.
        path: That was asked for.
        sent: From anybody.

    Raises:
        RequestRefused: ``signin.initiate_unnamed``, ``signin.initiate_unknown``.
    """
    every = [one for one in house.connections.values() if isinstance(one, Relying)]
    here = every if path == INITIATE else [one for one in every if path in one.initiate_paths]
    if path != INITIATE and len(here) == 1:
        return here
    issued = house.issuers.get(sent.get("iss", ""), ())
    by_issuer = [one for one in here if one.id in issued]
    if "provider" in sent:
        named = sent["provider"]
        meant = [one for one in here if one.id == named] or [one for one in here if one.preset == named]
        meant = [one for one in meant if one in by_issuer] or meant
    elif "iss" in sent:
        meant = by_issuer
    elif path != INITIATE:
        meant = here
    else:
        raise RequestRefused("signin.initiate_unnamed", "the request names neither an issuer nor a provider")
    if not meant:
        raise RequestRefused("signin.initiate_unknown", "no connection is of the issuer or provider named")
    # What somebody prepares in the administration names whatever issuer they like, and takes nobody's tile.
    return [one for one in meant if one.enabled] or meant


def login_hint(said: str) -> str:
    """Return the hint, which goes to the provider as it came (OIDC Core §4); "" for one that is none."""
    return said if len(said) <= HINT_LENGTH and said.isprintable() else ""


def landing(target_link_uri: str, house: House) -> str:
    """Return the path of ours that a URL of ours names, "/" for any other (OIDC Core §4: no open redirect).

    A path that starts a sign-in is none to land on: it would go round and round.
    """
    path = target_link_uri.removeprefix(house.base_url)
    if path == target_link_uri:
        return "/"
    try:
        path = local_path(path)
    except RequestRefused:
        return "/"
    place = unquote(path.partition("?")[0].partition("#")[0])
    return "/" if place in house.aliases or place.split("/")[1] in _ROUND else path
