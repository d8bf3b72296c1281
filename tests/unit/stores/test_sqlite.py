"""The journal: what one process writes, another takes over, and what cannot be used is said and never served."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from portico.rules import Limits
from portico.stores import Ask, MemoryStore, Outcome, StoreAwayError
from portico.stores.memory import LOOK_S
from portico.stores.sqlite import FILE, SqliteJournal


@dataclass
class Clock:
    now: float

    def __call__(self) -> float:
        return self.now


WALL = 1_800_000_000.0


def opened(folder: Path, clock: Clock | None = None, wall: Clock | None = None) -> MemoryStore:
    journal = SqliteJournal(str(folder / FILE))
    return MemoryStore(Limits(10), journal, wall or Clock(WALL), clock or Clock(0.0))


async def outcome(store: MemoryStore, mark: bytes) -> Outcome:
    return (await store.judge(Ask(marks=[mark]))).outcome


async def test_facts_outlive_the_process_and_counts_do_not(tmp_path: Path) -> None:
    first = opened(tmp_path)
    await first.revoke(b"jti:1", WALL + 60)
    await first.keep("apikey", "k", b"1", None)
    await first.keep("session", "gone", b"2", WALL + 60)
    await first.drop("session", "gone")
    assert await first.once(b"nonce", WALL + 60)
    await first.close()
    second = opened(tmp_path)
    assert await outcome(second, b"jti:1") is Outcome.REVOKED
    assert [key async for key, _ in second.list("apikey")] == ["k"]
    assert await second.find("session", "gone") is None
    assert await second.once(b"nonce", WALL + 60)
    await second.close()


async def test_nothing_is_lost_with_a_process_that_is_killed(tmp_path: Path) -> None:
    first = opened(tmp_path)
    await first.keep("refresh", "f", b"1", WALL + 60)
    second = opened(tmp_path)  # while the first still has everything open, as a killed one leaves it
    assert await second.find("refresh", "f") == b"1"
    await first.close()
    await second.close()


async def test_what_another_process_writes_is_taken_over(tmp_path: Path) -> None:
    clock = Clock(0.0)
    gateway, command = opened(tmp_path, clock), opened(tmp_path)
    gateway.sweep()
    await command.revoke(b"user:1", WALL + 60, before=WALL)
    await command.keep("apikey", "k", b"1", None)
    gateway.sweep()
    assert await outcome(gateway, b"user:1") is Outcome.PASSED, "it looks four times a second"
    assert await gateway.find("apikey", "k") == b"1", "but at once for what it does not know"
    await command.keep("apikey", "k", b"2", None)
    assert await gateway.find("apikey", "k") == b"1"
    clock.now += LOOK_S
    gateway.sweep()
    assert await outcome(gateway, b"user:1") is Outcome.REVOKED
    assert await gateway.find("apikey", "k") == b"2"
    await command.drop("apikey", "k")
    clock.now += LOOK_S
    gateway.sweep()
    assert await gateway.find("apikey", "k") is None
    await gateway.close()
    await command.close()


async def test_changes_of_both_are_seen_by_both_in_whatever_order(tmp_path: Path) -> None:
    clocks = [Clock(0.0), Clock(0.0)]
    stores = [opened(tmp_path, clock) for clock in clocks]
    for number in range(20):
        await stores[number % 2].keep("cache", f"{number}", b"%d" % number, None)
    for store, clock in zip(stores, clocks, strict=True):
        clock.now += LOOK_S
        store.sweep()
        assert sorted([int(key) async for key, _ in store.list("cache")]) == list(range(20))
        await store.close()


async def test_a_swap_is_decided_in_the_file(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    await one.keep("refresh", "f", b"0", WALL + 60)
    assert await other.find("refresh", "f") == b"0"
    await one.keep("refresh", "f", b"1", WALL + 60)
    assert await other.find("refresh", "f") == b"0", "it has not looked again"
    assert await other.swap("refresh", "f", b"1", b"2", WALL + 60)
    assert not await one.swap("refresh", "f", b"1", b"3", WALL + 60)
    assert await one.find("refresh", "f") == b"2", "who comes second sees at once who was first"
    assert await one.drop("refresh", "f")
    assert not await other.drop("refresh", "f")
    await one.close()
    await other.close()


async def test_a_revocation_is_never_shortened_by_who_knows_less(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    await one.revoke(b"user:1", WALL + 1000)
    await other.revoke(b"user:1", WALL + 10, before=5.0)
    third = opened(tmp_path, wall=Clock(WALL + 500))
    assert (await third.judge(Ask(marks=[b"user:1"], issued=WALL))).outcome is Outcome.REVOKED
    for store in (one, other, third):
        await store.close()


async def test_what_is_over_leaves_the_file(tmp_path: Path) -> None:
    wall, clock = Clock(WALL), Clock(0.0)
    store = opened(tmp_path, clock, wall)
    await store.revoke(b"jti:1", WALL + 10)
    await store.keep("cache", "a", b"1", WALL + 10)
    await store.keep("cache", "b", b"1", None)
    wall.now, clock.now = WALL + 20, 20.0
    store.sweep()
    await store.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        assert database.execute("SELECT kind, key FROM facts").fetchall() == [("cache", b"b")]


def test_only_the_user_of_the_gateway_can_read_it(tmp_path: Path) -> None:
    (tmp_path / FILE).touch(0o644)
    journal = SqliteJournal(str(tmp_path / FILE))
    journal.kept("cache", "a", b"1", None)
    assert {oct(file.stat().st_mode)[-3:] for file in tmp_path.iterdir()} == {"600"}
    journal.close()


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"no database at all " * 500)
    with pytest.raises(StoreAwayError, match=r"portico\.db cannot be used: file is not a database"):
        SqliteJournal(str(path))
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreAwayError, match="a newer Portico has written it"):
        SqliteJournal(str(path))
    with pytest.raises(StoreAwayError, match="cannot be opened: no such file"):
        SqliteJournal(str(tmp_path / "none" / FILE))


async def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    await store.keep("cache", "a", b"1", None)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for change in (
            store.keep("cache", "a", b"2", None),
            store.swap("cache", "a", b"1", b"2", None),
            store.drop("cache", "a"),
            store.revoke(b"jti:1", WALL + 60),
        ):
            with pytest.raises(StoreAwayError, match="cannot be written: database is locked"):
                await change
        other.execute("ROLLBACK")
    assert await store.find("cache", "a") == b"1"
    assert await outcome(store, b"jti:1") is Outcome.PASSED
    assert await store.swap("cache", "a", b"1", b"3", time.time() + 60)
    await store.close()
