"""A store outside this process, asked once per request: limits without identity, revocation, limits with it.

The hooks of the stages only gather the question (`exchange.question`), so that a request waits once and the store is
asked once (design decision 9). What a store says no to is remembered for a moment, so that a flood of refused requests
does not become a flood of questions. Without the store each feature does what its configuration says: answer from what
this worker knows, let pass, or refuse.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTHENTICATION_ERROR, INVALID_TOKEN, STORE_AWAY, Failure
from portico.exchange.identity import Identity
from portico.exchange.stage import Site
from portico.observe.audit import Audit
from portico.rules import Together, Verdict
from portico.stores.interface import Ask, Outcome, Spend, Store, StoreAwayError
from portico.stores.memory import MemoryStore

from .rate_limit import Limit, refuse

MOST_REFUSED = 4096  # callers of one limit that are remembered as refused

_CHALLENGE = b'Bearer error="invalid_token", error_description="The token was revoked"'
_REVOKED = INVALID_TOKEN.saying(INVALID_TOKEN.text, (b"www-authenticate", _CHALLENGE)).because(
    "it was revoked"
)


# What is no token has no registered scheme: the same words as in the refusals of those proofs.
_SCHEMES = {"session": b"Cookie", "api-key": b"ApiKey"}


def refuse_revoked(x: Exchange, audit: Audit) -> Failure:
    """What the bearer of something that was revoked is told."""
    failure = _REVOKED
    identity = x.identity
    scheme = None if identity is None else _SCHEMES.get(identity.source)
    if identity is not None and scheme is not None:
        challenge = b'%b realm="%b"' % (scheme, identity.method.encode())
        failure = AUTHENTICATION_ERROR.saying(
            AUTHENTICATION_ERROR.text, (b"www-authenticate", challenge)
        ).because(_REVOKED.detail)
    audit("revoked_token_used", "high", x, code=failure.code, reason=failure.detail)
    return failure


AwayLimits = Literal["local", "open", "closed"]
"""What limits do when the store cannot be asked."""


class StoreQuestion:
    """One request's question. Keys belong to the limits before them, one each."""

    __slots__ = (
        "_asker",
        "early",
        "early_keys",
        "identity",
        "late",
        "late_keys",
        "own",
        "own_key",
        "reported",
        "reported_keys",
    )

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self.early: Sequence[Limit] = ()
        self.early_keys: Sequence[bytes] = ()
        self.identity: Identity | None = None
        self.own: Limit | None = None  # of what proved the identity
        self.own_key = b""
        self.late: Sequence[Limit] = ()
        self.late_keys: Sequence[bytes] = ()
        self.reported: list[Limit] = []
        self.reported_keys: list[bytes] = []

    def settle(self, x: Exchange) -> Awaitable[Failure | None]:
        """Ask."""
        return self._asker.ask(self, x)


class Asker:
    """Asks the store of one configuration."""

    __slots__ = ("_audit", "_away", "_store")

    def __init__(self, store: Store, away: AwayLimits, audit: Audit) -> None:
        self._store = store
        self._away = away
        self._audit = audit

    def question(self, x: Exchange) -> StoreQuestion:
        """The exchange's question, begun if need be."""
        question = x.question
        if not isinstance(question, StoreQuestion):
            question = x.question = StoreQuestion(self)
        return question

    async def ask(self, question: StoreQuestion, x: Exchange, *, closed: bool = False) -> Failure | None:
        """Ask, and say what refuses the request. `closed`: without the store nobody passes whom it might refuse."""
        identity, own = question.identity, question.own
        limits, keys = question.late, question.late_keys
        untold = 0  # replies say nothing of a credential's own limit, which a route cannot announce
        if own is not None:
            limits, keys, untold = [own, *limits], [question.own_key, *keys], 1
        asked = Ask(
            _spends(question.early, question.early_keys),
            () if identity is None else identity.marks,
            0.0 if identity is None else identity.issued,
            _spends(limits, keys),
            _spends(question.reported, question.reported_keys),
        )
        try:
            outcome, early, late, over = await self._store.judge(asked)
        except StoreAwayError:
            return self._alone(question, x, limits, keys, untold, closed)
        if outcome is Outcome.EARLY:
            return self._over(x, question.early, question.early_keys, early)
        x.limits = list(early)
        if outcome is Outcome.REVOKED:
            return refuse_revoked(x, self._audit)
        if outcome is Outcome.LATE:
            return self._over(x, limits, keys, late, untold)
        x.limits += late[untold:]
        for limit, exceeds in zip(question.reported, over, strict=True):
            limit.exceeded.value += exceeds
        return None

    def _over(
        self,
        x: Exchange,
        limits: Sequence[Limit],
        keys: Sequence[bytes],
        verdicts: Sequence[Verdict],
        untold: int = 0,
    ) -> Failure:
        for limit, key, (left, seconds) in zip(limits, keys, verdicts, strict=True):
            if left < 0:
                if len(limit.refusing) >= MOST_REFUSED:
                    limit.refusing.clear()
                limit.refusing[key] = x.now + seconds
        return refuse(x, self._audit, limits, verdicts, untold)

    def _alone(
        self,
        question: StoreQuestion,
        x: Exchange,
        limits: Sequence[Limit],
        keys: Sequence[bytes],
        untold: int,
        closed: bool,
    ) -> Failure | None:
        """What the configuration says, in the same order."""
        away = self._away
        if away == "closed" and (question.early or limits):
            return STORE_AWAY.because("limits cannot be asked for")
        if away == "local":
            failure = self._count(x, question.early, question.early_keys)
            if failure is not None:
                return failure
        if question.identity is not None and closed:
            return STORE_AWAY.because("revocations cannot be asked for")
        if away == "local":
            return self._count(x, limits, keys, untold)
        return None

    def _count(
        self, x: Exchange, limits: Sequence[Limit], keys: Sequence[bytes], untold: int = 0
    ) -> Failure | None:
        together = Together([limit.alone for limit in limits])
        verdicts = together.spend(keys, x.now)
        if verdicts is None:
            return refuse(x, self._audit, limits, together.look(keys, x.now), untold)
        x.limits = [*(x.limits or ()), *verdicts[untold:]]
        return None


def store_of(site: Site) -> Store:
    """The store of the gateway."""
    return site.live("store", _no_store)


def asker_of(site: Site) -> Asker | None:
    """What asks the store of this configuration; None when it is in this process, where nobody has to wait for it."""
    store = store_of(site)
    if isinstance(store, MemoryStore):
        return None
    return site.shared(
        "asker", lambda: Asker(store, site.settings.gateway.store.away.limits, site.live("audit", Audit))
    )


def _no_store() -> Store:
    raise AssertionError("a gateway always has a store")


def _spends(limits: Sequence[Limit], keys: Sequence[bytes]) -> Sequence[Spend]:
    return [Spend(limit.spent_as, limit.limiter.rule, key) for limit, key in zip(limits, keys, strict=True)]


def gathering(limits: Sequence[Limit], audit: Audit, asker: Asker) -> Callable[[Exchange], Failure | None]:
    """The hook that puts the limits of one phase into the question."""
    return _Gathering(limits, audit, asker).gather


class _Gathering:
    __slots__ = ("_asker", "_audit", "_enforced", "_late", "_reporting")

    def __init__(self, limits: Sequence[Limit], audit: Audit, asker: Asker) -> None:
        self._asker = asker
        self._audit = audit
        self._enforced = [limit for limit in limits if limit.enforced]
        self._reporting = [limit for limit in limits if not limit.enforced]
        self._late = any(limit.proven for limit in limits)

    def gather(self, x: Exchange) -> Failure | None:
        """The hook. Refuses only whom the store has refused a moment ago."""
        question = self._asker.question(x)
        enforced = self._enforced
        keys = [limit.key_of(x) for limit in enforced]
        now = x.now
        for limit, key in zip(enforced, keys, strict=True):
            if limit.refusing and limit.refusing.get(key, 0.0) > now:
                x.question = None
                return self._refuse_again(x, keys)
        if self._late:
            question.late, question.late_keys = enforced, keys
        else:
            question.early, question.early_keys = enforced, keys
        for limit in self._reporting:
            question.reported.append(limit)
            question.reported_keys.append(limit.key_of(x))
        return None

    def _refuse_again(self, x: Exchange, keys: Sequence[bytes]) -> Failure:
        over = [
            (limit, limit.refusing[key] - x.now)
            for limit, key in zip(self._enforced, keys, strict=True)
            if limit.refusing.get(key, 0.0) > x.now
        ]
        return refuse(x, self._audit, [limit for limit, _ in over], [(-1, seconds) for _, seconds in over])


class Judging:
    """The hook that asks, where all of a route's question has been gathered."""

    __slots__ = ("_asker", "_closed")

    def __init__(self, asker: Asker, *, closed: bool) -> None:
        self._asker = asker
        self._closed = closed

    def judge(self, x: Exchange) -> Awaitable[Failure | None] | None:
        """Waits for the store when there is something to ask."""
        question = x.question
        if not isinstance(question, StoreQuestion):
            return None
        x.question = None
        return self._asker.ask(question, x, closed=self._closed)
