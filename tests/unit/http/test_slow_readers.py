"""Who is put out when what waits for slow readers exceeds its share of the budget."""

import asyncio
from typing import cast

from portico.exchange.memory import MemoryBudget
from portico.http.unsent import SlowReaders


class Reader:
    """As much of a transport as is needed to put its client out."""

    def __init__(self) -> None:
        self.aborted = False

    def get_extra_info(self, name: str) -> None:
        return None

    def abort(self) -> None:
        self.aborted = True


def readers(count: int) -> tuple[list[Reader], list[asyncio.Transport]]:
    made = [Reader() for _ in range(count)]
    return made, [cast(asyncio.Transport, reader) for reader in made]


def test_who_waits_longest_is_put_out_for_the_newest_beyond_half_of_the_budget() -> None:
    memory = MemoryBudget(100)
    slow = SlowReaders(memory)
    made, transports = readers(6)
    for transport in transports[:5]:
        slow.add(transport, 10)
    assert memory.used == 50
    slow.remove(transports[0])
    slow.add(transports[0], 10)  # it has taken all, and is the newest now
    slow.add(transports[5], 10)
    assert [reader.aborted for reader in made] == [False, True, False, False, False, False]
    assert memory.used == slow.bytes == 50
    assert memory.refusals == 1


def test_bodies_that_fill_the_budget_leave_less_to_slow_readers() -> None:
    memory = MemoryBudget(100)
    slow = SlowReaders(memory)
    made, transports = readers(3)
    assert memory.take(80)
    for transport in transports:
        slow.add(transport, 10)
    assert [reader.aborted for reader in made] == [True, False, False]
    assert memory.used == 100


def test_one_alone_is_kept_however_small_the_budget() -> None:
    memory = MemoryBudget(10)
    slow = SlowReaders(memory)
    made, transports = readers(1)
    slow.add(transports[0], 1000)
    assert not made[0].aborted
    assert memory.used == 0
    slow.remove(transports[0])
    assert memory.used == slow.bytes == 0


def test_what_is_given_back_twice_counts_once() -> None:
    memory = MemoryBudget(100)
    slow = SlowReaders(memory)
    _, transports = readers(1)
    slow.add(transports[0], 10)
    slow.remove(transports[0])
    slow.remove(transports[0])
    assert memory.used == slow.bytes == 0
