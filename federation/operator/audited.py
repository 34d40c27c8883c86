"""Changes at the command line stand in the audit log like everybody's, in the transaction of the change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from federation.store.audit import AuditEntry
from federation.store.store import Store

_KINDS: Final[Mapping[str, str]] = {
    "person": "user",
    "metadata": "connection",
    "enforcement": "organization",
}  # the rest are called as their verbs


def audited(  # noqa: PLR0913  a line of the log
    store: Store,
    action: str,
    name: str,
    *,
    organization: str,
    now: datetime,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    about: str = "",
    personal: Mapping[str, object] | None = None,
    reference: str = "",
    actor_kind: str = "operator",
) -> Store:
    """Return the store whose next change is told as the operator's.

    Args:
        store: Where.
        action: Kind of what is changed, and verb: ``team.create``.
        name: Its id.
        organization: Whose; "" the whole installation's.
        now: UTC.
        before: What it was; no secret, no personal value.
        after: What it becomes; likewise.
        about: Id of the user whom ``personal`` is about.
        personal: Names and addresses of that user alone.
        reference: Of a decision record.
        actor_kind: ``system`` where nobody typed it.
    """
    return store.audited(
        AuditEntry(
            organization=organization,
            at=now,
            actor_kind=actor_kind,
            actor="",
            action=action,
            kind=_KINDS.get(kind := action.partition(".")[0], kind),
            name=name,
            before=before or {},
            after=after or {},
            about=about,
            personal=personal or {},
            reference=reference,
        )
    )
