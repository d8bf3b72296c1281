"""Replaced configurations go piece by piece, whole in the end, and the faster the more are left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from portico.gateway.remains import Remains
from portico.gateway.runtime import Runtime


def replaced(routes: int) -> Runtime:
    parts: Any = SimpleNamespace(
        settings=SimpleNamespace(routes=("settings",) * routes),
        table=SimpleNamespace(entries=("entry",) * routes),
        chains=("chain",) * routes,
    )
    return cast(Runtime, parts)


def test_a_small_configuration_goes_at_the_next_sweep() -> None:
    remains = Remains()
    remains.add(replaced(20))
    assert len(remains) == 60
    remains.sweep()
    assert len(remains) == 0
    remains.sweep()


def test_a_large_one_goes_in_pieces_that_hold_nobody_up() -> None:
    remains = Remains()
    remains.add(replaced(10_000))
    sweeps = 0
    while remains:
        before = len(remains)
        remains.sweep()
        assert before - len(remains) <= 100 + before // 50
        sweeps += 1
    assert 30 < sweeps < 300


def test_reloads_without_end_do_not_fill_the_memory() -> None:
    remains = Remains()
    for _ in range(500):
        remains.add(replaced(1_000))
        remains.sweep()
    assert len(remains) < 160_000
