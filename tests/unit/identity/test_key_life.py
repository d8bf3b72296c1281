"""When keys are fetched again: scripted time, no clock."""

from __future__ import annotations

from math import inf

import pytest

from portico.identity.key_life import KeyLife, KeyRules, stated_life

RULES = KeyRules(life_s=600, stale_s=3600, refetch_s=30)


def test_first_fetch_is_due_at_once_and_the_next_at_80_percent() -> None:
    life = KeyLife(RULES)
    assert life.due == -inf
    life.fetched(1000.0, None)
    assert life.due == 1480.0
    assert life.ends == 4600.0
    assert not life.is_failing()


@pytest.mark.parametrize(
    ("stated", "due"), [(0.0, 48.0), (59.0, 48.0), (100.0, 80.0), (3600.0, 2880.0), (1e9, 69_120.0)]
)
def test_stated_life_counts_within_bounds(stated: float, due: float) -> None:
    life = KeyLife(RULES)
    life.fetched(0.0, stated)
    assert life.due == due


def test_keys_live_at_least_as_long_as_was_stated() -> None:
    life = KeyLife(RULES)
    life.fetched(0.0, 86_400.0)
    assert life.ends == 86_400.0


def test_failures_are_tried_again_less_and_less_soon_and_leave_the_end_alone() -> None:
    life = KeyLife(RULES)
    life.fetched(0.0, None)
    waits = []
    for _ in range(7):
        life.failed(100.0)
        waits.append(life.due - 100.0)
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert life.is_failing()
    assert life.ends == 3600.0
    life.fetched(200.0, None)
    assert not life.is_failing()
    life.failed(300.0)
    assert life.due == 301.0


def test_unknown_key_is_worth_one_fetch_in_thirty_seconds() -> None:
    life = KeyLife(RULES)
    assert life.may_refetch(0.0)
    assert not life.may_refetch(29.9)
    assert life.may_refetch(30.0)
    assert not life.may_refetch(30.0)


@pytest.mark.parametrize(
    ("fields", "life"),
    [
        ([], None),
        ([(b"cache-control", b"public")], None),
        ([(b"cache-control", b"max-age=300")], 300.0),
        ([(b"cache-control", b'public, Max-Age = "300"')], 300.0),
        ([(b"cache-control", b"public"), (b"cache-control", b"max-age=300")], 300.0),
        ([(b"cache-control", b"max-age=300, s-maxage=60")], 60.0),
        ([(b"cache-control", b"max-age=300"), (b"age", b"100")], 200.0),
        ([(b"cache-control", b"max-age=300"), (b"age", b"400")], 0.0),
        ([(b"cache-control", b"max-age=300"), (b"age", b"old")], 300.0),
        ([(b"cache-control", b"max-age=300, no-store")], 0.0),
        ([(b"cache-control", b"no-cache")], 0.0),
        ([(b"cache-control", b"x-max-age=300")], None),
        ([(b"cache-control", b"max-age=-1")], None),
        ([(b"cache-control", b"max-age=99999999999999")], None),
    ],
)
def test_life_that_a_reply_states(fields: list[tuple[bytes, bytes]], life: float | None) -> None:
    assert stated_life(fields) == life
