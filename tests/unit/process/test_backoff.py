"""How long a dead process's successor waits."""

import pytest

from portico.process.backoff import Backoff
from portico.process.timing import describe_exit


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(0.1, 1.0, 10.0)
    assert [backoff.died(0) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_stable_life_starts_over() -> None:
    backoff = Backoff(0.1, 1.0, 10.0)
    waits = [backoff.died(useful_s) for useful_s in (0, 0, 9.9, 10.0, 0)]
    assert waits == [0.1, 0.2, 0.4, 0.1, 0.2]


def test_only_deaths_before_any_use_are_failures_to_start() -> None:
    backoff = Backoff()
    for useful_s, failures in ((0, 1), (0, 2), (0.5, 0), (0, 1)):
        backoff.died(useful_s)
        assert backoff.failures == failures


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "exited with code 0"),
        (3, "exited with code 3"),
        (-9, "was killed by SIGKILL"),
        (-64, "was killed by SIGRTMAX"),
        (-99, "was killed by signal 99"),
    ],
)
def test_an_end_is_told_in_words(code: int, text: str) -> None:
    assert describe_exit(code) == text
