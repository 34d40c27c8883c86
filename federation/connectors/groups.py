"""Asks a vendor's API for groups that its ID Token only names, with the access token that came along.

A sign-in never fails of it: what cannot be had is unobtainable, and the record says why.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from federation import presets, registry
from federation.connectors.google_directory import open_directory
from federation.errors import Check, FederationError, ProviderTimedOut, ProviderUnavailable
from federation.fetch import Declared, Fetch
from federation.oidc import groups

DEADLINE = 10.0  # seconds, for all pages: a person waits


class GroupsSource(Protocol):
    """Where groups are asked for that the ID Token does not hold."""

    async def ask(self, claims: Mapping[str, Any], access_token: str, now: datetime) -> groups.Asked | None:
        """Ask for the groups of whoever the tokens are about; None where there is nothing to ask.

        Args:
            claims: Of the verified ID Token.
            access_token: That came with it; "" where none did.
            now: UTC, aware.
        """
        ...


class GroupsApi:
    """Microsoft Graph, for one connection."""

    def __init__(self, url: str, fetch: Fetch) -> None:
        """Prepare.

        Args:
            url: Of the first page, from ``groups.memberships_url``.
            fetch: The outbound door.
        """
        self._url = url
        self._fetch = fetch

    async def ask(
        self,
        claims: Mapping[str, Any],
        access_token: str,
        now: datetime,  # noqa: ARG002  the person's own token is asked with
    ) -> groups.Asked | None:
        """Ask where groups are named, and not sent; see ``GroupsSource``."""
        if not groups.are_elsewhere(claims):
            return None
        try:
            names = await self._all(access_token)
        except FederationError as failure:
            return groups.Asked(names=None, check=Check(failure.code, failure.detail))
        return groups.Asked(names=names, check=Check("oidc.groups_status"))

    async def _all(self, access_token: str) -> tuple[str, ...]:
        if not access_token:
            raise ProviderUnavailable("oidc.groups_no_token", "no access token came to ask for groups with")
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._pages(access_token)
        except TimeoutError:
            raise ProviderTimedOut(
                "fetch.timeout", f"the groups' API took longer than {DEADLINE:g} seconds"
            ) from None

    async def _pages(self, access_token: str) -> tuple[str, ...]:
        names: list[str] = []
        url = self._url
        for _ in range(groups.PAGES):
            answer = await self._fetch.get(
                url,
                declared=Declared.FILE,
                accept="application/json",
                headers={"Authorization": f"Bearer {access_token}"},
            )
            page = groups.read_page(answer.status, answer.content_type, answer.body, asked=self._url)
            names += page.names
            if not page.following:
                return tuple(dict.fromkeys(names))
            url = page.following
        raise ProviderUnavailable("oidc.groups_many", f"more than {groups.PAGES} pages of groups")


def open_groups(entry: registry.Oidc, fetch: Fetch) -> GroupsSource | None:
    """Return where a connection's groups are asked for, or None: the vendor has no such API for us."""
    if (directory := open_directory(entry, fetch)) is not None:
        return directory
    api = presets.oidc(entry.connection.preset).groups_api
    if entry.connection.fetch_groups == "never" or api != "graph":
        return None
    issuer = entry.discovery.issuer or entry.discovery.url
    url = groups.memberships_url(issuer, entry.connection.graph_host)
    return GroupsApi(url, fetch) if url else None
