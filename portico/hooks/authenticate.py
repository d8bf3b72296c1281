"""The hooks that ask who calls: the methods of one route in their order, and where their verdicts are counted.

The first method that finds its credential decides; the rest of the rule stands in `stages.authenticate`, which makes
one `Asking` per route. Nothing is decided here that can be decided at load.
"""

from __future__ import annotations

from collections.abc import Sequence

from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTH_REQUIRED, TOKEN_EXPIRED, Failure
from portico.exchange.identity import Identity
from portico.identity.proofs import Proof
from portico.observe.audit import Audit, Severity
from portico.observe.families import Metrics

# A missing or old token is everyday life, a false one is not.
_SEVERITIES: dict[str, Severity] = {AUTH_REQUIRED.code: "low", TOKEN_EXPIRED.code: "low"}


class Asking:
    """The methods of one route, and where their verdicts are counted."""

    __slots__ = ("_audit", "_clock", "_failed", "_missing", "_proofs", "_proven")

    def __init__(self, proofs: Sequence[Proof], clock: Clock, metrics: Metrics, audit: Audit) -> None:
        self._proofs = tuple(proofs)
        self._audit = audit
        self._clock = clock
        self._proven = metrics.authentication_success
        self._failed = metrics.authentication_failure
        challenges = dict.fromkeys(proof.challenge for proof in proofs)
        self._missing = AUTH_REQUIRED.because("no credential").saying(
            AUTH_REQUIRED.text, *((b"www-authenticate", challenge) for challenge in challenges)
        )

    def the_only_one(self, x: Exchange) -> Failure | None:
        """The hook of a route with one method."""
        verdict = self._proofs[0].prove(x.request, x.now + self._clock.offset)
        if isinstance(verdict, Identity):
            x.identity = verdict
            self._proven.value += 1
            return None
        return self._refuse(x, verdict)

    def in_order(self, x: Exchange) -> Failure | None:
        """The hook of a route with several methods."""
        wall = x.now + self._clock.offset
        for proof in self._proofs:
            verdict = proof.prove(x.request, wall)
            if isinstance(verdict, Identity):
                x.identity = verdict
                self._proven.value += 1
                return None
            if verdict is not None:
                return self._refuse(x, verdict)
        return self._refuse(x, None)

    def _refuse(self, x: Exchange, failure: Failure | None) -> Failure:
        self._failed.value += 1
        if failure is None:
            failure = self._missing
        severity = _SEVERITIES.get(failure.code, "medium")
        self._audit("authentication_failed", severity, x, code=failure.code, reason=failure.detail)
        return failure
