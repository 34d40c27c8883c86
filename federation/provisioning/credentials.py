"""What a directory's client proves itself by: a secret of the settings file, or one that was minted here.

Of a minted one only the SHA-256 is kept. It has 256 random bits: nobody finds one by trying, and a
look-up by its hash tells nothing by its time. Secrets of the settings file are compared octet by octet,
all of them.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

from federation.connection import AnyConnection
from federation.provisioned import Credential
from federation.provisioning.request import Caller
from federation.store.rows import new_id
from federation.store.store import Store
from federation.vault import hash_token

PREFIX: Final = "fsc_"  # by which scanners of leaked secrets know it
ACCESS_LIFE: Final = timedelta(hours=1)  # what Entra takes for a token: 60 to 360 minutes
_WRITTEN: Final = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")  # 256 bits in base64url


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What a request proves its client by: a bearer token, or a name and a password."""

    bearer: str | None = field(repr=False, default=None)
    basic: str | None = field(repr=False, default=None)  # user:password


@dataclass(frozen=True, kw_only=True)
class Minted:
    """A credential that was made; nobody can be shown ``secret`` again."""

    credential: Credential
    secret: str = field(repr=False)


def mint_secret() -> str:
    """Return a new one."""
    return PREFIX + secrets.token_urlsafe(32)


async def caller_of(
    store: Store, connection: AnyConnection, sent: Sent, *, now: datetime, address: str
) -> Caller | None:
    """Return who proved themselves at this connection, None for nobody.

    As HTTP Basic password a minted token counts whatever the user's name is: Okta has a field for each,
    and only one of them is a secret.

    Raises:
        StoreUnavailable: Nobody can tell.
    """
    if connection.scim is None:
        return None
    by_basic = _is_same(sent.basic, connection.scim.basic)
    by_bearer = _is_same(sent.bearer, connection.scim.bearer)
    if by_basic or by_bearer:
        return Caller(credential="basic" if by_basic else "bearer", address=address)
    secret = sent.bearer if sent.bearer is not None else (sent.basic or "").partition(":")[2]
    found = await _find(store, connection, secret, now)
    if found is None or found.kind == "client":
        return None
    # An access token is gone in an hour: whoever reads the audit log later knows the client.
    return Caller(credential=found.client or found.id, address=address)


def _is_same(sent: str | None, expected: SecretStr | None) -> bool:
    if sent is None or expected is None:
        return False
    return hmac.compare_digest(_digest(sent), _digest(expected.get_secret_value()))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


async def _find(store: Store, connection: AnyConnection, secret: str, now: datetime) -> Credential | None:
    """Return a credential of the connection; one that another organization's administrators made is none."""
    if not _WRITTEN.fullmatch(secret):
        return None
    found = await store.find_credential(connection.id, hash_token(secret), now)
    return found if found is not None and found.organization == connection.organization else None


async def client_of(
    store: Store, connection: AnyConnection, *, client_id: str, client_secret: str, now: datetime
) -> Credential | None:
    """Return the OAuth client that proved itself at this connection, None for nobody.

    Raises:
        StoreUnavailable: Nobody can tell.
    """
    client = await _find(store, connection, client_secret, now)
    if client is None or client.kind != "client":
        return None
    return client if hmac.compare_digest(_digest(client.id), _digest(client_id)) else None


async def mint_access(store: Store, client: Credential, now: datetime) -> Minted:
    """Give a client an access token, which ends no later than the client does (RFC 6749 §4.4).

    Raises:
        StoreUnavailable: Nothing is kept.
    """
    access = Credential(
        id=new_id(now),
        connection=client.connection,
        organization=client.organization,
        kind="access",
        name=client.name,
        created_at=now,
        created_by=f"scim:{client.id}",
        expires_at=min(now + ACCESS_LIFE, client.expires_at),
        client=client.id,
    )
    return await mint(store, access)


async def mint(store: Store, made: Credential) -> Minted:
    """Keep a credential under a new secret.

    Raises:
        StoreUnavailable: Nothing is kept.
    """
    secret = mint_secret()
    await store.add_credential(made, hash_token(secret))
    return Minted(credential=made, secret=secret)
