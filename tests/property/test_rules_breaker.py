"""The breaker against a model that keeps every event in a list and counts anew each time."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from portico.rules import REFUSED, Breaker, BreakerRule, State

# Times are sums of quarters and windows give buckets of a half, one or two seconds: exact in binary.
RULES = st.builds(
    BreakerRule,
    errors=st.sampled_from([0.25, 0.5, 1.0]),
    volume=st.integers(1, 5),
    window_s=st.sampled_from([5.0, 10.0, 20.0]),
    reset_s=st.sampled_from([1.0, 4.0]),
    consecutive=st.none() | st.integers(1, 4),
    probes=st.integers(1, 3),
) | st.builds(
    BreakerRule,
    errors=st.none(),
    consecutive=st.integers(1, 3),
    reset_s=st.just(2.0),
    probes=st.integers(1, 2),
)


@dataclass
class Call:
    """One admitted call in the model: in which era it began, what became of it and when."""

    era: int
    outcome: str = "under way"
    ended: float = 0.0


@dataclass
class Model:
    """What a breaker is, said without any bookkeeping but the lists themselves."""

    rule: BreakerRule
    state: State = State.CLOSED
    era: int = 0
    until: float = 0.0
    calls: list[Call] = field(default_factory=list)
    ended: list[Call] = field(default_factory=list)
    refused: int = 0

    def enter(self, state: State) -> None:
        self.state = state
        self.era += 1

    def of_era(self, *outcomes: str) -> list[Call]:
        return [call for call in self.calls if call.era == self.era and call.outcome in outcomes]

    def admit(self, now: float) -> Call | None:
        if self.state is State.OPEN and now >= self.until:
            self.enter(State.HALF_OPEN)
        taken = len(self.of_era("under way", "success"))
        if self.state is State.OPEN or (self.state is State.HALF_OPEN and taken >= self.rule.probes):
            self.refused += 1
            return None
        self.calls.append(Call(self.era))
        return self.calls[-1]

    def end(self, call: Call, outcome: str, now: float) -> None:
        call.outcome, call.ended = outcome, now
        self.ended.append(call)
        if call.era != self.era:
            return
        if self.state is State.HALF_OPEN:
            if outcome == "failure":
                self.open(now + self.rule.reset_s)
            elif len(self.of_era("success")) >= self.rule.probes:
                self.enter(State.CLOSED)
        elif outcome == "failure" and (self.too_many_in_a_row() or self.too_large_a_share(now)):
            self.open(now + self.rule.reset_s)

    def open(self, until: float) -> None:
        self.until = until
        self.enter(State.OPEN)

    def too_many_in_a_row(self) -> bool:
        limit = self.rule.consecutive
        judged = [c.outcome for c in self.ended if c.era == self.era and c.outcome != "release"]
        return limit is not None and len(judged) >= limit and set(judged[-limit:]) == {"failure"}

    def too_large_a_share(self, now: float) -> bool:
        width = self.rule.window_s / 10
        recent = [
            call.outcome
            for call in self.of_era("success", "failure")
            if int(call.ended / width) > int(now / width) - 10
        ]
        if self.rule.errors is None or len(recent) < self.rule.volume:
            return False
        return recent.count("failure") >= self.rule.errors * len(recent)


class BreakerAgainstModel(RuleBasedStateMachine):
    calls = Bundle("calls")

    @initialize(settings=RULES)
    def begin(self, settings: BreakerRule) -> None:
        self.now = 100.0
        self.breaker = Breaker(settings)
        self.model = Model(settings)

    @rule(quarters=st.sampled_from([1, 1, 2, 4, 4, 9, 16, 40, 90]))
    def wait(self, quarters: int) -> None:
        self.now += quarters / 4

    @rule(target=calls)
    def admit(self) -> tuple[int, Call | None]:
        ticket = self.breaker.admit(self.now)
        call = self.model.admit(self.now)
        assert (ticket == REFUSED) == (call is None)
        return ticket, call

    @rule(admitted=consumes(calls), outcome=st.sampled_from(["success", "failure", "failure", "release"]))
    def end(self, admitted: tuple[int, Call | None], outcome: str) -> None:
        ticket, call = admitted
        if call is None:
            return
        getattr(self.breaker, outcome)(ticket, self.now)
        self.model.end(call, outcome, self.now)

    @rule(outcomes=st.lists(st.sampled_from(["success", "failure"]), min_size=1, max_size=6))
    def call_at_once(self, outcomes: list[str]) -> None:
        for outcome in outcomes:
            self.end(self.admit(), outcome)

    @rule(for_s=st.sampled_from([0.0, 1.0, 8.0]))
    def be_told(self, for_s: float) -> None:
        self.breaker.force_open(self.now, for_s)
        if self.model.state is State.OPEN:
            self.model.until = max(self.model.until, self.now + for_s)
        else:
            self.model.open(self.now + for_s)

    @invariant()
    def they_agree(self) -> None:
        model, breaker = self.model, self.breaker
        elapsed = model.state is State.OPEN and self.now >= model.until
        assert breaker.state(self.now) is (State.HALF_OPEN if elapsed else model.state)
        assert breaker.retry_after(self.now) == (
            max(0.0, model.until - self.now) if model.state is State.OPEN else 0.0
        )
        ends = [call.outcome for call in model.ended]
        assert breaker.events()["success"] == ends.count("success")
        assert breaker.events()["failure"] == ends.count("failure")
        assert breaker.events()["reject"] == model.refused
        assert breaker.stats(self.now, 0.0)["totalRequests"] == len(model.calls) + model.refused


TestBreaker = BreakerAgainstModel.TestCase
