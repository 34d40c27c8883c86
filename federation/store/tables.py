"""Rows: every table, its keys and its indexes, in a file for each subject. Values, not rows, leave the room.

Times are whole microseconds since 1970, UTC, as BIGINT: one meaning on every engine. What a
browser or a provider chose is looked up by its SHA-256, so that no length or character of it
matters to an index. Read by migrations, administration and tests; what runs in a request is
written out in ``sql`` and ``*_sql`` and held to these by the tests.
"""

from federation.store import (
    tables_connections,
    tables_local,
    tables_people,
    tables_provisioning,
    tables_running,
    tables_sign_in,
)
from federation.store.tables_row import Row

__all__ = ["FILES", "Row"]

FILES = (tables_connections, tables_local, tables_people, tables_provisioning, tables_running, tables_sign_in)
"""The files: ``Row.metadata`` knows every table once this is imported."""
