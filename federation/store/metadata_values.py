"""What identity providers publish, as values."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What one identity provider publishes: the document in force, and one that waits for approval.

    A document is known by its digest, which its maker computes: SHA-256, hex, never "".
    """

    connection: str
    source: str  # the URL that it came from
    document: str = field(repr=False)
    digest: str
    etag: str = ""  # of the latest answer, whatever became of it
    last_modified: str = ""  # likewise
    fetched_at: datetime  # when the document in force came
    checked_at: datetime  # when its provider last said what it publishes
    held_document: str = field(default="", repr=False)  # "" where none waits
    held_digest: str = ""
    held_at: datetime | None = None
    held_changes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.connection or not self.document or not self.digest:
            raise ValueError("metadata has a connection, a document and its digest")


ChangeState = Literal["taken", "held", "approved", "rejected", "replaced"]  # replaced: by a later one


@dataclass(frozen=True, kw_only=True)
class MetadataChange:
    """What changed in an identity provider's metadata at one moment, and what became of it."""

    id: str  # UUIDv7
    connection: str
    at: datetime
    changes: tuple[str, ...]
    state: ChangeState
    settled_at: datetime | None = None  # None while it is held
