"""What Alembic runs: over a given connection, or writing SQL for a named dialect.

Called by ``federation.store.migration`` alone, which holds the lock and the transaction.
A new revision: change ``tables_*.py``, write ``versions/NNNN_….py``, set ``migration.HEAD``;
``tests/test_store.py`` holds the three together on both engines.
"""

from alembic import context

from federation.store import tables

attributes = context.config.attributes
if "connection" in attributes:
    context.configure(
        connection=attributes["connection"],
        target_metadata=tables.Row.metadata,
        render_as_batch=True,  # SQLite changes a table by copying it
        transactional_ddl=False,  # the caller's transaction spans all revisions
    )
else:
    context.configure(dialect_name=attributes["dialect"], target_metadata=tables.Row.metadata)
context.run_migrations()
