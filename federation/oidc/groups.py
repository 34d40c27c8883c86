"""Groups that an ID Token only names, because they are too many: Entra's overage, asked of Graph.

Where to ask stands in our own table, by the issuer's host: the address inside the token is an
old one, and whoever wrote it would be sent the access token. What cannot be had, in whole, is
*unobtainable*, never empty: half of somebody's groups is no answer. Pure.

Source: Core §5.6.2; Microsoft identity platform, "Groups overage claim"; Graph v1.0,
"List a user's memberships (direct and transitive)".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from federation.errors import Check, ProviderUnavailable
from federation.oidc import documents

PAGES: Final = 10  # of 999 groups: Entra itself lets nobody sign in with more than about 1000
_OK: Final = 200
_LINK_LENGTH: Final = 4096
_VERSION: Final = "/v1.0/"
_GROUP: Final = "#microsoft.graph.group"
_MEMBERSHIPS: Final = _VERSION + "me/transitiveMemberOf/microsoft.graph.group?$select=id&$top=999"

# Where each cloud's people sign in, and its Graph. The US government's DoD cloud signs in at the
# same host as its other one and has a Graph of its own (``graph_host``): the wrong one refuses.
GRAPH: Final[dict[str, str]] = {
    "login.microsoftonline.com": "https://graph.microsoft.com",
    "login.microsoftonline.us": "https://graph.microsoft.us",
    "login.partner.microsoftonline.cn": "https://microsoftgraph.chinacloudapi.cn",
    "login.chinacloudapi.cn": "https://microsoftgraph.chinacloudapi.cn",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of asking: the names, or None and why in ``check``."""

    names: tuple[str, ...] | None  # (): in no group at all
    check: Check


@dataclass(frozen=True, slots=True)
class Page:
    """One part of somebody's groups, and where the next one is."""

    names: tuple[str, ...]
    following: str  # URL; "" after the last


def are_elsewhere(claims: Mapping[str, Any]) -> bool:
    """Tell whether groups are named, but not sent.

    Source: Core §5.6.2; Entra sends ``hasgroups`` where the token goes through the browser.
    """
    return claims.get("groups") is None and "groups" in named_elsewhere(claims)


def named_elsewhere(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the claims that are named, whether or not they are sent too."""
    sources = claims.get("_claim_names")
    named = set(sources) if isinstance(sources, dict) else set()
    if claims.get("hasgroups") not in (None, False, "false"):
        named.add("groups")
    return frozenset(named)


def memberships_url(issuer: str, graph_host: str | None = None) -> str:
    """Return where Graph lists the groups of whoever's token asks; "" where we know no Graph.

    Args:
        issuer: As configured, or the document's URL.
        graph_host: Where the settings say which of two: held to this issuer there.
    """
    origin = GRAPH.get(urlsplit(issuer).hostname or "")
    if origin and graph_host:
        origin = f"https://{graph_host}"
    return origin + _MEMBERSHIPS if origin else ""


def read_page(status: int, content_type: str, body: bytes, *, asked: str) -> Page:
    """Read one answer of Graph.

    Args:
        status: HTTP's.
        content_type: Its header.
        body: As received, bounded.
        asked: The URL that was asked first, from ``memberships_url``.

    Raises:
        ProviderUnavailable: ``oidc.groups_status``, ``oidc.groups_malformed``, ``oidc.groups_next``.
    """
    if status != _OK:
        raise ProviderUnavailable("oidc.groups_status", f"the groups' API answered {status}, not 200")
    try:
        found = documents.read_object(body)
    except ValueError as fault:
        raise ProviderUnavailable("oidc.groups_malformed", f"the groups' API: {fault}") from None
    listed = found.get("value")
    if content_type.partition(";")[0].strip().lower() != "application/json" or not isinstance(listed, list):
        raise ProviderUnavailable("oidc.groups_malformed", "the groups' API did not answer with a list")
    return Page(tuple(name for one in listed if (name := _name(one))), _following(found, asked))


def _name(entry: Any) -> str:
    """Return a group's object id, which is what the ID Token would hold; "" for what is no group."""
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
        raise ProviderUnavailable("oidc.groups_malformed", "the groups' API listed a group without an id")
    return entry["id"] if entry.get("@odata.type", _GROUP) == _GROUP else ""


def _following(found: Mapping[str, Any], asked: str) -> str:
    """The access token goes where it went before, whatever the link says."""
    link = found.get("@odata.nextLink")
    if link is None:
        return ""
    start = asked[: asked.index(_VERSION)] + _VERSION
    if not isinstance(link, str) or not link.startswith(start) or not _plain(link):
        raise ProviderUnavailable("oidc.groups_next", "the groups' API continues at another place")
    return link


def _plain(link: str) -> bool:
    odd = set(link) & set(' "<>\\^`{|}#')
    return link.isascii() and link.isprintable() and len(link) <= _LINK_LENGTH and not odd
