"""Facts on disk: revocations and records in one SQLite file, so that they outlive the process that was told them.

Written through, in WAL mode, before a verb returns. What is committed survives the death of the process at once, and
a power cut once the log has been synced, which a thread does every second: `synchronous=NORMAL` may lose the last
second then, and never harms the file. Several processes may write: the command line, a worker beside the one that
takes its place. Each row bears the number of its change, so that the others take over what is new to them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from math import inf
from typing import Any, cast

from .interface import Kind, StoreAwayError
from .memory import Facts

FILE = "portico.db"
VERSION = 1  # of the schema below, as `PRAGMA user_version`

_PATIENCE_S = 0.25  # for a writer of another process; the loop waits meanwhile
_GONE_S = 3600.0  # that the others have to learn that a record was removed
_ROWS = 2000  # taken over, or forgotten, in one go
_REVOKED = "revoked"

_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS facts (
    kind TEXT NOT NULL,    -- revoked, session, refresh, apikey, cache
    key BLOB NOT NULL,
    value BLOB,            -- NULL: a revocation, or a record that was removed
    before REAL,           -- of a revocation: what was issued up to then
    until REAL,            -- wall seconds; NULL: for ever
    turn INTEGER NOT NULL, -- the number of the change
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS facts_turn ON facts (turn);
CREATE INDEX IF NOT EXISTS facts_until ON facts (until) WHERE until IS NOT NULL;
CREATE TABLE IF NOT EXISTS turns (only INTEGER PRIMARY KEY CHECK (only = 1), turn INTEGER NOT NULL);
INSERT OR IGNORE INTO turns VALUES (1, 0);
PRAGMA user_version = 1;
COMMIT;
"""

_KEEP = """
INSERT INTO facts (kind, key, value, until, turn) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, until = excluded.until, turn = excluded.turn
"""
_REVOKE = """
INSERT INTO facts (kind, key, before, until, turn) VALUES ('revoked', :mark, :before, :until, :turn)
ON CONFLICT (kind, key) DO UPDATE SET
    before = CASE WHEN until > :wall THEN max(before, excluded.before) ELSE excluded.before END,
    until = max(until, excluded.until), turn = excluded.turn
"""


class SqliteJournal:
    """The file `path`. Every method may raise StoreAwayError: the file cannot be read or written."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._turn = 0  # of the last change that was taken over
        self._seen = -1  # of `PRAGMA data_version`
        self._dirty = False
        self._syncing: Future[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._database = _opened(path)

    # -- what was changed here

    def revoked(self, mark: bytes, until: float, before: float, wall: float) -> None:
        with self._change() as (do, turn):
            do(_REVOKE, {"mark": mark, "before": before, "until": until, "turn": turn, "wall": wall})

    def kept(self, kind: Kind, key: str, value: bytes, until: float | None) -> None:
        with self._change() as (do, turn):
            do(_KEEP, (kind, _written(key), value, until, turn))

    def swapped(
        self, kind: Kind, key: str, old: bytes | None, new: bytes, until: float | None, wall: float
    ) -> bool:
        with self._change() as (do, turn):
            if self._value(kind, key, wall) != old:
                return False
            do(_KEEP, (kind, _written(key), new, until, turn))
        return True

    def dropped(self, kind: Kind, key: str, wall: float) -> bool:
        with self._change() as (do, turn):
            if self._value(kind, key, wall) is None:
                return False
            do(_KEEP, (kind, _written(key), None, wall + _GONE_S, turn))
        return True

    def _value(self, kind: Kind, key: str, wall: float) -> bytes | None:
        row = self._database.execute(
            "SELECT value FROM facts WHERE kind = ? AND key = ? AND (until IS NULL OR until > ?)",
            (kind, _written(key), wall),
        ).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _change(self) -> Iterator[tuple[Any, int]]:
        """One transaction, which is alone: no other process changes anything between its reads and writes."""
        database = self._database
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                (turn,) = database.execute("UPDATE turns SET turn = turn + 1 RETURNING turn").fetchone()
                yield database.execute, turn
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
        except sqlite3.Error as error:
            if database.in_transaction:
                database.rollback()
            raise StoreAwayError(f"{self.path} cannot be written: {error}") from error
        if turn == self._turn + 1:
            self._turn = turn
        self._dirty = True

    # -- what was changed anywhere

    def look(self, facts: Facts, wall: float) -> None:
        """Hand over what other processes have changed since the last look; all there is at the first."""
        try:
            (seen,) = self._database.execute("PRAGMA data_version").fetchone()
            if seen != self._seen:
                while self._take_over(facts, wall) and self._seen < 0:
                    pass  # the first look is for all
                if not self._more():
                    self._seen = seen
        except sqlite3.Error as error:
            raise StoreAwayError(f"{self.path} cannot be read: {error}") from error

    def _take_over(self, facts: Facts, wall: float) -> int:
        rows = self._database.execute(
            "SELECT kind, key, value, before, until, turn FROM facts WHERE turn > ? ORDER BY turn LIMIT ?",
            (self._turn, _ROWS),
        ).fetchall()
        for kind, key, value, before, until, turn in rows:
            self._turn = turn
            if kind == _REVOKED:
                facts.load_revoked(key, inf if until is None else until, before)
            else:
                gone = until is not None and until <= wall
                name = key.decode("utf-8", "surrogatepass")
                facts.load_record(cast(Kind, kind), name, None if gone else value, until)
        return len(rows)

    def _more(self) -> bool:
        return bool(
            self._database.execute("SELECT 1 FROM facts WHERE turn > ? LIMIT 1", (self._turn,)).fetchone()
        )

    def tidy(self, wall: float) -> None:
        """Forget what is over, as much as fits into a slice, and sync what was written. For about every second."""
        try:
            over = "SELECT kind, key FROM facts WHERE until <= ? LIMIT ?"
            if self._database.execute(over, (wall, 1)).fetchone():
                self._database.execute(
                    f"DELETE FROM facts WHERE (kind, key) IN ({over})",  # noqa: S608  # no value in it
                    (wall, _ROWS),
                )
                self._dirty = True
        except sqlite3.Error as error:
            raise StoreAwayError(f"{self.path} cannot be written: {error}") from error
        if self._dirty and (self._syncing is None or self._syncing.done()):
            self._dirty = False
            self._thread = self._thread or ThreadPoolExecutor(1, "portico-sync")
            self._syncing = self._thread.submit(_sync, self.path)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown()
        self._database.close()

    def __repr__(self) -> str:
        return f"<SqliteJournal {self.path} turn {self._turn}>"


def _opened(path: str) -> sqlite3.Connection:
    try:
        # SQLite gives its log files the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.chmod(path, 0o600)
        database = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
    except OSError as error:
        raise StoreAwayError(f"{path} cannot be opened: {(error.strerror or str(error)).lower()}") from error
    except sqlite3.Error as error:
        raise StoreAwayError(f"{path} cannot be opened: {error}") from error
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(
            "PRAGMA wal_autocheckpoint = 0"
        )  # a checkpoint syncs: that is the thread's to wait for
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreAwayError(f"{path} cannot be used: a newer Portico has written it")
        if version < VERSION:
            database.executescript(_SCHEMA)
    except sqlite3.Error as error:
        database.close()
        raise StoreAwayError(f"{path} cannot be used: {error}") from error
    except StoreAwayError:
        database.close()
        raise
    return database


def _sync(path: str) -> None:
    """Bring what is in the log to the disk, then into the file itself. Writers go on meanwhile."""
    with closing(sqlite3.connect(path, timeout=_PATIENCE_S)) as database:
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _written(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")
