"""The breaker's table, transition by transition, and what it tells about itself."""

from __future__ import annotations

import itertools

import pytest

from portico.rules import REFUSED, Breaker, BreakerRule, Cause, State, Transition
from portico.rules.breaker import TRANSITIONS

NOW = 1000.0


def fail(breaker: Breaker, times: int, now: float = NOW) -> None:
    for _ in range(times):
        breaker.failure(breaker.admit(now), now)


def succeed(breaker: Breaker, times: int, now: float = NOW) -> None:
    for _ in range(times):
        breaker.success(breaker.admit(now), now)


def opened(probes: int = 1) -> Breaker:
    breaker = Breaker(BreakerRule(errors=None, consecutive=1, reset_s=30, probes=probes))
    fail(breaker, 1)
    return breaker


def test_it_opens_at_the_share_once_the_volume_is_there() -> None:
    breaker = Breaker(BreakerRule(errors=0.5, volume=10))
    succeed(breaker, 5)
    fail(breaker, 4)
    assert breaker.state(NOW) is State.CLOSED
    fail(breaker, 1)
    assert breaker.state(NOW) is State.OPEN


def test_a_small_share_of_failures_is_borne() -> None:
    breaker = Breaker(BreakerRule(errors=0.5, volume=10))
    for _ in range(50):
        succeed(breaker, 2)
        fail(breaker, 1)
    assert breaker.state(NOW) is State.CLOSED


def test_failures_older_than_the_window_are_forgotten() -> None:
    breaker = Breaker(BreakerRule(errors=0.5, volume=10, window_s=10))
    fail(breaker, 9)
    fail(breaker, 1, NOW + 10)
    assert breaker.state(NOW + 10) is State.CLOSED
    fail(breaker, 8, NOW + 11)
    fail(breaker, 1, NOW + 19.9)
    assert breaker.state(NOW + 19.9) is State.OPEN


def test_failures_in_a_row_open_it_whatever_the_window_says() -> None:
    breaker = Breaker(BreakerRule(errors=None, consecutive=5))
    succeed(breaker, 100)
    fail(breaker, 4, NOW)
    succeed(breaker, 1)
    fail(breaker, 4, NOW + 60)
    assert breaker.state(NOW + 60) is State.CLOSED
    fail(breaker, 1, NOW + 600)
    assert breaker.state(NOW + 600) is State.OPEN


def test_open_refuses_until_the_reset_has_passed_and_then_probes() -> None:
    breaker = opened()
    assert breaker.admit(NOW + 29.9) == REFUSED
    assert breaker.retry_after(NOW + 10) == 20.0
    assert breaker.state(NOW + 30) is State.HALF_OPEN
    assert breaker.retry_after(NOW + 31) == 0.0
    assert breaker.admit(NOW + 30) != REFUSED
    assert breaker.retry_after(NOW + 31) == 0.0


def test_half_open_admits_a_bounded_number_and_closes_when_all_succeed() -> None:
    breaker = opened(probes=2)
    now = NOW + 30
    first, second = breaker.admit(now), breaker.admit(now)
    assert REFUSED not in (first, second)
    assert breaker.admit(now) == REFUSED
    breaker.success(first, now)
    assert breaker.admit(now) == REFUSED
    assert breaker.state(now) is State.HALF_OPEN
    breaker.success(second, now)
    assert breaker.state(now) is State.CLOSED
    assert breaker.admit(now) != REFUSED


def test_a_failed_probe_opens_it_for_another_reset() -> None:
    breaker = opened(probes=2)
    probe = breaker.admit(NOW + 40)
    breaker.failure(probe, NOW + 45)
    assert breaker.admit(NOW + 74.9) == REFUSED
    assert breaker.admit(NOW + 75) != REFUSED


def test_a_released_probe_gives_its_place_to_the_next() -> None:
    breaker = opened()
    probe = breaker.admit(NOW + 30)
    assert breaker.admit(NOW + 30) == REFUSED
    breaker.release(probe, NOW + 31)
    assert breaker.state(NOW + 31) is State.HALF_OPEN
    assert breaker.admit(NOW + 31) != REFUSED


def test_closing_starts_with_clean_counts() -> None:
    breaker = Breaker(BreakerRule(errors=0.5, volume=2, consecutive=2, window_s=100, reset_s=1))
    fail(breaker, 2)
    succeed(breaker, 1, NOW + 1)
    fail(breaker, 1, NOW + 1)
    assert breaker.state(NOW + 1) is State.CLOSED


def test_verdicts_on_calls_from_before_a_transition_move_nothing() -> None:
    breaker = Breaker(BreakerRule(errors=None, consecutive=1, reset_s=30))
    slow_good, slow_bad, left = breaker.admit(NOW), breaker.admit(NOW), breaker.admit(NOW)
    fail(breaker, 1)
    now = NOW + 30
    probe = breaker.admit(now)
    breaker.success(slow_good, now)
    breaker.failure(slow_bad, now)
    breaker.release(left, now)
    assert breaker.state(now) is State.HALF_OPEN
    assert breaker.admit(now) == REFUSED
    breaker.success(probe, now)
    breaker.failure(slow_bad, now)
    assert breaker.state(now) is State.CLOSED
    assert (breaker.successes, breaker.failures) == (2, 3)


def test_a_sibling_opens_it_and_an_open_one_stays_for_the_longer_time() -> None:
    breaker = Breaker(BreakerRule())
    before = breaker.admit(NOW)
    breaker.force_open(NOW, 12)
    assert breaker.state(NOW) is State.OPEN
    assert breaker.retry_after(NOW) == 12.0
    breaker.force_open(NOW, 5)
    assert breaker.retry_after(NOW) == 12.0
    breaker.force_open(NOW, 20)
    assert breaker.retry_after(NOW) == 20.0
    breaker.success(before, NOW)
    assert breaker.state(NOW) is State.OPEN


def test_a_sibling_ends_the_probing() -> None:
    breaker = opened()
    probe = breaker.admit(NOW + 30)
    breaker.force_open(NOW + 31, 10)
    breaker.success(probe, NOW + 32)
    assert breaker.state(NOW + 32) is State.OPEN


def test_transitions_are_told_once_the_new_state_stands() -> None:
    told: list[tuple[str, State, Cause]] = []

    def changed(transition: Transition) -> None:
        told.append((transition.event, breaker.state(NOW), transition.cause))

    breaker = Breaker(BreakerRule(errors=0.5, volume=2, consecutive=3, reset_s=1), changed)
    fail(breaker, 2)
    fail(breaker, 1, NOW + 1)
    succeed(breaker, 1, NOW + 2)
    breaker.force_open(NOW + 3, 1)
    assert told == [
        ("open", State.OPEN, Cause.FAILED_TOO_OFTEN),
        ("halfOpen", State.HALF_OPEN, Cause.RESET_PASSED),
        ("open", State.OPEN, Cause.PROBE_FAILED),
        ("halfOpen", State.HALF_OPEN, Cause.RESET_PASSED),
        ("close", State.CLOSED, Cause.PROBES_PASSED),
        ("open", State.OPEN, Cause.TOLD),
    ]


def test_statistics_have_exactly_the_public_names() -> None:
    breaker = Breaker(BreakerRule(errors=None, consecutive=2, reset_s=30))
    offset = 1_700_000_000.0 - NOW
    assert breaker.stats(NOW, offset) == {
        "state": "CLOSED",
        "failures": 0,
        "successes": 0,
        "totalRequests": 0,
        "lastFailureTime": None,
        "lastSuccessTime": None,
        "nextAttempt": None,
    }
    succeed(breaker, 1, NOW + 1)
    breaker.failure(breaker.admit(NOW), NOW + 2, timed_out=True)
    breaker.failure(breaker.admit(NOW), NOW + 2.5)
    breaker.admit(NOW + 3)
    assert breaker.stats(NOW + 3, offset) == {
        "state": "OPEN",
        "failures": 2,
        "successes": 1,
        "totalRequests": 4,
        "lastFailureTime": 1_700_000_002_500,
        "lastSuccessTime": 1_700_000_001_000,
        "nextAttempt": 1_700_000_032_500,
    }
    later = breaker.stats(NOW + 33, offset)
    assert (later["state"], later["nextAttempt"]) == ("HALF_OPEN", None)


def test_every_event_is_counted_under_its_public_name() -> None:
    breaker = opened()
    breaker.admit(NOW)
    breaker.failure(breaker.admit(NOW + 30), NOW + 31, timed_out=True)
    succeed(breaker, 1, NOW + 70)
    assert breaker.events() == {
        "open": 2,
        "halfOpen": 2,
        "close": 1,
        "failure": 2,
        "timeout": 1,
        "reject": 1,
        "success": 1,
    }


def test_the_table_leaves_nothing_out() -> None:
    reached = {key for key, transition in TRANSITIONS.items() if transition.before is not transition.after}
    assert reached == set(TRANSITIONS)
    impossible = set(itertools.product(State, Cause)) - reached
    assert (State.OPEN, Cause.PROBE_FAILED) in impossible
    assert {cause for _, cause in reached} == set(Cause)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"errors": None}, "never opens"),
        ({"errors": 0}, "errors must be"),
        ({"errors": 1.1}, "errors must be"),
        ({"volume": 0}, "volume must be"),
        ({"consecutive": 0}, "consecutive must be"),
        ({"probes": 0}, "probes must be"),
        ({"window_s": 0}, "window_s must be"),
        ({"reset_s": float("inf")}, "reset_s must be"),
        ({"reset_s": float("nan")}, "reset_s must be"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(settings: dict[str, float | None], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        BreakerRule(**settings)  # type: ignore[arg-type]


def test_its_repr_has_state_and_counts() -> None:
    assert repr(opened()) == "<Breaker OPEN 0 succeeded, 1 failed, 0 refused, 0 probes under way>"
