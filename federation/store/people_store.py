"""The promises about who somebody is here: invited, joined, parted from their Subject, told, erased."""

from datetime import datetime
from typing import Protocol

from federation.identity import Identity, Session
from federation.store.endings import Administrators
from federation.store.people_values import (
    Awaited,
    Erased,
    Invitation,
    Join,
    PersonData,
    PersonFound,
    Released,
)
from federation.store.values import Record


class PeopleStore(Protocol):
    """Whose users these are."""

    async def forget_stable_ids(
        self, organization: str, person: str, *, refused_at: datetime, now: datetime
    ) -> Released | None:
        """Forget every stable id of a Subject's account: those that come next are kept.

        Args:
            organization: In which the account is.
            person: ``Subject.person``.
            refused_at: When the sign-in was refused that is the reason.
            now: UTC.

        Returns:
            None where there is no account of this Subject, or only one that has come into
            being or was released since: the refusal says nothing about it.
        """

    async def detach_account(
        self, organization: str, person: str, *, refused_at: datetime, now: datetime
    ) -> Released | None:
        """Part a Subject from its account and end the sessions: its next sign-in makes a new user.

        User, grants and profile stay, reachable by no sign-in. Arguments and None as
        ``forget_stable_ids``.
        """

    async def invite(self, token_hash: bytes, invitation: Invitation) -> bool:
        """Keep an invitation in place of any open one to the same address; False where it is a member's.

        Args:
            token_hash: SHA-256 of the token in its link.
            invitation: Unused.
        """

    async def invitations(self, organization: str, now: datetime) -> tuple[Invitation, ...]:
        """Return the invitations of an organization that have not expired, used or not, newest first."""

    async def find_invitation(self, token_hash: bytes, now: datetime) -> Invitation:
        """Return the open invitation of this link.

        Raises:
            SignInExpired: ``signin.invitation_unknown`` (or expired, or revoked), ``signin.invitation_used``.
        """

    async def revoke_invitation(self, organization: str, identifier: str, now: datetime) -> bool:
        """Take an open invitation back; False if there is none of this id."""

    async def add_person(
        self, organization: str, email: str, *, connection: str, roles: tuple[str, ...], now: datetime
    ) -> Awaited | None:
        """Make a user for an address, or whoever has it a member again; the source is ``manual``.

        Args:
            organization: In which.
            email: One plain address.
            connection: Through which they will come, whatever its word for an address is worth; ""
                leaves that open.
            roles: To grant.
            now: UTC.

        Returns:
            None, and nothing is done: several users have the address, or a member has it who is
            given roles or for whom no connection is named.
        """

    async def ask_join(
        self, token_hash: bytes, who: Identity, now: datetime, until: datetime, *, user_id: str = ""
    ) -> None:
        """Keep that a Subject was refused for its address, in place of what the same one asked before.

        ``user_id`` names who, signed in already, asked for this way in: it waits for them alone then, with
        whatever address. "" waits for whoever has the address and signs in after this.
        """

    async def find_join(self, token_hash: bytes, now: datetime) -> Join:
        """Return what the browser with this cookie waits for.

        Raises:
            SignInExpired: ``signin.join_unknown``, ``signin.join_used``, ``signin.join_expired``.
        """

    async def join_account(
        self, token_hash: bytes, session: Session, now: datetime, *, record: Record
    ) -> None:
        """Make the waiting Subject an account of this session's user, and keep the record: one transaction.

        Args:
            token_hash: Of the browser's cookie.
            session: Live; of the same browser.
            now: UTC.
            record: Of the joining.

        Raises:
            SignInExpired: As ``find_join``; ``signin.join_organization``: the session is of another one;
                ``signin.join_earlier``: it was opened before the Subject came; ``signin.join_another``:
                its user does not have the address. Nothing is used up then.
        """

    async def drop_join(self, token_hash: bytes) -> None:
        """Forget what waits there."""

    async def find_persons(self, who: str, organization: str) -> tuple[PersonFound, ...]:
        """Return the users whom an e-mail address, a user id or ``Subject.person`` means, come or awaited."""

    async def export_person(self, user_id: str, organization: str) -> PersonData:
        """Return all that is kept of a user in an organization; no token, nor a hash of one."""

    async def erase_person(
        self, user_id: str, organization: str, *, administrators: Administrators, force: bool
    ) -> Erased:
        """Delete all that is kept of a user in an organization; sessions end on every node within a second.

        Of their records stays that and how an attempt ended; of whom goes, with their key. What
        other organizations keep stays.

        Args:
            user_id: Whom.
            organization: Where.
            administrators: By organization, what makes an administrator, of whom one must be left.
            force: Also the last one.
        """
