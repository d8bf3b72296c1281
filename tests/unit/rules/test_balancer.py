"""Round robin: in turn, also over lists that change."""

from __future__ import annotations

from portico.rules import RoundRobin


def test_each_in_turn() -> None:
    balancer: RoundRobin[str] = RoundRobin()
    assert [balancer.pick("abc") for _ in range(7)] == list("abcabca")


def test_one_instance_is_always_picked() -> None:
    balancer: RoundRobin[str] = RoundRobin()
    assert [balancer.pick(["a"]) for _ in range(3)] == ["a", "a", "a"]


def test_a_narrowed_list_does_not_throw_the_others_off_their_turn() -> None:
    balancer: RoundRobin[str] = RoundRobin()
    picks = [balancer.pick(candidates) for candidates in ("abc", "bc", "abc", "ab", "abc", "abc")]
    assert picks == list("abcabc")


def test_an_instance_that_returns_is_next() -> None:
    balancer: RoundRobin[str] = RoundRobin()
    assert [balancer.pick("bc") for _ in range(3)] == ["b", "c", "b"]
    assert [balancer.pick("abc") for _ in range(4)] == ["a", "c", "b", "a"]
