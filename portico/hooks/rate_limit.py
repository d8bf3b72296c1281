"""The hooks that count requests against a route's limits, and the 429 of those that refuse.

The rule itself is `rules.limiter`'s; `stages.rate_limit` decides which limits a route has and in which phase they are
judged. Within a phase all limits count a request, or, when one refuses it, none does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from operator import itemgetter

from portico.exchange.allowance import Policy
from portico.exchange.callers import KeyOf
from portico.exchange.exchange import Exchange
from portico.exchange.failure import RATE_LIMIT_ERROR, Failure
from portico.observe.audit import Audit
from portico.observe.metrics import Number
from portico.rules import Limiter, Together, Verdict

AUDIT_S = 1.0  # a flood of refusals is worth one audit line in so much time, for each limit of a route


class Limit:
    """One limit on one route. `text` is how it is written; a `proven` one needs an identity.

    `alone` counts where the store that is asked cannot be: this worker's part. That store knows it as `spent_as`;
    `refusing` are callers that it has refused, and until when.

    `refused` counts refusals since `told_at`, the time of the last audit line.
    """

    __slots__ = (
        "alone",
        "enforced",
        "exceeded",
        "key_of",
        "limiter",
        "name",
        "policy",
        "proven",
        "refused",
        "refusing",
        "spent_as",
        "text",
        "told_at",
    )

    def __init__(
        self,
        name: str,
        text: str,
        limiter: Limiter,
        key_of: KeyOf,
        exceeded: Number,
        policy: Policy,
        spent_as: bytes,
        alone: Limiter,
        *,
        enforced: bool,
        proven: bool,
    ) -> None:
        self.name = name
        self.text = text
        self.limiter = limiter
        self.key_of = key_of
        self.exceeded = exceeded
        self.policy = policy
        self.spent_as = spent_as
        self.alone = alone
        self.enforced = enforced
        self.proven = proven
        self.refusing: dict[bytes, float] = {}
        self.refused = 0
        self.told_at = float("-inf")


def judging(limits: Sequence[Limit], audit: Audit) -> Callable[[Exchange], Failure | None]:
    """The hook for the limits of one phase."""
    if len(limits) == 1 and limits[0].enforced:
        return _One(limits[0], audit).judge
    return _Several(limits, audit).judge


class _One:
    """The only limit of its phase."""

    __slots__ = ("_audit", "_key_of", "_limit", "_limiter")

    def __init__(self, limit: Limit, audit: Audit) -> None:
        self._limit = limit
        self._audit = audit
        self._key_of = limit.key_of
        self._limiter = limit.limiter

    def judge(self, x: Exchange) -> Failure | None:
        """The hook."""
        verdict = self._limiter.spend(self._key_of(x), x.now)
        if verdict[0] < 0:
            return refuse(x, self._audit, [self._limit], [verdict])
        if x.limits is None:
            x.limits = [verdict]
        else:
            x.limits.append(verdict)
        return None


class _Several:
    """The limits of a phase, judged together; then those that only report, each by itself."""

    __slots__ = ("_audit", "_enforced", "_key_ofs", "_reporting", "_together")

    def __init__(self, limits: Sequence[Limit], audit: Audit) -> None:
        self._audit = audit
        self._enforced = [limit for limit in limits if limit.enforced]
        self._reporting = [limit for limit in limits if not limit.enforced]
        self._key_ofs = [limit.key_of for limit in self._enforced]
        self._together = Together([limit.limiter for limit in self._enforced])

    def judge(self, x: Exchange) -> Failure | None:
        """The hook."""
        now = x.now
        keys = [key_of(x) for key_of in self._key_ofs]
        verdicts = self._together.spend(keys, now)
        if verdicts is None:
            return refuse(x, self._audit, self._enforced, self._together.look(keys, now))
        if x.limits is None:
            x.limits = verdicts
        else:
            x.limits += verdicts
        for limit in self._reporting:
            if limit.limiter.spend(limit.key_of(x), now)[0] < 0:
                limit.exceeded.value += 1
        return None


def refuse(
    x: Exchange, audit: Audit, limits: Sequence[Limit], verdicts: Sequence[Verdict], untold: int = 0
) -> Failure:
    """The answer when some of these limits refuse. Replies tell of all but the first `untold`."""
    x.limits = [*(x.limits or ()), *((max(0, left), seconds) for left, seconds in verdicts[untold:])]
    refusing = [(seconds, limit) for limit, (left, seconds) in zip(limits, verdicts, strict=True) if left < 0]
    return over(x, audit, refusing)


def over(x: Exchange, audit: Audit, refusing: Sequence[tuple[float, Limit]]) -> Failure:
    """The answer when these limits refuse, and for how many seconds each will."""
    for _, limit in refusing:
        limit.exceeded.value += 1
        limit.refused += 1
        if x.now - limit.told_at >= AUDIT_S:
            audit(
                "rate_limit_exceeded",
                "medium",
                x,
                code=RATE_LIMIT_ERROR.code,
                limit=limit.name,
                refused=limit.refused,
            )
            limit.told_at = x.now
            limit.refused = 0
    seconds, limit = max(refusing, key=itemgetter(0))
    return replace(
        RATE_LIMIT_ERROR,
        fields=((b"retry-after", b"%d" % ceil(seconds)),),
        detail=f"the limit {limit.name} ({limit.text})",
    )
