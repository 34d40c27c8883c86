"""What both engines say alike of ``records_store.RecordsStore``."""

from federation.store import messages, record_pages
from federation.store.drive import Drive


class RecordsTwin(Drive):
    """The verbs; their promises are told in ``records_store``."""

    async def persons_of(self, who: str, organization: str | None) -> tuple[str, ...]:
        return await self._read(lambda: record_pages.persons_of(who, organization))

    async def reveal_record(self, reference: str) -> bool:
        return await self._decide(lambda: messages.reveal(reference))

    async def find_message(self, reference: str) -> str:
        return await self._read(lambda: messages.find(reference))
