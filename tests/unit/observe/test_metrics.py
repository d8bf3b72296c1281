"""Families, children, the label budget, sampled figures."""

from __future__ import annotations

import json
import pickle

import pytest

from portico.observe.metrics import Registry


def children(registry: Registry, name: str) -> dict[tuple[str, ...], list[float]]:
    return {tuple(labels): list(numbers) for labels, numbers in registry.snapshot()[name]["children"]}


def test_a_child_is_made_once_and_kept() -> None:
    family = Registry().counter("tries_total", "Tries.", ["by"])
    family.labels("a").value += 2
    assert family.labels("a").value == 2
    assert family.labels("a") is family.labels("a")


def test_a_value_equal_to_a_bound_belongs_to_that_bucket() -> None:
    family = Registry().histogram("age_seconds", "Age.", bounds=[1, 2])
    child = family.labels()
    for value in (0.5, 1, 1.5, 2, 2.1):
        child.observe(value)
    assert child.counts == [2, 2, 1]
    assert child.numbers() == [pytest.approx(7.1), 2, 2, 1]


def test_beyond_the_budget_everything_is_counted_as_other() -> None:
    registry = Registry(budget=2)
    family = registry.counter("tries_total", "Tries.", ["by", "at"])
    for name in ("a", "b", "c", "d"):
        family.labels(name, "x").value += 1
    assert children(registry, "tries_total") == {("a", "x"): [1], ("b", "x"): [1], ("other", "other"): [2]}
    assert children(registry, "portico_metric_overflows_total") == {("tries_total",): [2]}


def test_the_overflow_counter_itself_never_overflows_into_a_loop() -> None:
    registry = Registry(budget=1)
    for name in ("one_total", "two_total"):
        family = registry.counter(name, "x", ["by"])
        family.labels("a")
        family.labels("b")
    assert sum(numbers[0] for numbers in children(registry, "portico_metric_overflows_total").values()) == 2


def test_asking_twice_gives_the_same_family_and_another_shape_is_refused() -> None:
    registry = Registry()
    assert registry.gauge("depth", "Depth.", ["of"]) is registry.gauge("depth", "Depth.", ["of"])
    with pytest.raises(ValueError, match="another shape"):
        registry.gauge("depth", "Depth.", ["at"])
    with pytest.raises(ValueError, match="another shape"):
        registry.counter("depth", "Depth.", ["of"])


@pytest.mark.parametrize(
    ("name", "label"), [("a b", "x"), ("a", "le"), ("a", "__x"), ("a", "x-y"), ("", "x")]
)
def test_names_that_prometheus_would_refuse_are_refused(name: str, label: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Registry().counter(name, "x", [label])


def test_the_number_of_label_values_must_fit() -> None:
    with pytest.raises(ValueError, match="has 1 labels"):
        Registry().counter("a_total", "x", ["by"]).labels("a", "b")


def test_bounds_must_ascend() -> None:
    for bounds in ([], [2, 1], [1, 1]):
        with pytest.raises(ValueError, match="ascend"):
            Registry().histogram("a", "x", bounds=bounds)


def test_a_sampled_gauge_shows_what_it_is_told_and_nothing_else() -> None:
    registry = Registry()
    told: dict[str, float] = {"a": 1, "b": 2}
    registry.sample(
        registry.gauge("idle", "Idle.", ["pool"]), lambda: [((name,), value) for name, value in told.items()]
    )
    assert children(registry, "idle") == {("a",): [1], ("b",): [2]}
    del told["a"]
    told["b"] = 5
    assert children(registry, "idle") == {("b",): [5]}


def test_a_sampled_counter_keeps_what_is_gone() -> None:
    registry = Registry()
    told: dict[str, float] = {"a": 1, "b": 2}
    registry.sample(
        registry.counter("made_total", "Made.", ["pool"]),
        lambda: [((name,), value) for name, value in told.items()],
    )
    registry.snapshot()
    del told["a"]
    told["b"] = 3
    assert children(registry, "made_total") == {("a",): [1], ("b",): [3]}


def test_a_sampled_counter_goes_on_where_its_source_begins_anew() -> None:
    registry = Registry(budget=1)
    told = {"a": 5, "b": 2, "c": 1}
    registry.sample(
        registry.counter("made_total", "Made.", ["pool"]),
        lambda: [((name,), value) for name, value in told.items()],
    )
    assert children(registry, "made_total") == {("a",): [5], ("other",): [3]}
    told |= {"a": 1, "b": 4}
    assert children(registry, "made_total") == {("a",): [6], ("other",): [5]}
    assert children(registry, "made_total") == {("a",): [6], ("other",): [5]}


def test_sampled_gauges_beyond_the_budget_are_put_together_by_the_rule_of_the_family() -> None:
    registry = Registry(budget=1)
    registry.sample(
        registry.gauge("state", "State.", ["of"], "breaker"),
        lambda: [(("a",), 2), (("b",), 1), (("c",), 2)],
    )
    assert children(registry, "state") == {("a",): [2], ("other",): [1]}
    assert children(registry, "state") == {("a",): [2], ("other",): [1]}


def test_a_snapshot_survives_pickle_and_json() -> None:
    registry = Registry()
    registry.histogram("age_seconds", "Age.", ["by"], bounds=[1], counted_as=("ages_total", "Ages.")).labels(
        "x"
    ).observe(3)
    snapshot = registry.snapshot()
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot
    assert json.loads(json.dumps(snapshot))["age_seconds"]["children"] == [[["x"], [3, 0, 1]]]


def test_a_snapshot_is_no_view_of_the_living() -> None:
    registry = Registry()
    child = registry.histogram("age_seconds", "Age.", bounds=[1]).labels()
    before = registry.snapshot()["age_seconds"]["children"]
    child.observe(5)
    assert list(before[0][1]) == [0, 0, 0]
