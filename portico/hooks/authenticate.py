"""The hooks that ask who calls: the methods of one route in their order, and where their verdicts are counted.

The first method that finds its credential decides; the rest of the rule stands in `stages.authenticate`, which makes
one `Asking` per route. Nothing is decided here that can be decided at load. A method that has to wait, for a key that
nobody has used before, makes a coroutine of the hook; on the next request it does not.

Whoever was proven may still have been revoked. A store in this process is asked at once, another one is asked together
with the limits (`hooks.judge`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTH_REQUIRED, TOKEN_EXPIRED, Failure
from portico.exchange.identity import Identity
from portico.identity.proofs import Proof, Proven
from portico.observe.audit import Audit, Severity
from portico.observe.families import Metrics
from portico.stores.memory import MemoryStore

from .judge import Asker, refuse_revoked
from .own_limits import OwnLimits

# A missing or old token is everyday life, a false one is not.
_SEVERITIES: dict[str, Severity] = {AUTH_REQUIRED.code: "low", TOKEN_EXPIRED.code: "low"}


class Asking:
    """The methods of one route, and where their verdicts are counted.

    `local` is the store when it is in this process, and else None: then `asker` asks it. `own` counts the limits of
    credentials themselves, None where limits are switched off.
    """

    __slots__ = ("_asker", "_audit", "_clock", "_failed", "_local", "_missing", "_own", "_proofs", "_proven")

    def __init__(
        self,
        proofs: Sequence[Proof],
        clock: Clock,
        metrics: Metrics,
        audit: Audit,
        local: MemoryStore | None,
        asker: Asker | None,
        own: OwnLimits | None = None,
    ) -> None:
        self._proofs = tuple(proofs)
        self._audit = audit
        self._clock = clock
        self._local = local
        self._asker = asker
        self._own = own
        self._proven = metrics.authentication_success
        self._failed = metrics.authentication_failure
        challenges = dict.fromkeys(proof.challenge for proof in proofs)
        self._missing = AUTH_REQUIRED.because("no credential").saying(
            AUTH_REQUIRED.text, *((b"www-authenticate", challenge) for challenge in challenges if challenge)
        )

    def the_only_one(self, x: Exchange) -> Failure | Awaitable[Failure | None] | None:
        """The hook of a route with one method."""
        verdict = self._proofs[0].prove(x, x.now + self._clock.offset)
        if isinstance(verdict, Identity):
            return self._admit(x, verdict)
        if verdict is None or isinstance(verdict, Failure):
            return self._refuse(x, verdict)
        return self._wait(x, verdict, 1)

    def in_order(self, x: Exchange) -> Failure | Awaitable[Failure | None] | None:
        """The hook of a route with several methods."""
        wall = x.now + self._clock.offset
        for number, proof in enumerate(self._proofs, 1):
            verdict = proof.prove(x, wall)
            if isinstance(verdict, Identity):
                return self._admit(x, verdict)
            if isinstance(verdict, Failure):
                return self._refuse(x, verdict)
            if verdict is not None:
                return self._wait(x, verdict, number)
        return self._refuse(x, None)

    async def _wait(self, x: Exchange, pending: Awaitable[Proven], number: int) -> Failure | None:
        """The same from a method on that has to wait; `number` is that of the next one."""
        verdict = await pending
        while verdict is None and number < len(self._proofs):
            found = self._proofs[number].prove(x, x.now + self._clock.offset)
            number += 1
            verdict = found if found is None or isinstance(found, Identity | Failure) else await found
        return self._admit(x, verdict) if isinstance(verdict, Identity) else self._refuse(x, verdict)

    def _admit(self, x: Exchange, identity: Identity) -> Failure | None:
        local = self._local
        if local is not None and local.is_revoked(identity.marks, identity.issued):
            x.identity = identity  # for the audit line: it was theirs
            self._failed.value += 1
            return refuse_revoked(x, self._audit)
        x.identity = identity
        self._proven.value += 1
        if local is None and identity.marks and self._asker is not None:
            self._asker.question(x).identity = identity
        if identity.limit is not None and self._own is not None:
            return self._own.judge(x, identity.limit)
        return None

    def _refuse(self, x: Exchange, failure: Failure | None) -> Failure:
        self._failed.value += 1
        if failure is None:
            failure = self._missing
        if failure.status >= 500:
            return failure  # nobody could be asked: that is no attempt to come in
        severity = _SEVERITIES.get(failure.code, "medium")
        self._audit("authentication_failed", severity, x, code=failure.code, reason=failure.detail)
        return failure
