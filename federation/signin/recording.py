"""Keeping why: each refusal gets its reference, and is recorded under it, sealed for its person.

What a record is made of stands in ``records``.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime

from federation.clock import Clock
from federation.connectors.contract import Callback, Connector
from federation.decision import Settled
from federation.errors import Check, FederationError, StoreUnavailable
from federation.identity import Identity
from federation.records import records
from federation.store.store import Store
from federation.store.values import RECORD_DETAIL, Record, Sealing
from federation.trial import message
from federation.vault import Vault

log = logging.getLogger(__name__)


class Recorder:
    """Records what came of attempts, made once at start."""

    def __init__(
        self, *, connectors: Mapping[str, Connector], store: Store, vault: Vault, clock: Clock
    ) -> None:
        """Take whose attempts, where they are kept, and what seals them."""
        self._connectors, self._store, self._vault, self._clock = connectors, store, vault, clock

    async def record_refusal(
        self, refusal: FederationError, callback: Callback | None = None, *, connection: str = ""
    ) -> str:
        """Mint a reference, set it on the refusal, and keep why under it.

        Of which connection, the callback tells; without one, ``connection``. Where the store is
        what failed, the log alone has the reference; the refusal stays the one that the person
        is told.
        """
        if refusal.reference:
            return refusal.reference
        refusal.reference = records.mint_reference()
        record, sealing = self.of_refusal(
            refusal, refusal.reference, callback, self._clock(), connection=connection
        )
        try:
            await self._store.keep_record(record, claim=None, sealing=sealing)
        except StoreUnavailable as outage:
            log.error(  # noqa: TRY400  the trace may hold what was to be stored
                "not recorded", extra={"ref": refusal.reference, "why": outage.code}
            )
        return refusal.reference

    def of_refusal(
        self,
        refusal: FederationError,
        reference: str,
        callback: Callback | None,
        now: datetime,
        *,
        connection: str = "",
    ) -> tuple[Record, Sealing | None]:
        """Return what is kept of a refusal, and how it is sealed; None where no signature held before it."""
        known = self._connectors.get(callback.connection if callback else connection)
        sealing, sealed = None, ""
        said = refusal.message or (callback.said if callback else b"")
        if refusal.person and refusal.checks:
            who = refusal.identity if isinstance(refusal.identity, Identity) else None
            sealing = self.sealing(refusal.person, reference, refusal.checks, who, said=said)
        elif said:
            sealed = self._vault.seal(said, message.place(reference))
        record = Record(
            reference=reference,
            at=now,
            code=refusal.code,
            detail=refusal.detail[:RECORD_DETAIL],
            connection=known.connection.id if known else "",
            organization=known.connection.organization if known else "",
            size=size_of(callback) if callback else 0,
            digest=digest_of(callback) if callback else "",
            person=refusal.person,
            message=sealed,
        )
        return record, sealing

    def sealing(
        self,
        person: str,
        reference: str,
        checks: tuple[Check, ...],
        who: Identity | None,
        *,
        said: bytes = b"",
    ) -> Sealing:
        """Encrypt a record under the person's own key, so that erasing the key erases it.

        Each key of the ring wraps its own: a ring whose first key was changed, or lost, seals on. What
        the message ``said`` is sealed likewise, where it is kept.
        """
        keyed = self._vault.keyed(f"person:{person}")

        def seal(wrapped: str, settled: Settled | None) -> str:
            every = (*checks, *settled.link.checks, *settled.outcome.checks) if settled else checks
            told = records.encode(every, who, settled)
            return keyed.seal(wrapped, told, f"record:{reference}")

        def seal_message(wrapped: str) -> str:
            return keyed.seal(wrapped, said, message.place(reference))

        return Sealing(
            ring_key=self._vault.first,
            fresh=keyed.fresh,
            seal=seal,
            seal_message=seal_message if said else None,
        )


def size_of(callback: Callback) -> int:
    """Return how many characters came."""
    return sum(len(value) for value in callback.params.values())


def digest_of(callback: Callback) -> str:
    """Return the SHA-256 of what came, in hexadecimal digits."""
    return hashlib.sha256("\n".join(callback.params.values()).encode("utf-8", "surrogatepass")).hexdigest()
