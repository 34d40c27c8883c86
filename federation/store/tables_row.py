"""What every table is made of: the base of rows, the names of keys and indexes, two kinds of column.

``tables.py`` says how each is read.
"""

from collections.abc import Mapping
from typing import ClassVar

from sqlalchemy import MetaData, Text
from sqlalchemy.orm import registry
from sqlalchemy.schema import SchemaItem
from sqlmodel import SQLModel

# Names that a later migration can rely on, on both engines.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


# Compared octet for octet: what begins with the same characters lies together, whatever the database's
# own order is.
OCTETS = Text().with_variant(Text(collation="C"), "postgresql")


# On SQLite the primary key itself holds the row: a sign-in writes one page less for each such table. For
# small rows alone: large ones, keyed by a hash, would lie each on a page of its own (``pending_sign_in``).
WITHIN_KEY: Mapping[str, object] = {"sqlite_with_rowid": False}


class Row(SQLModel, registry=registry(metadata=MetaData(naming_convention=_NAMES))):
    """Base of our rows: its own metadata, so that an embedding application's tables stay apart."""

    __table_args__: ClassVar[tuple[SchemaItem | Mapping[str, object], ...]] = ()
