"""Replaced configurations go part by part, whole in the end, and nothing goes with what held it."""

from __future__ import annotations

import weakref
from types import SimpleNamespace
from typing import Any, ClassVar, cast

from portico.gateway.remains import Remains
from portico.gateway.runtime import Runtime
from portico.routing import Entry, RouteTable, parse_path


class Chain:
    """Counts how many of its kind live."""

    alive: ClassVar[weakref.WeakSet[Chain]] = weakref.WeakSet()

    def __init__(self) -> None:
        self.alive.add(self)


def replaced(routes: int) -> Runtime:
    chains = tuple(Chain() for _ in range(routes))
    table = RouteTable.build(
        Entry(parse_path(f"/a/{number}"), chain, number) for number, chain in enumerate(chains)
    )
    settings = SimpleNamespace(routes=("settings",) * routes)
    parts: Any = SimpleNamespace(settings=settings, table=table, chains=chains)
    return cast(Runtime, parts)


def test_a_small_configuration_goes_at_the_next_sweep() -> None:
    remains = Remains()
    remains.add(replaced(20))
    assert (len(remains), len(Chain.alive)) == (1, 20)
    remains.sweep()
    assert (len(remains), len(Chain.alive)) == (0, 0)
    remains.sweep()
    remains.add(replaced(1))
    remains.sweep()
    assert len(remains) == 0


def test_a_large_one_goes_in_pieces_that_hold_nobody_up() -> None:
    remains = Remains()
    remains.add(replaced(5_000))
    while remains:
        before = len(Chain.alive)
        remains.sweep()
        assert before - len(Chain.alive) < 500
    assert not Chain.alive


def test_a_reload_first_lets_go_of_what_earlier_ones_left() -> None:
    remains = Remains()
    for _ in range(3):
        remains.add(replaced(100))
    remains.sweep()
    for _ in remains.steps():
        pass
    assert (len(remains), len(Chain.alive)) == (0, 0)


def test_what_a_request_still_holds_stays() -> None:
    remains = Remains()
    runtime = replaced(2)
    remains.add(runtime)
    remains.sweep()
    assert len(remains) == 0
    assert [entry.value for entry in runtime.table.entries] == list(runtime.chains)
