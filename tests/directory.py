"""Directories that provision here, each as its vendor's client sends: the real application over ASGI.

``okta`` (of the SAML connection, HTTP Basic) and ``entra`` (OpenID Connect, a bearer token) are of one
organization, ``other`` is another's.
"""

import base64
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from databases import Schemas, ask, until
from stair import BASE, Stair, standing

from federation.decision import of_scim

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

OKTA_PAIR = "okta-scim:a password for the tests of Okta"
ENTRA_TOKEN = "a-token-for-the-tests-of-entra"
OTHER_TOKEN = "a-token-of-another-organization"
CONNECTIONS = {"okta": "acme-saml", "entra": "acme-oidc", "other": "other-saml"}
PATHS = {name: f"/scim/v2/{connection}" for name, connection in CONNECTIONS.items()}
AUTHORIZATION = {
    "okta": f"Basic {base64.b64encode(OKTA_PAIR.encode()).decode()}",
    "entra": f"Bearer {ENTRA_TOKEN}",
    "other": f"Bearer {OTHER_TOKEN}",
}
# What their clients send with every request.
SENT = {
    "okta": {
        "user-agent": "Okta SCIM Client 1.0.0",
        "accept": "application/scim+json",
        "accept-charset": "utf-8",
        "content-type": "application/scim+json; charset=utf-8",
    },
    "entra": {"accept": "application/scim+json", "content-type": "application/scim+json; charset=utf-8"},
    "other": {"content-type": "application/scim+json"},
}
_SECRETS = {"okta": OKTA_PAIR, "entra": ENTRA_TOKEN, "other": OTHER_TOKEN}
_STAY = {"alembic_version", "configuration"}


@dataclass(frozen=True)
class Directory:
    """A client of one connection; its methods return what it is answered."""

    client: httpx2.AsyncClient
    connection: str
    path: str

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        return await self.client.get(f"{self.path}{path}", params=query)

    async def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        return await self.send("POST", path, body, **headers)

    async def put(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        return await self.send("PUT", path, body, **headers)

    async def patch(self, path: str, *operations: Any, **headers: str) -> httpx2.Response:
        body = {"schemas": [PATCH_OP], "Operations": list(operations)}
        return await self.send("PATCH", path, body, **headers)

    async def delete(self, path: str, **headers: str) -> httpx2.Response:
        return await self.send("DELETE", path, None, **headers)

    async def send(self, method: str, path: str, body: Any, **headers: str) -> httpx2.Response:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        return await self.client.request(method, f"{self.path}{path}", headers=told, **content)

    async def user(self, name: str, /, **told: Any) -> dict[str, Any]:
        """Provision somebody; returns the resource."""
        return _made(await self.post("/Users", user(name, **told)))

    async def group(self, name: str, /, *members: str, **told: Any) -> dict[str, Any]:
        """Provision a group of these ids; returns the resource."""
        return _made(await self.post("/Groups", group(name, *members, **told)))

    async def read(self, path: str, **query: Any) -> dict[str, Any]:
        """Return what must be there."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def user(name: str, /, **told: Any) -> dict[str, Any]:
    """Return a User as a directory tells of one; an attribute that is None is left out."""
    email = name if "@" in name else f"{name}@acme.example"
    body = {
        "schemas": [USER],
        "userName": name,
        "name": {"givenName": name.partition("@")[0].title(), "familyName": "Example"},
        "emails": [{"primary": True, "value": email, "type": "work"}],
        "displayName": f"{name.partition('@')[0].title()} Example",
        "active": True,
    }
    return {key: value for key, value in (body | told).items() if value is not None}


def group(name: str, /, *members: str, **told: Any) -> dict[str, Any]:
    """Return a Group of users by their ids."""
    body = {"schemas": [GROUP], "displayName": name, "members": [{"value": one} for one in members]}
    return body | told


def _made(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@dataclass(frozen=True)
class World:
    """The service and its directories."""

    stair: Stair
    url: str
    okta: Directory
    entra: Directory
    other: Directory

    async def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement beside the service."""
        return await ask(self.url, statement)

    async def settled(self) -> None:
        """Wait until every policy is noted, and whom that concerns decided of: that goes on by itself."""
        await until(self._everything_is_noted)

    async def _everything_is_noted(self) -> bool:
        noted = await self.ask("SELECT count(*) FROM policy_in_force")
        left = await self.ask("SELECT count(*) FROM scim_spread")
        return noted[0][0] >= len(self.stair.house.connections) and not left[0][0]

    async def _nobody_is_due(self) -> bool:
        return not await self.ask("SELECT id FROM scim_user WHERE due_at IS NOT NULL LIMIT 1")

    async def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all that is kept, but what tells of requests that changed nothing.

        Whoever is due is waited for: that goes on beside the requests.
        """
        await until(self._nobody_is_due)
        names = sorted(set(await _names(self.url)) - _STAY - {"lease", "decision_record", "policy_in_force"})
        statements = [f'SELECT * FROM "{name}"' for name in names]  # noqa: S608  names of tables
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as db:
                found = [db.execute(statement).fetchall() for statement in statements]
        else:
            connection = await asyncpg.connect(self.url)
            try:
                found = [list(map(tuple, await connection.fetch(one))) for one in statements]
            finally:
                await connection.close()
        return {name: sorted(rows, key=repr) for name, rows in zip(names, found, strict=True)}

    async def clear(self) -> None:
        """Forget everybody, as before the first request."""
        names = [one for one in await _names(self.url) if one not in _STAY]
        statements = "; ".join(f'DELETE FROM "{one}"' for one in names)  # noqa: S608  names of tables
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as db:
                db.executescript(statements)
            return
        connection = await asyncpg.connect(
            self.url, server_settings={"session_replication_role": "replica"}
        )  # as a replica: without looking at foreign keys
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    def directory(self, name: str, connection: str = "", **headers: str) -> Directory:
        """Return a client with the headers of a vendor, or with others in their place."""
        path = f"/scim/v2/{connection or CONNECTIONS[name]}"
        told = {key.replace("_", "-"): value for key, value in headers.items()}
        return _directory(self.stair, path, SENT[name] | {"authorization": AUTHORIZATION[name]} | told)

    def sources(self) -> dict[str, str]:
        """Return what grants of each directory are kept under."""
        return {name: of_scim(connection) for name, connection in CONNECTIONS.items()}


def _directory(there: Stair, path: str, headers: Mapping[str, str]) -> Directory:
    transport = httpx2.ASGITransport(there.application)
    client = httpx2.AsyncClient(transport=transport, base_url=BASE, headers=dict(headers))
    there.browsers.append(client)
    return Directory(client, path.rpartition("/")[2], path)


async def _names(url: str) -> list[str]:
    if url.startswith("sqlite"):
        told = await ask(
            url, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    else:
        told = await ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    return [str(name) for (name,) in told]


@asynccontextmanager
async def provisioned(
    engine: str, request: pytest.FixtureRequest, place: Path, more: str = "", **told: Mapping[str, Any]
) -> AsyncIterator[World]:
    """Open a service whose connections have directories.

    Args:
        engine: One of ``databases.ENGINES``.
        request: Of the fixture.
        place: An empty directory.
        more: Added to the settings file.
        told: Further keys of ``okta``, ``entra``, ``other``; ``overrides`` of the settings.
    """
    schemas: Schemas | None = request.getfixturevalue("schemas") if engine == "postgresql" else None
    with schemas.one() if schemas else nullcontext(f"sqlite:///{place}/federation.db") as url:
        further: dict[str, dict[str, Any]] = {}
        for name, connection in CONNECTIONS.items():
            further[connection] = {"scim": _settings(place, name)}
        further["other-saml"] |= {"organization": "globex", "anyone": True, "domains": []}
        for name, connection in CONNECTIONS.items():
            own = dict(told.get(name, {}))
            further[connection]["scim"] |= own.pop("scim", {})
            further[connection] |= own
        overrides = {
            "database_url": url,
            "organizations": {"globex": {"name": "Globex"}},
            "rate_limits": {"sign_in": "off", "failures": "off"},
            **told.get("overrides", {}),
        }
        async with standing(place, more, further=further, overrides=overrides) as there:
            clients = {
                name: _directory(
                    there,
                    f"/scim/v2/{CONNECTIONS[name]}",
                    SENT[name] | {"authorization": AUTHORIZATION[name]},
                )
                for name in CONNECTIONS
            }
            world = World(there, url, **clients)
            await world.settled()
            yield world


def _settings(place: Path, name: str) -> dict[str, Any]:
    file = place / f"{name}.secret"
    file.write_text(_SECRETS[name])
    return {"basic" if name == "okta" else "bearer": {"file": str(file)}}
