"""The hook that asks whether a proven caller may: one look-up by method, one by role, in tables made at load.

What the tables hold is decided in `stages.authorize`; here is only what runs for every request.
"""

from __future__ import annotations

from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTHORIZATION_ERROR, FORBIDDEN, Failure
from portico.observe.audit import Audit


class Demand:
    """What is asked for, and the roles that fulfil it."""

    __slots__ = ("allowed", "text")

    def __init__(self, text: str, allowed: frozenset[str]) -> None:
        self.text = text
        self.allowed = allowed


class Access:
    """One route's table: method → demand."""

    __slots__ = ("_audit", "_other", "_table")

    def __init__(self, table: dict[bytes, Demand], other: Demand | None, audit: Audit) -> None:
        self._table = table
        self._other = other
        self._audit = audit

    def judge(self, x: Exchange) -> Failure | None:
        """The hook."""
        identity = x.identity
        if identity is None:
            # Not 401: no stage of this route would look at credentials, so asking for some would mislead.
            return self._refuse(x, AUTHORIZATION_ERROR, "nobody was proven before authorize was asked")
        demand = self._table.get(x.request.method, self._other)
        if demand is None:
            return self._refuse(
                x, AUTHORIZATION_ERROR, f"authorize does not name {x.request.method.decode('latin-1')}"
            )
        held = identity.roles
        if x.venue is not None and x.venue.roles is not None:
            held = x.venue.roles  # what they are there, whatever they are elsewhere
        if demand.allowed.isdisjoint(held):
            roles = ", ".join(held) or "no role"
            return self._refuse(x, FORBIDDEN, f"{identity.subject} ({roles}) lacks {demand.text}")
        return None

    def _refuse(self, x: Exchange, failure: Failure, reason: str) -> Failure:
        self._audit("authorization_failed", "medium", x, code=failure.code, reason=reason)
        return failure.because(reason)
