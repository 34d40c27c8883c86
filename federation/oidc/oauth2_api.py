"""How an API is asked what it knows of whoever holds a token: pages, statuses, and what went wrong.

Each answer has its own code; a listing is read to its end or not at all. Pure.

Source: RFC 6750 §2.1; RFC 8288 §3; GitHub's REST API, "Using pagination", "Troubleshooting".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urljoin, urlsplit

from federation.errors import AssertionRefused, FederationError, ProviderUnavailable
from federation.oidc import documents
from federation.oidc.oauth2 import Tokens
from federation.oidc.token_endpoint import JSON, OK

Listing = Literal["emails_endpoint", "organizations_endpoint", "teams_endpoint"]
Entries = tuple[Mapping[str, Any], ...]
Heard = Mapping[Listing, Entries | FederationError]  # of each listing that there is: it, or why not

LISTINGS: Final[tuple[Listing, ...]] = ("emails_endpoint", "organizations_endpoint", "teams_endpoint")
PAGES: Final = 10
UNAUTHORIZED: Final = 401
PAGE: Final = 100  # entries; the most that GitHub gives
_LINK_LENGTH: Final = 4096
# Nothing is given back once it was taken: a blank that two parts could claim doubles the ways to fail.
_LINK: Final = re.compile(
    r'<([^<>]*)>((?:\s*+;\s*+[\w*]++(?:\s*+=\s*+(?:"[^"]*+"|[^\s",;]++))?+)*+)\s*+(?:,\s*+|$)'
)
_REL: Final = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]*))', re.IGNORECASE)

# What an API's status says, where it is one that says something.
STATUSES: Final[Mapping[int, tuple[str, str]]] = {
    401: ("oauth2.api_unauthorized", "does not take the access token that the provider has just given"),
    403: ("oauth2.api_forbidden", "may not be asked with what the person granted"),
    404: ("oauth2.api_not_found", "is not there, or not for what the person granted"),
    429: ("oauth2.api_rate_limited", "was asked too often"),
}
_LIMITED: Final = b"rate limit"  # GitHub says 403 for that too
# By these an API says that the token does not reach so far.
_UNPERMITTED: Final = frozenset({"oauth2.api_forbidden", "oauth2.api_not_found"})
NAMES: Final[Mapping[str, str]] = {
    "userinfo_endpoint": "the profile",
    "emails_endpoint": "the list of e-mail addresses",
    "organizations_endpoint": "the list of organizations",
    "teams_endpoint": "the list of teams",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Where a person's profile, and what belongs to it, is told."""

    userinfo_endpoint: str
    listings: Mapping[Listing, str]  # those that there are
    headers: Mapping[str, str]
    scopes: Mapping[str, tuple[str, ...]]  # one of these reaches it; the first is the one to ask for


def headers(api: Api, tokens: Tokens) -> dict[str, str]:
    """Return what goes with every question. Source: RFC 6750 §2.1."""
    return {**api.headers, "Authorization": f"Bearer {tokens.access_token}"}


def first_page(url: str) -> str:
    """Return the URL of a listing's first, and as large as may be, page."""
    return f"{url}{'&' if '?' in url else '?'}per_page={PAGE}"


def next_page(link: str, *, asked: str) -> str:
    """Return the URL of the page after this one; "" after the last.

    Args:
        link: The ``Link`` headers of the answer, joined by commas.
        asked: The URL that was asked. The token goes along, so the next one must be of its origin.

    Raises:
        ProviderUnavailable: ``oauth2.api_link``.

    Source: RFC 8288 §3; RFC 6454 §4.
    """
    if not link:
        return ""
    found = list(_LINK.finditer(link)) if len(link) <= _LINK_LENGTH else []
    if sum(len(one[0]) for one in found) != len(link):
        raise ProviderUnavailable("oauth2.api_link", "what leads to the next page of a list cannot be read")
    further = [one[1] for one in found if "next" in _relations(one[2])]
    if not further:
        return ""
    parts, goal = urlsplit(asked), _joined(asked, further[0])
    plain = goal.isascii() and goal.isprintable() and not set(goal) & set(" \\")
    if len(further) > 1 or not plain or not goal.startswith(f"{parts.scheme}://{parts.netloc}/"):
        raise ProviderUnavailable("oauth2.api_link", "the next page of a list is not where the first one was")
    return goal


def _joined(asked: str, reference: str) -> str:
    """Return the URL that a reference leads to; "" where it is none, such as ``//[``."""
    try:
        return str(urljoin(asked, reference))
    except ValueError:
        return ""


def _relations(parameters: str) -> list[str]:
    return [
        rel for match in _REL.finditer(parameters) for rel in (match[1] or match[2] or "").lower().split()
    ]


def unreached(api: Api, listing: Listing, granted: frozenset[str] | None) -> AssertionRefused | None:
    """Say that a grant does not reach a listing.

    Args:
        api: The provider's.
        listing: One of its listings.
        granted: The scopes; None where the provider does not say what it granted: then ask.

    Returns:
        ``oauth2.scope``, which names the scope to add; None: it may well reach.
    """
    needed = api.scopes.get(listing, ())
    if granted is None or not needed or not granted.isdisjoint(needed):
        return None
    return _beyond(listing, needed)


def understood(failure: FederationError, api: Api, listing: Listing, tokens: Tokens) -> FederationError:
    """Return why a listing could not be had; what a grant of unknown reach does not cover is that."""
    if tokens.scopes is None and failure.code in _UNPERMITTED:
        return _beyond(listing, api.scopes.get(listing, ()))
    return failure


def _beyond(listing: Listing, needed: Sequence[str]) -> AssertionRefused:
    add = f"add {needed[0]} to scopes" if needed else "add its scope to scopes"
    return AssertionRefused(
        "oauth2.scope", f"{NAMES[listing]} was not granted: {add} (a GitHub App: let it read that)"
    )


def read_profile(status: int, content_type: str, body: bytes) -> Mapping[str, Any]:
    """Read the profile of whoever the token belongs to.

    Args:
        status: HTTP's.
        content_type: Its header.
        body: At most what ``fetch`` lets through.

    Raises:
        ProviderUnavailable: ``oauth2.api_*``.
    """
    _expect_json(status, content_type, body, what="userinfo_endpoint")
    try:
        return documents.read_object(body)
    except ValueError as fault:
        raise malformed("userinfo_endpoint", str(fault)) from None


def read_entries(status: int, content_type: str, body: bytes, *, listing: Listing) -> Entries:
    """Read one page of a listing. Arguments and errors are those of ``read_profile``."""
    _expect_json(status, content_type, body, what=listing)
    try:
        return tuple(documents.read_objects(body))
    except ValueError as fault:
        raise malformed(listing, str(fault)) from None


def malformed(what: str, why: str) -> ProviderUnavailable:
    """Return the refusal of an answer, by its key in the settings, that is not what it should be."""
    return ProviderUnavailable("oauth2.api_malformed", f"{NAMES[what]}: {why}")


def endless(listing: Listing) -> ProviderUnavailable:
    """Return the refusal of a listing that does not end after PAGES pages."""
    return ProviderUnavailable("oauth2.api_pages", f"{NAMES[listing]} has more than {PAGES} pages")


def _expect_json(status: int, content_type: str, body: bytes, *, what: str) -> None:
    name = NAMES[what]
    if status == 403 and _LIMITED in body.lower():  # noqa: PLR2004  HTTP's own number
        status = 429
    if status in STATUSES:
        code, said = STATUSES[status]
        raise ProviderUnavailable(code, f"{name} {said} ({status})")
    if status != OK:
        raise ProviderUnavailable("oauth2.api_status", f"{name} was answered with {status}, not 200")
    found = documents.media_type(content_type)
    if found != JSON and not found.endswith("+json"):
        raise ProviderUnavailable("oauth2.api_content_type", f"{name} is not {JSON}")
