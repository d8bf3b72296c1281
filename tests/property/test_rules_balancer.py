"""Round robin shares exactly, and nobody waits longer than the others are many."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from portico.rules import RoundRobin

INSTANCES = "abcdef"
LISTS = st.sets(st.sampled_from(INSTANCES), min_size=1).map(sorted)


@given(st.lists(LISTS, max_size=12), LISTS, st.integers(1, 40))
def test_an_unchanged_list_is_shared_exactly(
    before: list[list[str]], candidates: list[str], picks: int
) -> None:
    balancer: RoundRobin[str] = RoundRobin()
    for others in before:
        balancer.pick(others)
    counts = Counter(balancer.pick(candidates) for _ in range(picks))
    shares = [counts[candidate] for candidate in candidates]
    assert max(shares) - min(shares) <= 1


@given(st.lists(st.sets(st.sampled_from(INSTANCES), min_size=2).map(sorted), max_size=60))
def test_nobody_on_the_list_is_passed_over_for_ever(lists: list[list[str]]) -> None:
    balancer: RoundRobin[str] = RoundRobin()
    waited = dict.fromkeys(INSTANCES, 0)
    for candidates in lists:
        picked = balancer.pick(candidates)
        assert picked in candidates
        for candidate in candidates:
            waited[candidate] += 1
        waited[picked] = 0
        assert max(waited.values()) < len(INSTANCES)
