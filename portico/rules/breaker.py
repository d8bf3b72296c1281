"""The circuit breaker of one service: stop calling what fails, and try again with care.

Theory. A service in trouble gets worse by being called, and its callers wait for nothing. CLOSED, calls pass
and their verdicts are counted: enough failures in a row, or a share of failures over a rolling window that
holds enough calls, open it. OPEN, calls are refused at once until `reset_s` has passed. HALF_OPEN, a bounded
number of probes passes: if all succeed it closes with clean counts, the first failure opens it for another
`reset_s`. A probe that ends without a verdict (the client left) gives its place to the next. A verdict on a
call begun before the last transition is a fact for the statistics, but says nothing about the present state
and moves nothing.

Decided per worker; an opening is told to the sibling workers, which `force_open`. What counts as a failure is
decided elsewhere: replies by their status, and failures whose guilty side is the service. `now` is monotonic
seconds throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TypedDict

from .rolling import RollingCounts


class State(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class Cause(Enum):
    """Why a breaker changed its state, as a clause for a person."""

    FAILED_IN_A_ROW = "too many calls in a row failed"
    FAILED_TOO_OFTEN = "too large a share of the calls failed"
    TOLD = "another worker's breaker opened"
    RESET_PASSED = "the reset time has passed"
    PROBE_FAILED = "a probe failed"
    PROBES_PASSED = "all probes succeeded"


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state."""

    before: State
    after: State
    cause: Cause

    @property
    def event(self) -> str:
        """The event's public name: `open`, `halfOpen` or `close`."""
        return _EVENTS[self.after]


_EVENTS = {State.OPEN: "open", State.HALF_OPEN: "halfOpen", State.CLOSED: "close"}

# Everything that can happen; what is not here, cannot.
TRANSITIONS = {
    (before, cause): Transition(before, after, cause)
    for before, cause, after in (
        (State.CLOSED, Cause.FAILED_IN_A_ROW, State.OPEN),
        (State.CLOSED, Cause.FAILED_TOO_OFTEN, State.OPEN),
        (State.CLOSED, Cause.TOLD, State.OPEN),
        (State.OPEN, Cause.RESET_PASSED, State.HALF_OPEN),
        (State.HALF_OPEN, Cause.PROBE_FAILED, State.OPEN),
        (State.HALF_OPEN, Cause.PROBES_PASSED, State.CLOSED),
        (State.HALF_OPEN, Cause.TOLD, State.OPEN),
    )
}


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens and how it closes. Raises ValueError for a rule that cannot work.

    `errors`: share of failures (0..1) that opens, over `window_s` seconds with at least `volume` calls, judged
    at each failure; `consecutive`: failures in a row that open, whatever the window says; None switches one of
    the two off. `reset_s`: seconds that it stays open; `probes`: calls let through half-open, all of which must
    succeed.
    """

    errors: float | None = 0.5
    volume: int = 10
    window_s: float = 10.0
    reset_s: float = 30.0
    consecutive: int | None = None
    probes: int = 1

    def __post_init__(self) -> None:
        if self.errors is None and self.consecutive is None:
            raise ValueError("a breaker needs 'errors' or 'consecutive': with neither it never opens")
        if self.errors is not None and not 0 < self.errors <= 1:
            raise ValueError(f"errors must be more than 0 and at most 1, not {self.errors}")
        for name, least in (
            ("volume", self.volume),
            ("consecutive", self.consecutive),
            ("probes", self.probes),
        ):
            if least is not None and least < 1:
                raise ValueError(f"{name} must be at least 1, not {least}")
        for name, seconds in (("window_s", self.window_s), ("reset_s", self.reset_s)):
            if not 0 < seconds < float("inf"):
                raise ValueError(f"{name} must be more than 0 seconds, not {seconds}")


class BreakerStats(TypedDict):
    """What `/health` shows. Counts are since the start; times are epoch milliseconds."""

    state: str
    failures: int
    successes: int
    totalRequests: int
    lastFailureTime: int | None
    lastSuccessTime: int | None
    nextAttempt: int | None


_CLOSED, _OPEN, _HALF_OPEN = State  # in 3.11 a member read from its class costs more than the rest of `admit`

REFUSED = -1  # the ticket of a call that may not be made


class Breaker:
    """The live breaker of one service in one worker.

    `changed` is told of each transition, last of all, when the new state stands. Public counters only grow.
    """

    __slots__ = (
        "_changed",
        "_counts",
        "_generation",
        "_in_a_row",
        "_last_failure",
        "_last_success",
        "_passed",
        "_state",
        "_under_way",
        "_until",
        "calls",
        "entered",
        "failures",
        "rejects",
        "rule",
        "successes",
        "timeouts",
    )

    def __init__(self, rule: BreakerRule, changed: Callable[[Transition], None] | None = None) -> None:
        self.rule = rule
        self.calls = 0  # admitted
        self.successes = 0
        self.failures = 0  # time-outs among them
        self.timeouts = 0
        self.rejects = 0
        self.entered = dict.fromkeys(State, 0)  # how often each state was entered
        self._changed = changed
        self._state = _CLOSED
        self._generation = 0  # counts transitions; a call's ticket is the generation that admitted it
        self._counts = RollingCounts(rule.window_s)
        self._in_a_row = 0
        self._until = 0.0  # open until then
        self._under_way = 0  # probes without a verdict yet
        self._passed = 0  # probes that succeeded
        self._last_failure: float | None = None
        self._last_success: float | None = None

    def admit(self, now: float) -> int:
        """A ticket for one call, to be handed back with its verdict exactly once, or REFUSED."""
        if self._state is _CLOSED:
            self.calls += 1
            return self._generation
        return self._admit_probe(now)

    def success(self, ticket: int, now: float) -> None:
        """The call succeeded, as far as the service goes."""
        self.successes += 1
        self._last_success = now
        if ticket != self._generation:
            return
        if self._state is _CLOSED:
            self._in_a_row = 0
            self._counts.succeeded(now)
            return
        self._under_way -= 1
        self._passed += 1
        if self._passed >= self.rule.probes:
            self._move(now, Cause.PROBES_PASSED)

    def failure(self, ticket: int, now: float, timed_out: bool = False) -> None:
        """The service failed the call, by a time-out or otherwise."""
        self.failures += 1
        self._last_failure = now
        if timed_out:
            self.timeouts += 1
        if ticket != self._generation:
            return
        if self._state is _CLOSED:
            self._count_failure(now)
        else:
            self._move(now, Cause.PROBE_FAILED)

    def release(self, ticket: int, _now: float) -> None:
        """The call ended without a verdict on the service, as when the client left."""
        if ticket == self._generation and self._state is _HALF_OPEN:
            self._under_way -= 1

    def force_open(self, now: float, for_s: float) -> None:
        """A sibling's breaker opened, for `for_s` seconds; an open one stays so for the longer time."""
        until = now + for_s
        if self._state is _OPEN:
            self._until = max(self._until, until)
        else:
            self._move(now, Cause.TOLD, until)

    def state(self, now: float) -> State:
        """The state as a caller would find it: open with its time passed is half-open."""
        if self._state is _OPEN and now >= self._until:
            return _HALF_OPEN
        return self._state

    def retry_after(self, now: float) -> float:
        """Seconds until a refused caller should try again; 0 unless open."""
        return max(0.0, self._until - now) if self._state is _OPEN else 0.0

    def stats(self, now: float, wall_offset_s: float) -> BreakerStats:
        """The statistics; `wall_offset_s` is wall time minus monotonic time, in seconds."""
        state = self.state(now)
        return {
            "state": state.value,
            "failures": self.failures,
            "successes": self.successes,
            "totalRequests": self.calls + self.rejects,
            "lastFailureTime": _epoch_ms(self._last_failure, wall_offset_s),
            "lastSuccessTime": _epoch_ms(self._last_success, wall_offset_s),
            "nextAttempt": _epoch_ms(self._until, wall_offset_s) if state is _OPEN else None,
        }

    def events(self) -> dict[str, int]:
        """How often each event happened since the start, by its public name."""
        return {event: self.entered[state] for state, event in _EVENTS.items()} | {
            "failure": self.failures,
            "timeout": self.timeouts,
            "reject": self.rejects,
            "success": self.successes,
        }

    def _admit_probe(self, now: float) -> int:
        if self._state is _OPEN and now >= self._until:
            self._move(now, Cause.RESET_PASSED)
        if self._state is _OPEN or self._under_way + self._passed >= self.rule.probes:
            self.rejects += 1
            return REFUSED
        self.calls += 1
        self._under_way += 1
        return self._generation

    def _count_failure(self, now: float) -> None:
        rule = self.rule
        self._in_a_row += 1
        self._counts.failed(now)
        if rule.consecutive is not None and self._in_a_row >= rule.consecutive:
            self._move(now, Cause.FAILED_IN_A_ROW)
        elif rule.errors is not None:
            good, bad = self._counts.sums(now)
            if good + bad >= rule.volume and bad / (good + bad) >= rule.errors:
                self._move(now, Cause.FAILED_TOO_OFTEN)

    def _move(self, now: float, cause: Cause, until: float | None = None) -> None:
        transition = TRANSITIONS[self._state, cause]
        self._state = transition.after
        self._generation += 1
        self.entered[transition.after] += 1
        self._until = now + self.rule.reset_s if until is None else until
        self._counts.clear()
        self._in_a_row = 0
        self._under_way = 0
        self._passed = 0
        if self._changed is not None:
            self._changed(transition)

    def __repr__(self) -> str:
        return (
            f"<Breaker {self._state.value} {self.successes} succeeded, {self.failures} failed, "
            f"{self.rejects} refused, {self._under_way} probes under way>"
        )


def _epoch_ms(at: float | None, wall_offset_s: float) -> int | None:
    return None if at is None else round((at + wall_offset_s) * 1000)
