"""Merging is associative and loses nothing; counters never fall, whoever dies when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portico.observe.metrics import Registry
from portico.observe.snapshot import Snapshot, lasting, merge

ROUTES = st.sampled_from(["/a", "/b", "/c"])
# Whole numbers: adding floats is only nearly associative.
WORKERS = st.lists(st.tuples(ROUTES, st.integers(0, 9), st.integers(0, 2)), max_size=6)


def snapshot(events: list[tuple[str, int, int]]) -> Snapshot:
    registry = Registry(budget=2)
    total = registry.counter("tries_total", "x", ["route"])
    size = registry.histogram("size_bytes", "x", ["route"], bounds=[2, 5], counted_as=("sizes_total", "x"))
    state = registry.gauge("state", "x", ["route"], "breaker")
    for route, amount, breaker in events:
        total.labels(route).value += amount
        size.labels(route).observe(amount)
        state.labels(route).value = breaker
    return registry.snapshot()


def plain(merged: Snapshot) -> dict[str, dict[tuple[str, ...], list[float]]]:
    return {
        name: {tuple(labels): list(numbers) for labels, numbers in family["children"]}
        for name, family in merged.items()
    }


@given(WORKERS, WORKERS, WORKERS)
def test_merging_is_associative(
    a: list[tuple[str, int, int]], b: list[tuple[str, int, int]], c: list[tuple[str, int, int]]
) -> None:
    one, two, three = snapshot(a), snapshot(b), snapshot(c)
    flat = plain(merge([one, two, three]))
    assert flat == plain(merge([merge([one, two]), three])) == plain(merge([one, merge([two, three])]))
    assert flat == plain(merge([three, two, one]))


@given(WORKERS)
def test_what_overflows_is_still_counted(events: list[tuple[str, int, int]]) -> None:
    children = plain(snapshot(events))["tries_total"]
    assert sum(numbers[0] for numbers in children.values()) == sum(amount for _, amount, _ in events)
    assert len(children) <= 3


def figures(snapshot: Snapshot) -> dict[tuple[str, tuple[str, ...], int], float]:
    return {
        (name, tuple(labels), place): number
        for name, family in snapshot.items()
        if family["kind"] != "gauge"
        for labels, numbers in family["children"]
        for place, number in enumerate(numbers)
    }


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("work"), st.integers(0, 4), ROUTES),
        st.tuples(st.just("die"), st.integers(0, 4), st.just("")),
        st.tuples(st.just("start"), st.just(0), st.just("")),
    ),
    max_size=40,
)


@given(STEPS)
def test_counters_never_fall(steps: list[tuple[str, int, str]]) -> None:
    dead: Snapshot = {}
    workers: list[Registry] = []
    seen: dict[tuple[str, tuple[str, ...], int], float] = {}
    for step, place, route in steps:
        if step == "start":
            workers.append(Registry(budget=2))
        elif workers:
            registry = workers[place % len(workers)]
            if step == "die":
                workers.remove(registry)
                dead = merge([dead, lasting(registry.snapshot())])
            else:
                registry.counter("tries_total", "x", ["route"]).labels(route).value += 1
                registry.histogram("size_bytes", "x", ["route"], bounds=[1]).labels(route).observe(2)
        now = figures(merge([dead, *(worker.snapshot() for worker in workers)]))
        assert all(now.get(key, -1) >= value for key, value in seen.items())
        seen = now


@given(st.lists(st.dictionaries(ROUTES, st.integers(0, 9)), max_size=20))
def test_a_sampled_counter_never_falls_whatever_its_source_says(told: list[dict[str, int]]) -> None:
    registry = Registry(budget=2)
    said: dict[str, int] = {}
    registry.sample(
        registry.counter("made_total", "x", ["route"]),
        lambda: [((name,), value) for name, value in said.items()],
    )
    seen = figures(registry.snapshot())
    for one in told:
        said.clear()
        said.update(one)
        after = figures(registry.snapshot())
        assert all(after[key] >= value for key, value in seen.items())
        seen = after
