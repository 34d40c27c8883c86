"""Groups of people in a Google Workspace, which no token of Google's holds: its Directory is asked.

A service account asks. Of the person nothing is needed but their id, ``sub``, which Google gives
to nobody else; an address may be given again. What cannot be had, in whole, is *unobtainable*,
never empty. Pure.

Source: Admin SDK, Directory API v1, ``groups.list``, ``users`` (``id``).
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from federation.errors import ProviderUnavailable
from federation.oidc.authorization import is_visible
from federation.oidc.groups import Page
from federation.oidc.service_account import Access, read_answer
from federation.oidc.token_endpoint import OK

PAGES: Final = 10  # of 200 groups, the most that Google puts on one
UNAUTHORIZED: Final = 401
_FORBIDDEN, _NOT_FOUND = 403, 404
_PERSON: Final = re.compile(r"[0-9]{1,64}")  # an address would be somebody, too: whoever has it today
_LENGTH: Final = 4096  # characters of a page's token
_KIND: Final = "admin#directory#groups"
_DISABLED: Final = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
_TOO_OFTEN: Final = frozenset({
    "dailyLimitExceeded", "quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
})  # fmt: skip


def groups_url(access: Access, key: str, page: str = "") -> str:
    """Return where the groups stand that somebody is a direct member of.

    Args:
        access: Of the connection.
        key: Google's ``userKey``: an id, as ``read_person`` returns it.
        page: ``nextPageToken`` of the page before; "" for the first.
    """
    asked = {"userKey": key, "maxResults": "200", "fields": "kind,nextPageToken,groups(email)"}
    return f"{access.endpoints.groups}?{urlencode(asked | ({'pageToken': page} if page else {}))}"


def read_person(claims: Mapping[str, Any]) -> str:
    """Return who the Directory knows a signed-in person as.

    Args:
        claims: Of a verified ID Token of Google's.

    Raises:
        ProviderUnavailable: ``oidc.directory_person``: an account of no Workspace at all.
    """
    hosted = claims.get("hd")
    if not isinstance(hosted, str) or not hosted:
        raise ProviderUnavailable(
            "oidc.directory_person", "the account belongs to no Workspace (it has no hd), so to no Directory"
        )
    return person(str(claims.get("sub", "")))


def person(stable_id: str) -> str:
    """Return somebody's id as it stands; an address, which the Directory takes too, is refused.

    Raises:
        ProviderUnavailable: ``oidc.directory_person``.
    """
    if not _PERSON.fullmatch(stable_id):
        raise ProviderUnavailable("oidc.directory_person", "the person's id is none of Google's, all digits")
    return stable_id


def read_page(status: int, content_type: str, body: bytes) -> Page:
    """Read one answer of the Directory: the addresses of groups, and the token of the next page.

    Raises:
        ProviderUnavailable: ``oidc.directory_disabled``, ``oidc.directory_forbidden``,
            ``oidc.directory_person``, ``oidc.directory_status``, ``oidc.directory_malformed``.
    """
    found = read_answer(content_type, body)
    if status != OK:
        raise _refused(status, _reasons(found or {}))
    # In no group at all, there is no list; what says that it is the answer is its kind.
    listed, page = (found or {}).get("groups", []), (found or {}).get("nextPageToken", "")
    if found is None or found.get("kind") != _KIND or not isinstance(listed, list):
        raise _malformed("did not answer with a list of groups")
    if not isinstance(page, str) or len(page) > _LENGTH or not is_visible(page):
        raise _malformed("names a next page by no token")
    return Page(tuple(_address(one) for one in listed), page)


def _malformed(why: str) -> ProviderUnavailable:
    return ProviderUnavailable("oidc.directory_malformed", f"Google's Directory {why}")


def _address(entry: Any) -> str:
    """A group's address is the Workspace's alone; its name may be given to several."""
    address = entry.get("email") if isinstance(entry, dict) else None
    if not isinstance(address, str) or not is_visible(address) or "@" not in address:
        raise _malformed("lists a group without an address")
    return address.lower()


def _reasons(found: Mapping[str, Any]) -> frozenset[str]:
    """Return the words by which Google tells one 403 from another."""
    error = found.get("error")
    told = error if isinstance(error, dict) else {}
    listed = [one for name in ("errors", "details") if isinstance(told.get(name), list) for one in told[name]]
    words = [one.get("reason") for one in listed if isinstance(one, dict)]
    return frozenset(word for word in words if isinstance(word, str))


def _refused(status: int, reasons: frozenset[str]) -> ProviderUnavailable:
    if status == _NOT_FOUND:
        return ProviderUnavailable(
            "oidc.directory_person", "the person is not in this Workspace's Directory (404)"
        )
    if status == _FORBIDDEN and reasons & _DISABLED:
        return ProviderUnavailable(
            "oidc.directory_disabled", "the Admin SDK API is not enabled in the service account's project"
        )
    if status == _FORBIDDEN and not reasons & _TOO_OFTEN:
        return ProviderUnavailable(
            "oidc.directory_forbidden",
            "Google's Directory answered 403: google_directory.subject may not read groups, or the person"
            " is of another Workspace",
        )
    return ProviderUnavailable("oidc.directory_status", f"Google's Directory answered {status}, not 200")
