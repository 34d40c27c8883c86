"""The promises about decision records that the administration asks for besides: part of ``store.Store``."""

from typing import Protocol


class RecordsStore(Protocol):
    """Whose records they are, and what a message said."""

    async def persons_of(self, who: str, organization: str | None) -> tuple[str, ...]:
        """Return ``Subject.person`` of up to a hundred whom an e-mail address or a user's id names.

        Args:
            who: With an ``@`` an address, of which an organization is needed.
            organization: None: any, by a user's id.
        """

    async def reveal_record(self, reference: str) -> bool:
        """Note that what a record says of somebody is shown: of an ``audited`` store, that is told.

        False where there is no such record any more.
        """

    async def find_message(self, reference: str) -> str:
        """Return the sealed envelope of what a record's message said; "" where none is kept any more."""
