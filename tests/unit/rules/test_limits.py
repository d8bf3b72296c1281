"""The limits of a worker: the same one after a reload, and nothing kept that nobody needs."""

import gc
import itertools

from portico.rules import OVER, LimitRule, Limits
from portico.rules.keytable import SHARD_KEYS
from portico.rules.limits import SLICE_KEYS, SLICE_S

RULE = LimitRule(1, 60.0, 1)


def test_limits_of_the_same_name_and_rule_count_together() -> None:
    limits = Limits(100)
    assert limits.get("a", RULE).spend(b"x", 0.0)[0] == 0
    assert limits.get("a", RULE).spend(b"x", 1.0)[0] == OVER
    assert limits.get("b", RULE).spend(b"x", 1.0)[0] == 0
    assert limits.get("a", LimitRule(2, 60.0, 1)).spend(b"x", 1.0)[0] == 0
    assert "<Limits 3 limits" in repr(limits)


def test_a_limit_is_in_use_as_long_as_any_of_its_limiters() -> None:
    limits = Limits(100)
    first = limits.get("a", RULE)
    second = limits.get("a", RULE)
    first.spend(b"x", 0.0)
    del first
    gc.collect()
    for _ in range(4):
        limits.sweep(1.0)
    assert second.spend(b"x", 1.0)[0] == OVER


def test_sweeping_forgets_who_has_everything_again() -> None:
    limits = Limits(100)
    limit = limits.get("a", RULE)
    limit.spend(b"early", 0.0)
    limit.spend(b"late", 50.0)
    limits.sweep(59.0)
    assert limits.room.used == 2
    limits.sweep(60.0)
    limits.sweep(60.0)
    assert limits.room.used == 1
    assert limit.spend(b"late", 60.0)[0] == OVER
    assert limit.spend(b"early", 60.0)[0] == 0


def test_one_sweep_looks_at_a_bounded_number_of_keys() -> None:
    limits = Limits(1_000_000)
    limit = limits.get("a", RULE)
    count = 20 * SHARD_KEYS
    for number in range(count):
        limit.spend(b"%d" % number, 0.0)
    least = count // (SLICE_KEYS + SHARD_KEYS)
    for sweep in range(4 * least):
        before = limits.room.used
        limits.sweep(100.0)
        assert before - limits.room.used <= SLICE_KEYS + SHARD_KEYS
        assert limits.room.used or sweep >= least - 1
    assert limits.room.used == 0


def test_one_sweep_ends_when_its_time_is_over() -> None:
    clock = itertools.count(0, SLICE_S / 10)
    limits = Limits(1_000_000)
    limit = limits.get("a", RULE)
    count = 2 * SHARD_KEYS
    for number in range(count):
        limit.spend(b"%d" % number, 0.0)
    sweeps = 0
    while limits.room.used:
        before = limits.room.used
        limits.sweep(100.0, lambda: next(clock))
        assert before - limits.room.used <= 11
        sweeps += 1
    assert sweeps <= count


def test_a_limit_that_no_configuration_uses_is_forgotten() -> None:
    limits = Limits(100)
    kept, dropped = limits.get("kept", RULE), limits.get("dropped", RULE)
    kept.spend(b"x", 0.0)
    dropped.spend(b"x", 0.0)
    del dropped
    gc.collect()
    for _ in range(4):
        limits.sweep(1.0)
    assert (len(limits), limits.room.used) == (1, 1)
    assert kept.spend(b"x", 1.0)[0] == OVER


def test_a_limit_that_is_taken_up_again_in_time_has_its_counts() -> None:
    limits = Limits(100)
    limits.get("a", RULE).spend(b"x", 0.0)
    again = limits.get("a", RULE)
    for _ in range(4):
        limits.sweep(1.0)
    assert again.spend(b"x", 1.0)[0] == OVER


def test_there_may_be_no_limits() -> None:
    limits = Limits(100)
    limits.sweep(1.0)
    limits.sweep(2.0)
    assert len(limits) == 0
