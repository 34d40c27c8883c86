"""Local accounts: what was typed is held against what is kept, and nothing tells who is there.

Each try is counted, then one hash is computed, then the answer given: for a wrong password, an
address that nobody has, and one that is locked out alike. This connector is the verifier of its
protocol, so it holds the seal.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from federation import registry
from federation.connection import AnyConnection
from federation.connectors.contract import (
    REFUSED,
    Callback,
    Challenge,
    Logout,
    Renewal,
    Rereading,
    Revocation,
)
from federation.connectors.hashing import Hashing
from federation.errors import AssertionRefused, Check, PasswordRefused, RequestRefused
from federation.identity import (
    SEAL,
    Authentication,
    ProviderSession,
    Subject,
    VerifiedAssertion,
    parse_email,
)
from federation.store.local_values import Attempt, LocalAccount
from federation.store.store import Store

LIFE: Final = timedelta(minutes=5)  # of what was verified: it is used at once, and its id is nobody else's
# In the order in which they are told: of a locked address nobody learns anything else.
CODES: Final = ("local.locked", "local.unknown", "local.password")
_SAID: Final = {
    "local.locked": "ten tries within five minutes failed: the address is locked for half an hour",
    "local.unknown": "nobody has this address here",
    "local.password": "the password is another one, or none was set yet",
}


class LocalConnector:
    """The accounts of one connection."""

    connection: AnyConnection
    uninvited = REFUSED
    logout: Logout | None = None  # its session is ours
    renewal: Renewal | None = None
    revocation: Revocation | None = None
    rereading: Rereading | None = None

    def __init__(self, entry: registry.Local, store: Store, hashing: Hashing) -> None:
        self.connection = entry.connection
        self._entry = entry
        self._store = store
        self.hashing = hashing

    async def begin(
        self,
        *,
        handle: str,
        login_hint: str,  # noqa: ARG002
        fresh: bool,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Challenge:
        """Ask for a form of our own to be filled in."""
        return Challenge(url=f"/local/{self.connection.id}", fields={"state": handle}, expects={})

    async def complete(
        self,
        callback: Callback,
        expects: Mapping[str, str],  # noqa: ARG002
        now: datetime,
    ) -> VerifiedAssertion:
        """Verify an address and its password.

        Raises:
            PasswordRefused: ``local.locked``, ``local.unknown``, ``local.password``.
            TooManyRequests: ``local.busy``.
        """
        typed = callback.credentials
        if typed is None:
            raise RequestRefused("form.missing", "the form has no address and password")
        address = parse_email(typed.address.strip()) or ""
        attempt = self._ours(await self._store.attempt_local(self.connection.id, address, now))
        kept = attempt.account.password_hash if attempt.account else ""
        same, renewed = await self.hashing.verify(typed.password, kept)
        account = _admitted(attempt, same=same)
        await self._store.local_succeeded(self.connection.id, address, account, renewed)
        return self._assertion(account, now)

    def _ours(self, attempt: Attempt) -> Attempt:
        """Leave out an account of an organization that this connection was of before."""
        account = attempt.account
        if account is None or account.organization == self.connection.organization:
            return attempt
        return replace(attempt, account=None)

    async def complete_uninvited(self, callback: Callback, now: datetime) -> VerifiedAssertion:  # noqa: ARG002
        """Refuse: a form of ours that nobody was shown is somebody else's."""
        raise AssertionRefused("local.unsolicited", "the form belongs to no sign-in that was started here")

    async def refresh(self, now: datetime) -> None:  # noqa: ARG002
        """Prepare what the first wrong address would wait for; nothing is published."""
        await self.hashing.prepare()

    def _assertion(self, account: LocalAccount, now: datetime) -> VerifiedAssertion:
        attributes = {"email": (account.email,)}
        if account.display_name:
            attributes["name"] = (account.display_name,)
        return VerifiedAssertion(
            id=secrets.token_urlsafe(16),
            subject=Subject(issuer=self._entry.issuer, value=account.id, format=self._entry.subject_format),
            not_on_or_after=now + LIFE,
            attributes=attributes,
            email_verified=True,  # by the word of whoever made the account
            authentication=Authentication(instant=now, amr=("pwd",)),
            provider_session=ProviderSession(name=account.id),  # ends with the password: see ``store``
            checks=tuple(Check(code) for code in CODES),
            seal=SEAL,
        )


def _admitted(attempt: Attempt, *, same: bool) -> LocalAccount:
    """Return the account, or refuse; the record says which account was meant, by our own name of it."""
    account = attempt.account
    broken = {"local.locked": attempt.locked, "local.unknown": account is None, "local.password": not same}
    for code in CODES:
        if broken[code]:
            whose = f" (account {account.id})" if account else ""
            raise PasswordRefused(code, f"{_SAID[code]}{whose}")
    if account is None:  # said above; the type needs it
        raise PasswordRefused("local.unknown", _SAID["local.unknown"])
    return account
