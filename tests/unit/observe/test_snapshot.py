"""Several workers as one, and the dead among them."""

from __future__ import annotations

from portico.observe.metrics import Registry
from portico.observe.snapshot import Merge, Snapshot, combine, lasting, merge


def worker(requests: int, open_files: int, state: int = 0) -> Snapshot:
    registry = Registry()
    registry.counter("requests_total", "x", ["route"]).labels("/a").value = requests
    registry.gauge("files", "x", merge="max").labels().value = open_files
    registry.gauge("state", "x", ["service"], "breaker").labels("s").value = state
    registry.histogram("age_seconds", "x", bounds=[1]).labels().observe(requests)
    return registry.snapshot()


def value(snapshot: Snapshot, name: str) -> float:
    return snapshot[name]["children"][0][1][0]


def test_counters_add_up_and_gauges_follow_their_rule() -> None:
    both = merge([worker(2, 10), worker(3, 30)])
    assert value(both, "requests_total") == 5
    assert value(both, "files") == 30
    assert both["age_seconds"]["children"] == [((), [5, 0, 2])]


def test_a_breaker_that_is_open_anywhere_shows_as_open() -> None:
    rule: Merge = "breaker"
    assert combine(rule, 0, 0) == 0
    assert combine(rule, 0, 2) == 2
    assert combine(rule, 2, 1) == combine(rule, 1, 2) == 1


def test_the_oldest_and_the_sum() -> None:
    assert combine("min", 3, 5) == 3
    assert combine("sum", 3, 5) == 8


def test_merging_changes_none_of_its_parts() -> None:
    one, two = worker(1, 1), worker(2, 2)
    before = str((one, two))
    merge([one, two])
    merge([one, two])
    assert str((one, two)) == before


def test_where_shapes_differ_the_newer_release_counts() -> None:
    old, new = Registry(), Registry()
    old.histogram("age_seconds", "x", bounds=[1]).labels().observe(1)
    new.histogram("age_seconds", "x", bounds=[1, 2]).labels().observe(2)
    both = merge([old.snapshot(), new.snapshot()])
    assert both["age_seconds"]["children"] == [((), [2, 0, 1, 0])]


def test_a_dead_worker_leaves_its_counts_and_takes_its_gauges_along() -> None:
    left = merge([lasting(worker(4, 90, 1)), worker(1, 10)])
    assert value(left, "requests_total") == 5
    assert left["age_seconds"]["children"] == [((), [5, 1, 1])]
    assert value(left, "files") == 10
    assert value(left, "state") == 0


def test_the_dead_are_many() -> None:
    dead: Snapshot = {}
    for _ in range(3):
        dead = merge([dead, lasting(worker(4, 90))])
    assert value(dead, "requests_total") == 12
    assert "files" not in dead
