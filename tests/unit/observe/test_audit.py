"""Audit lines: complete, never hidden by a level, secrets hidden."""

from __future__ import annotations

import json
from typing import Any

from portico.exchange.exchange import Exchange
from portico.exchange.identity import Identity
from portico.observe.audit import Audit, Severity
from portico.observe.log import Log
from portico.observe.writer import LogWriter
from tests.unit.observe.requests import exchange


class Kept:
    """A sink that keeps each write."""

    stream = False

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def send(self, data: bytes) -> int:
        self.writes.append(data)
        return len(data)

    def wait(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass


def audited(event: str, severity: Severity, x: Exchange | None, **extra: Any) -> dict[str, Any]:
    sink = Kept()
    Audit(Log(LogWriter("x", sink=sink), level="fatal"))(event, severity, x, **extra)
    (line,) = sink.writes
    entry: dict[str, Any] = json.loads(line)
    return entry


def test_a_line_says_who_what_and_how_grave() -> None:
    x = exchange(b"/x?password=1", b"POST", identity=Identity("u", "users", "jwt", tenant="t"))
    line = audited("authorization_failed", "high", x, permission="tickets:view", authorization="Bearer x")
    assert line.pop("time") > 0
    assert line == {
        "level": "error",
        "context": "audit",
        "type": "security",
        "event": "authorization_failed",
        "severity": "high",
        "requestId": "req_1",
        "userId": "u",
        "tenantId": "t",
        "ip": "10.0.0.1",
        "method": "POST",
        "url": "/x?password=[redacted]",
        "route": "/tickets/{id}",
        "permission": "tickets:view",
        "authorization": "[redacted]",
        "msg": "authorization_failed",
    }


def test_an_unproven_caller_has_no_name() -> None:
    assert audited("authentication_failed", "medium", exchange())["userId"] is None


def test_something_outside_of_any_request_is_audited_too() -> None:
    line = audited("configuration_changed", "low", None, by="reload")
    assert (line["level"], line["event"], line["by"]) == ("info", "configuration_changed", "reload")
    assert "ip" not in line


def test_the_default_goes_to_the_error_stream() -> None:
    assert "stderr" in repr(Audit()._log)
