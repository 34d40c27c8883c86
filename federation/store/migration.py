"""Bring a database to head, one process at a time; the others find it done.

A database that is at head is recognized by one read, without importing Alembic. SQLite is
migrated by Alembic over the store's own connection; for PostgreSQL Alembic writes the SQL and
asyncpg, the one driver that we ship, runs it. Both in one transaction under a lock.
"""

import asyncio
import io
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from federation.errors import ConfigurationError

if TYPE_CHECKING:  # half a second of CPU that a database at head never costs
    from alembic.config import Config

HEAD = "0006"
_LOCK = 0x6665_6465_7261_7465  # ours among the advisory locks of a PostgreSQL database
_PATIENCE = 600.0  # seconds: for another node's migration, then for ours
_SCRIPTS = Path(__file__).parent / "migrations"


def fault(version: str | None) -> str | None:
    """Say what is wrong with a database at this version, or None."""
    return None if version == HEAD else f"the database is not at migration {HEAD}"


def upgrade_sqlite(db: sqlite3.Connection) -> None:
    """Migrate over an autocommit connection.

    Raises:
        ConfigurationError: ``store.migration``.
    """
    if _sqlite_version(db) == HEAD:
        return
    import sqlalchemy  # noqa: PLC0415  not needed by a database at head
    from alembic import command  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    engine = sqlalchemy.create_engine("sqlite://", creator=lambda: db, poolclass=sqlalchemy.StaticPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            command.upgrade(_config(connection=connection), "head")
            connection.commit()
    except (CommandError, sqlalchemy.exc.SQLAlchemyError) as error:
        raise _failed(error) from error


def _sqlite_version(db: sqlite3.Connection) -> str | None:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        return None
    row = db.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


async def upgrade_postgres(db: Any) -> None:
    """Migrate over an asyncpg connection.

    Raises:
        ConfigurationError: ``store.migration``.
    """
    if await _postgres_version(db) == HEAD:
        return
    import asyncpg  # noqa: PLC0415  the caller has it already
    from alembic.util import CommandError  # noqa: PLC0415

    try:
        async with db.transaction(isolation="read_committed"):  # each statement sees what others committed
            await db.execute(f"SELECT pg_advisory_xact_lock({_LOCK})", timeout=_PATIENCE)
            version = await _postgres_version(db)
            if version != HEAD:
                script = await asyncio.to_thread(_script, "postgresql", version)
                await db.execute(script, timeout=_PATIENCE)
    except (CommandError, asyncpg.PostgresError, TimeoutError) as error:
        raise _failed(error) from error


async def _postgres_version(db: Any) -> str | None:
    # not to_regclass: it would answer from a cache that is not renewed while we wait for the lock
    if not await db.fetchval(
        "SELECT count(*) FROM pg_class WHERE relname = 'alembic_version' AND pg_table_is_visible(oid)"
    ):
        return None
    version: str | None = await db.fetchval("SELECT version_num FROM alembic_version")
    return version


def _script(dialect: str, version: str | None) -> str:
    """Return the SQL that leads from ``version`` to head."""
    from alembic import command  # noqa: PLC0415

    written = io.StringIO()
    config = _config(dialect=dialect)
    config.output_buffer = written
    command.upgrade(config, f"{version or 'base'}:head", sql=True)
    return written.getvalue()


def _config(**attributes: Any) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes=attributes)
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _failed(error: Exception) -> ConfigurationError:
    # the class alone: a driver's message may quote rows
    return ConfigurationError(
        "store.migration",
        f"the database could not be brought to migration {HEAD} ({type(error).__name__}); "
        "was it written by a newer release, or may this user not create tables?",
    )
