"""Opens a service's database: SQLite in a file by default, PostgreSQL by URL.

Several processes may start on a new database at once: the tables are made under a lock. Writing
transactions take SQLite's write lock at their beginning, because a transaction that has read may not
become a writing one later (SQLITE_BUSY_SNAPSHOT is not cured by waiting).
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    MetaData,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import Insert as UpsertOnPostgresql
from sqlalchemy.dialects.postgresql import insert as insert_on_postgresql
from sqlalchemy.dialects.sqlite import Insert as UpsertOnSqlite
from sqlalchemy.dialects.sqlite import insert as insert_on_sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator

from samples.platform.errors import UnavailableError
from samples.platform.settings import SettingsError

log = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 10_000
POOL_TIMEOUT_S = 10
SQLITE_READERS = 4
POSTGRESQL_CONNECTIONS = 10
_SCHEMA_LOCK = 0x70736173
"""The advisory lock under which PostgreSQL's tables are made; any fixed number serves."""

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite has no time zones, so they are put back when a value is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value


class Database:
    """An open database: connections to read with, transactions to write in."""

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine) -> None:
        self._reader = reader
        self._writer = writer

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for statements that change nothing, each seeing what is committed."""
        with _told_when_away():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end, rolled back by an exception."""
        with _told_when_away():
            async with self._writer.begin() as connection:
                yield connection

    async def answers(self) -> bool:
        """Whether the database can be asked something now."""
        try:
            async with self.reading() as connection:
                await connection.execute(select(1))
        except UnavailableError:
            return False
        return True

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()


def upsert_into(connection: AsyncConnection, table: Table) -> UpsertOnSqlite | UpsertOnPostgresql:
    """An `INSERT` that can say `ON CONFLICT`, in the words of the connection's database."""
    if connection.dialect.name == "sqlite":
        return insert_on_sqlite(table)
    return insert_on_postgresql(table)


@contextmanager
def _told_when_away() -> Iterator[None]:
    """Turns the many ways in which a database can be away into one 503, and logs what it was."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError) as problem:
        if isinstance(problem, DBAPIError) and not (
            problem.connection_invalidated or isinstance(problem, (OperationalError, InterfaceError))
        ):
            raise
        log.error("the database does not answer: %s", _first_line(problem))
        raise UnavailableError("The database is not available") from problem


async def open_database(written_url: str, tables: MetaData) -> Database:
    """The database at `written_url` with `tables` in it; `SettingsError` when it cannot be opened."""
    url = _with_driver(written_url)
    try:
        if url.get_backend_name() == "sqlite":
            await asyncio.to_thread(_prepare_sqlite, url, tables)
            return _open_sqlite(url)
        engine = create_async_engine(
            url,
            pool_size=POSTGRESQL_CONNECTIONS,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            pool_pre_ping=True,
        )
        async with engine.begin() as connection:
            # Released with the transaction; `CREATE TABLE IF NOT EXISTS` alone is not safe in a race.
            await connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
            await connection.run_sync(tables.create_all)
        return Database(engine.execution_options(isolation_level="AUTOCOMMIT"), engine)
    except (SQLAlchemyError, sqlite3.Error, OSError) as problem:
        shown = url.render_as_string(hide_password=True)
        raise SettingsError(f"cannot open the database {shown}: {_first_line(problem)}") from problem


def _first_line(problem: Exception) -> str:
    cause = getattr(problem, "orig", None) or problem
    return str(cause).split("\n", 1)[0] or type(cause).__name__


def _with_driver(written_url: str) -> URL:
    try:
        url = make_url(written_url)
    except ArgumentError:
        raise SettingsError("the database URL has no form of sqlite:///path or postgresql://…") from None
    name = url.drivername.split("+", 1)[0]
    if name not in _DRIVERS:
        raise SettingsError(f"the database URL says {name!r}; this service speaks sqlite and postgresql")
    if name == "sqlite" and not url.database:
        # In memory each worker and each connection would see a database of its own.
        raise SettingsError("the database URL names no file; give sqlite:///path/to/file.db")
    return url.set(drivername=_DRIVERS[name])


def _prepare_sqlite(url: URL, tables: MetaData) -> None:
    """Makes folder, file and tables. The folder is locked meanwhile: switching a new file to
    write-ahead logging fails at once when another process has it open, whatever the busy timeout."""
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    engine = create_engine(url.set(drivername="sqlite"))
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with engine.begin() as connection:
            connection.execute(text("PRAGMA journal_mode = WAL"))
            tables.create_all(connection)
    finally:
        engine.dispose()
        os.close(folder)


def _open_sqlite(url: URL) -> Database:
    """Some connections that read, and one that writes, which is SQLite's own rule: who waits for it here
    waits in line and at no cost, while SQLite's waiting, left to writers in other processes, is a poll."""
    reader = create_async_engine(
        url,
        pool_size=SQLITE_READERS,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        skip_autocommit_rollback=True,
    )
    writer = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=POOL_TIMEOUT_S)
    event.listen(reader.sync_engine, "connect", _set_up_sqlite)
    event.listen(writer.sync_engine, "connect", _set_up_sqlite)
    event.listen(writer.sync_engine, "begin", _begin_immediately)
    return Database(reader, writer)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, and late; `_begin_immediately` does it instead.
    connection.isolation_level = None
    # SQLite's own lower() knows only ASCII, and a search for "ÄRGER" must find "Ärger".
    connection.create_function("lower", 1, _lower, deterministic=True)
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _lower(value: str | None) -> str | None:
    return None if value is None else value.lower()


def _begin_immediately(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
