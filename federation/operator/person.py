"""What `federation person release` does: undo a refusal of a Subject that came with another stable id.

Only an operator can tell whether it is the same human under a renewed id, or another one under
an address that was given again. The reference of the refused sign-in says whose account is meant.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from federation.errors import ConfigurationError
from federation.operator import endings
from federation.operator.audited import audited
from federation.settings import Settings
from federation.store.people_values import Released
from federation.store.store import Store, open_store
from federation.store.values import Record

RECYCLED: Final = "identity.subject_recycled"
Human = Literal["same", "new"]


@dataclass(frozen=True, kw_only=True)
class Release:
    """What was released, and on whose refusal."""

    record: Record
    human: Human
    account: Released
    revoked: int  # tokens

    @property
    def said(self) -> str:
        whose = (
            f"{self.account.email or 'the account without an e-mail address'} (user {self.account.user_id})"
        )
        place = f"{self.record.organization}: {whose}"
        if self.human == "same":
            return f"{place} keeps the account; the stable id that the next sign-in brings is kept with it"
        return (
            f"{place} is parted from this sign-in; sessions ended: {self.account.sessions}, "
            f"tokens revoked: {self.revoked}\n"
            "the next sign-in makes a new user; roles and history stay with the old one"
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "reference": self.record.reference,
            "organization": self.record.organization,
            "connection": self.record.connection,
            "human": self.human,
            "user": self.account.user_id,
            "email": self.account.email,
            "sessions_ended": self.account.sessions,
            "tokens_revoked": self.revoked,
        }


async def release(config: Settings, reference: str, human: Human, *, now: datetime) -> Release:
    """Let the account go that a refused sign-in met, so that the next one is admitted.

    Args:
        config: The settings.
        reference: Of the refused sign-in, as its page showed it.
        human: ``same``: their stable id was renewed, and what is kept of it is forgotten. ``new``:
            somebody else has the address now, and gets a user of their own.
        now: UTC, aware.

    Raises:
        ConfigurationError: ``explain.unknown``, ``person.reference``, ``person.released``; ``store.*``.
    """
    store = await open_store(config.database_url.get_secret_value())
    try:
        record = await _refused(store, reference)
        told = audited(
            store,
            "person.release",
            "",
            organization=record.organization,
            now=now,
            after={"human": human},
            reference=reference,
        )
        verb = told.forget_stable_ids if human == "same" else told.detach_account
        account = await verb(record.organization, record.person, refused_at=record.at, now=now)
    finally:
        await store.close()
    if account is None:
        raise ConfigurationError(
            "person.released",
            f"nothing was released: since {reference} the account was released or made anew; "
            "if a sign-in is still refused, take its reference",
        )
    revoked = await endings.revoke(config, account.tokens) if account.tokens else 0
    return Release(record=record, human=human, account=account, revoked=revoked)


async def _refused(store: Store, reference: str) -> Record:
    record = await store.find_record(reference)
    if record is None:
        raise ConfigurationError(
            "explain.unknown", f"nothing is recorded under {reference}; it was mistyped, or has expired"
        )
    if record.code != RECYCLED or not record.person or not record.organization:
        raise ConfigurationError(
            "person.reference", f"{reference} is not a sign-in that was refused as {RECYCLED}"
        )
    return record
