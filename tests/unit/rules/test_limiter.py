"""The limiter, told as a person would."""

import pytest

from portico.rules import OVER, Limiter, LimitRule, Together
from portico.rules.keytable import KeyTable, Room


def limiter(quota: int, window_s: float, burst: int | None = None) -> Limiter:
    return Limiter(LimitRule(quota, window_s, burst or quota), KeyTable(Room(100)))


def test_five_a_second_are_five_at_once_and_then_one_in_a_fifth() -> None:
    limit = limiter(5, 1.0)
    assert [limit.spend(b"a", 100.0)[0] for _ in range(6)] == [4, 3, 2, 1, 0, OVER]
    assert limit.spend(b"a", 100.1)[0] == OVER
    assert limit.spend(b"a", 100.2)[0] == 0
    assert limit.spend(b"a", 100.2)[0] == OVER
    assert limit.spend(b"b", 100.2)[0] == 4


def test_a_window_does_not_begin_anew_with_a_rush() -> None:
    limit = limiter(100, 60.0)
    assert all(limit.spend(b"a", 1000.0)[0] != OVER for _ in range(100))
    passed = sum(limit.spend(b"a", 1000.0 + second)[0] != OVER for second in range(1, 61) for _ in range(5))
    assert passed == 100


def test_a_verdict_tells_when_all_is_restored_and_when_to_come_again() -> None:
    limit = limiter(100, 60.0, burst=2)
    assert limit.spend(b"a", 7.0) == (1, 0.6)
    assert limit.spend(b"a", 7.0) == (0, 1.2)
    assert limit.spend(b"a", 7.0) == (OVER, 0.6)
    assert limit.look(b"a", 7.0) == (OVER, 0.6)
    assert limit.look(b"never seen", 7.0) == (2, 0.0)


def test_the_refused_are_not_punished_for_trying() -> None:
    limit = limiter(1, 1.0)
    assert limit.spend(b"a", 5.0)[0] == 0
    for _ in range(100):
        assert limit.spend(b"a", 5.5)[0] == OVER
    assert limit.spend(b"a", 6.0)[0] == 0


def test_what_was_given_back_can_be_spent() -> None:
    limit = limiter(1, 60.0)
    limit.spend(b"a", 5.0)
    limit.give_back(b"a")
    limit.give_back(b"never seen")
    assert [limit.spend(b"a", 5.0)[0] for _ in range(2)] == [0, OVER]


def test_of_several_the_refusing_one_costs_the_others_nothing() -> None:
    wide, narrow, last = limiter(10, 60.0), limiter(1, 60.0), limiter(10, 60.0)
    together, keys = Together([wide, narrow, last]), [b"a", b"b", b"a"]
    verdicts = together.spend(keys, 1.0)
    assert verdicts is not None
    assert [verdict[0] for verdict in verdicts] == [9, 0, 9]
    for _ in range(20):
        assert together.spend(keys, 1.0) is None
        assert [verdict[0] for verdict in together.look(keys, 1.0)] == [9, OVER, 9]
    assert Together([]).spend([], 1.0) == []
    assert "burst 1, 1 keys" in repr(together)


def test_the_largest_and_the_smallest_rule_count_exactly_after_years() -> None:
    now = 20 * 365 * 86_400.0
    for quota, window_s in ((1_000_000, 1.0), (1, 31 * 86_400.0), (7, 3.0)):
        limit = limiter(quota, window_s, burst=1000)
        assert [limit.spend(b"a", now)[0] for _ in range(1001)] == [*range(999, -1, -1), OVER]


@pytest.mark.parametrize(
    "rule", [(0, 1.0, 1), (1, 0.0, 1), (1, 1.0, 0), (1_000_001, 1.0, 1), (1, 1.0, 1_000_001)]
)
def test_a_rule_that_cannot_work_is_refused(rule: tuple[int, float, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        LimitRule(*rule)


def test_it_says_what_it_is() -> None:
    limit = limiter(5, 1.0)
    limit.spend(b"a", 1.0)
    assert repr(limit) == "<Limiter 5/1s burst 5, 1 keys>"


def test_parts_of_a_limit_admit_together_what_it_admits() -> None:
    rule = LimitRule(100, 60.0, 20)
    assert rule.part(1) is rule
    part = rule.part(4)
    assert part.quota / part.window_s * 4 == rule.quota / rule.window_s
    assert part.burst * 4 == rule.burst
    assert LimitRule(5, 60.0, 5).part(8).burst == 1, "a part of what cannot be divided lets somebody in"
