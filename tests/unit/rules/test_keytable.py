"""Very many keys: none lost, none twice, no dict that grows large, a bound that holds."""

import gc
import random

from portico.rules.keytable import SHARD_KEYS, KeyTable, Room


def value(table: KeyTable, key: bytes) -> float | None:
    return table.shards[hash(key) & table.mask].get(key)


def filled(count: int, most: int = 1_000_000) -> tuple[KeyTable, Room]:
    room = Room(most)
    table = KeyTable(room)
    for number in range(count):
        table.add(b"key %d" % number, float(number))
    return table, room


def expire(table: KeyTable, until: float) -> int:
    return sum(table.expire(entry, until, lambda: False)[0] for entry in range(len(table.shards)))


def test_every_key_is_found_after_many_splits() -> None:
    table, room = filled(10 * SHARD_KEYS)
    assert all(value(table, b"key %d" % number) == number for number in range(10 * SHARD_KEYS))
    assert value(table, b"key -1") is None
    assert len(table) == room.used == 10 * SHARD_KEYS
    assert max(map(len, table.shards)) <= SHARD_KEYS
    assert not any(map(gc.is_tracked, table.shards))


def test_what_expires_is_gone_and_what_does_not_is_not() -> None:
    table, room = filled(5 * SHARD_KEYS)
    assert expire(table, 99.0) == 5 * SHARD_KEYS  # each is looked at once
    assert len(table) == room.used == 5 * SHARD_KEYS - 100
    assert value(table, b"key 99") is None
    assert value(table, b"key 100") == 100.0
    expire(table, 4.5 * SHARD_KEYS)  # most of them: dicts that have grown begin anew
    assert len(table) == room.used == SHARD_KEYS / 2 - 1
    table.shrink()
    assert len(table.shards) > 1
    expire(table, 5.0 * SHARD_KEYS)
    table.shrink()
    assert (len(table), len(table.shards), table.mask, room.used) == (0, 1, 0, 0)
    table.add(b"a", 1.0)
    assert value(table, b"a") == 1.0


def test_what_has_to_wait_goes_the_next_time() -> None:
    table, room = filled(SHARD_KEYS)
    rounds = 0
    whole = False
    while not whole:
        before = room.used
        looked_at, whole = table.expire(0, SHARD_KEYS - 100.0, lambda: True)
        assert looked_at == before
        assert before - room.used <= 1
        rounds += 1
    assert (len(table), room.used) == (99, 99)
    assert rounds > SHARD_KEYS // 2
    assert value(table, b"key %d" % (SHARD_KEYS - 1)) == SHARD_KEYS - 1.0


def test_when_it_is_full_newcomers_make_room_and_the_known_stay() -> None:
    table, room = filled(100, most=100)
    for number in range(1000):
        table.add(b"flood %d" % number, 1.0)
    assert (room.used, room.forgotten) == (100, 1000)
    kept = sum(value(table, b"key %d" % number) is not None for number in range(100))
    assert kept == 99
    assert value(table, b"flood 999") == 1.0


def test_the_bound_is_for_all_tables_together() -> None:
    room = Room(3)
    tables = [KeyTable(room) for _ in range(3)]
    rolls = random.Random(1)
    for number in range(200):
        rolls.choice(tables).add(b"%d" % number, 1.0)
    assert room.used == sum(map(len, tables)) <= 3 + len(tables)
    assert repr(room) == f"<Room {room.used} of 3 keys, {room.forgotten} forgotten>"
    assert "KeyTable" in repr(tables[0])
