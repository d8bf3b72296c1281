"""Audit lines: who was refused what, and what was tried (requirement 12.3). Written one by one, whatever the level.

They go where `logs.audit` says, each with one write of its own: what was told is there when the process dies.
An audit line names the caller as proven, never as claimed. Secrets in `extra` are hidden as everywhere.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from portico.exchange.exchange import Exchange

from .log import Log
from .text import Level

Severity = Literal["low", "medium", "high", "critical"]

_LEVELS: Final[dict[Severity, Level]] = {
    "low": "info",
    "medium": "warn",
    "high": "error",
    "critical": "error",
}


REPEAT_S = 1.0  # a flood of the same is worth one line in so much time


class Repeats:
    """How often something has happened that is not worth a line each time."""

    __slots__ = ("_told_at", "_untold")

    def __init__(self) -> None:
        self._told_at = float("-inf")
        self._untold = 0

    def count(self, now: float) -> int:
        """It has happened once more: how often since the last line, when one is due, else 0."""
        self._untold += 1
        if now - self._told_at < REPEAT_S:
            return 0
        times, self._untold = self._untold, 0
        self._told_at = now
        return times


class Audit:
    """Writes audit lines to a log. `audit(event, severity, x)` is one line.

    docs/logs-and-metrics.md lists the events.
    """

    __slots__ = ("_log",)

    def __init__(self, log: Log | None = None) -> None:
        self._log: Log | None = Log() if log is None else log

    def write_to(self, log: Log | None) -> None:
        """From now on; None for nowhere."""
        self._log = log

    def __call__(self, event: str, severity: Severity, x: Exchange | None = None, **extra: Any) -> None:
        """One line: what happened, how grave it is, in which exchange (None when outside of any), and more."""
        log = self._log
        if log is None:
            return
        fields: dict[str, Any] = {"type": "security", "event": event, "severity": severity}
        if x is not None:
            identity = x.identity
            fields |= {
                "requestId": x.request_id,
                "userId": None if identity is None else identity.subject,
                "tenantId": None if identity is None else identity.tenant,
                "ip": x.client,
                "method": x.request.method,
                "url": x.request.target,
                "route": x.route.template,
            }
        log.record(_LEVELS[severity], event, "audit", {**fields, **extra})
