"""The verbs of local accounts, of first administrators and of break-glass: a part of ``store.Store``.

The twins' part is ``local_twin``.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from federation.identity import Session
from federation.store.local_values import Attempt, BreakGlass, LocalAccount, LocalNewcomer
from federation.store.values import NewSession


class LocalStore(Protocol):
    """What the shell may ask about those who sign in here. Every ``now`` is UTC and aware."""

    async def attempt_local(self, connection: str, address: str, now: datetime) -> Attempt:
        """Count a try to sign in under an address, and return whose it is; before anything is verified.

        The tenth within five minutes locks the address for half an hour, unless it succeeds: of
        tries at one moment no more than ten are looked at, on all nodes together. The same
        statements run for an address that nobody has.

        Args:
            connection: Its id.
            address: As ``identity.parse_email`` returns it, or "" for what is none.
            now: UTC.
        """

    async def local_succeeded(
        self, connection: str, address: str, account: LocalAccount, renewed: str
    ) -> None:
        """Forget the tries under an address; keep ``renewed``, unless "", in place of the hash it was."""

    async def add_local(self, newcomer: LocalNewcomer, now: datetime) -> bool:
        """Make an account and whom its first sign-in finds; False where the address has one already."""

    async def holders(self, organization: str, address: str) -> tuple[str, ...]:
        """Return the users of an organization who have an address."""

    async def set_local_link(self, connection: str, address: str, link_hash: bytes, until: datetime) -> bool:
        """Keep the hash of a link that sets the password once, in place of any other; False: no account."""

    async def local_by_link(self, connection: str, link_hash: bytes, now: datetime) -> LocalAccount | None:
        """Return whose password a link sets, None where it was used, replaced, or is too old."""

    async def set_local_password(
        self, connection: str, which: bytes | str, password_hash: str, now: datetime
    ) -> int | None:
        """Set a password; end, on every node within a second, the sessions that the old one opened.

        A sign-in with the old one that is under way opens none. The link is used up, the address
        not locked any more.

        Args:
            connection: Its id.
            which: The hash of a link (of two that use it, one wins), or an address.
            password_hash: Of ``passwords``.
            now: UTC.

        Returns:
            How many sessions ended; None where there is no such link, or account.
        """

    async def remove_local(self, connection: str, address: str, now: datetime) -> int | None:
        """Remove an account and end its sessions, as ``set_local_password``; its user stays."""

    async def unlock_local(self, connection: str, address: str) -> bool:
        """Forget the tries under an address; False where there were none."""

    async def local_accounts(self, connection: str, now: datetime) -> tuple[LocalAccount, ...]:
        """Return every account of a connection, by address."""

    async def offer_bootstrap(
        self,
        organization: str,
        roles: AbstractSet[str],
        teams: AbstractSet[str],
        token_hash: bytes,
        *,
        until: datetime,
        anew: bool,
        now: datetime,
    ) -> bool:
        """Keep the hash of a link for the first administrator, if nobody has one of these roles.

        Args:
            organization: Its id.
            roles: Those of an administrator.
            teams: Declared teams that give one of them, by key.
            token_hash: SHA-256 of the link's token.
            until: When it is too old.
            anew: Also in place of one that is still good; else one caller on any node wins.
            now: UTC.
        """

    async def find_bootstrap(self, token_hash: bytes, now: datetime) -> str | None:
        """Return the organization of a link that is still good."""

    async def seal_break_glass(self, organization: str, code_hash: str, now: datetime) -> None:
        """Keep the hash of a new recovery code, in place of any other."""

    async def break_glass(self, organization: str) -> BreakGlass | None:
        """Return the sealed account of an organization, None where none was ever sealed."""

    async def open_break_glass(
        self, organization: str, code_hash: str, role: str, new: NewSession, now: datetime
    ) -> Session | None:
        """Use a recovery code up and open its session, with its record; None where it was used.

        Args:
            organization: Its id.
            code_hash: Of the code that was verified: of two that use it, one wins.
            role: What the session may do.
            new: What to write; its handle, claim and tokens do not count.
            now: UTC.
        """
