"""Asks a Google Workspace's Directory for somebody's groups, as a service account.

A sign-in never fails of it: what cannot be had is unobtainable, and the record says why. Nothing
of the person's tokens is used, so who is no longer here can be asked about as well: ``read``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from federation import registry
from federation.connectors.kept import RENEW_AFTER, RETRY_AFTER
from federation.errors import Check, FederationError, ProviderTimedOut, ProviderUnavailable
from federation.fetch import Answer, Declared, Fetch
from federation.oidc import google_directory, service_account
from federation.oidc.groups import Asked
from federation.oidc.service_account import Access, Granted

DEADLINE = 10.0  # seconds, for all pages: a person waits
PATIENCE = 5.0  # seconds, for the token before them; whoever waits for it shares what comes of it
_HELD = "oidc.directory_status"


class GoogleDirectory:
    """The Directory of one connection's Workspace."""

    def __init__(self, access: Access, fetch: Fetch) -> None:
        """Prepare; nothing is asked before the first sign-in.

        Args:
            access: Compiled.
            fetch: The outbound door.
        """
        self._access = access
        self._fetch = fetch
        self._bearer = Bearer(self._grant)

    async def ask(self, claims: Mapping[str, Any], access_token: str, now: datetime) -> Asked:  # noqa: ARG002
        """Ask for the groups of whoever a verified ID Token is about; as ``read``."""
        try:
            person = google_directory.read_person(claims)
        except FederationError as failure:
            return _unobtainable(failure)
        return await self.read(person, now)

    async def read(self, person: str, now: datetime) -> Asked:
        """Ask for somebody's groups, at any time: no token of theirs is needed.

        Args:
            person: Google's ``sub``, the same as the Directory's id.
            now: UTC, aware.

        Returns:
            The addresses of the groups that they are a direct member of, (): of none; or None
            for the names, and why, in ``check``.
        """
        try:
            key = google_directory.person(person)
            token = await self._bearer.get(now)
            async with asyncio.timeout(DEADLINE):
                names = await self._pages(key, token, now)
        except TimeoutError:
            late = f"Google's Directory took longer than {DEADLINE:g} seconds"
            return _unobtainable(ProviderTimedOut("fetch.timeout", late))
        except FederationError as failure:
            return _unobtainable(failure)
        return Asked(names=names, check=Check(_HELD))

    async def probe(self, now: datetime) -> None:
        """Ask what a sign-in asks, of the administrator themselves: for `federation doctor`.

        Raises:
            ProviderUnavailable: As ``oidc.google_directory``'s readers, and the door, say.
        """
        token = await self._bearer.get(now)
        answer = await self._get(google_directory.groups_url(self._access, self._access.subject), token)
        google_directory.read_page(answer.status, answer.content_type, answer.body)

    async def _grant(self, now: datetime) -> Granted:
        request = service_account.token_request(self._access, now)
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._fetch.post_form(
                    request.url, request.form, request.headers, declared=Declared.FILE
                )
        except TimeoutError:
            late = f"Google's token endpoint took longer than {PATIENCE:g} seconds"
            raise ProviderTimedOut("fetch.timeout", late) from None
        return service_account.read_granted(answer.status, answer.content_type, answer.body, now=now)

    async def _pages(self, key: str, token: str, now: datetime) -> tuple[str, ...]:
        names: list[str] = []
        following = ""
        for _ in range(google_directory.PAGES):
            answer = await self._get(google_directory.groups_url(self._access, key, following), token)
            if answer.status == google_directory.UNAUTHORIZED:
                self._bearer.forget(token, now)
            page = google_directory.read_page(answer.status, answer.content_type, answer.body)
            names += page.names
            following = page.following
            if not following:
                return tuple(dict.fromkeys(names))
        raise ProviderUnavailable(
            "oidc.directory_many", f"more than {google_directory.PAGES} pages of groups"
        )

    async def _get(self, url: str, token: str) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        return await self._fetch.get(url, declared=Declared.FILE, accept="application/json", headers=headers)


class Bearer:
    """An access token for all sign-ins of this worker: asked for once, and again before it ends.

    Where it cannot be had, Google is asked again after ``RETRY_AFTER`` and not before, however
    many people sign in; and one that still lasts is used until it does not.
    """

    def __init__(self, grant: Callable[[datetime], Awaitable[Granted]]) -> None:
        self._grant = grant
        self._granted: Granted | None = None
        self._failure: FederationError | None = None
        self._tried: datetime | None = None
        self._asked = 0
        self._lock = asyncio.Lock()

    async def get(self, now: datetime) -> str:
        """Return the token.

        Raises:
            ProviderUnavailable: As the last attempt did.
        """
        asked = self._asked
        if (token := self._lasting(now, renewed=True)) is not None:
            return token
        async with self._lock:
            if (token := self._lasting(now, renewed=True)) is not None:
                return token
            waited = asked != self._asked
            if self._failure is None or not (waited or self._tried_within(RETRY_AFTER, now)):
                await self._renew(now)
            if (token := self._lasting(now, renewed=False)) is not None:
                return token
            failure = self._failure or ProviderUnavailable(
                "oidc.directory_token", "Google's token ended at once"
            )
            raise type(failure)(failure.code, failure.detail)

    def forget(self, token: str, now: datetime) -> None:
        """Ask for another one: the Directory takes this one no more. One that is new is given time."""
        if self._granted and self._granted.token == token and now - self._granted.since >= RENEW_AFTER:
            self._granted = None

    def _lasting(self, now: datetime, *, renewed: bool) -> str | None:
        held = self._granted
        return held.token if held and now < (held.renew_at if renewed else held.until) else None

    def _tried_within(self, pause: timedelta, now: datetime) -> bool:
        return self._tried is not None and now - self._tried < pause

    async def _renew(self, now: datetime) -> None:
        self._tried = now
        try:
            self._granted, self._failure = await self._grant(now), None
        except FederationError as failure:
            self._failure = failure
        finally:
            self._asked += 1


def _unobtainable(failure: FederationError) -> Asked:
    return Asked(names=None, check=Check(failure.code, failure.detail))


def open_directory(entry: registry.Oidc, fetch: Fetch) -> GoogleDirectory | None:
    """Return a connection's Directory, or None: it names no service account."""
    return GoogleDirectory(entry.google_directory, fetch) if entry.google_directory else None
