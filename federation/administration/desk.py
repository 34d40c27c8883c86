"""What a deed of administration is done with, and by whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from federation.administration.actor import Actor, Scope
from federation.fetch import Fetch
from federation.roster.roster import Roster
from federation.settings import Settings
from federation.store.audit import AuditEntry
from federation.store.store import Store
from federation.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Made anew for every request or command; ``now`` is its moment."""

    actor: Actor
    now: datetime  # UTC
    store: Store
    vault: Vault
    roster: Roster  # what is in force, of the file and of the store
    settings: Settings  # of this process; never shown but through ``settings_shown``
    fetch: Fetch

    def demand(self, scope: Scope, *, organization: str | None, connection: str | None = None) -> None:
        """As ``Actor.demand``."""
        self.actor.demand(scope, organization=organization, connection=connection)

    def narrow(self, scope: Scope, organization: str | None) -> str | None:
        """Return whose list is shown: that which is asked for, else all that is theirs to see.

        Raises:
            NotAllowed: ``admin.scope``.
            NotFound: ``admin.not_yours``.
        """
        whose = self.actor.organization if organization is None else organization
        self.demand(scope, organization=whose)
        return whose

    def audited(  # noqa: PLR0913  a line of the log
        self,
        action: str,
        kind: str,
        name: str,
        *,
        organization: str,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
        about: str = "",
        personal: Mapping[str, object] | None = None,
        reference: str = "",
    ) -> Store:
        """Return the store whose next change is told in the audit log, in the same transaction.

        Args:
            action: Kind and verb: ``connection.update``.
            kind: Of what is changed.
            name: Its id.
            organization: Whose; "" the whole installation's.
            before: What it was; no secret, no personal value.
            after: What it becomes; likewise.
            about: Id of the user whom ``personal`` is about; goes when they are erased.
            personal: Names and addresses of that user alone.
            reference: Of a decision record.
        """
        return self.store.audited(
            AuditEntry(
                organization=organization,
                at=self.now,
                actor_kind=self.actor.kind,
                actor=self.actor.id,
                action=action,
                kind=kind,
                name=name,
                before=before or {},
                after=after or {},
                about=about,
                personal=personal or {},
                address=self.actor.address,
                reference=reference,
            )
        )
