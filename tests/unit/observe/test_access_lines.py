"""Lines for requests: what they say, and what they never say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portico.exchange import failure
from portico.exchange.exchange import Exchange
from portico.exchange.identity import Identity
from portico.exchange.venue import Venue
from portico.observe.access_lines import JsonLines, TextLines
from portico.observe.access_log import RouteLog, level_of, status_of
from portico.observe.redaction import Redaction
from portico.observe.text import Level
from portico.observe.writer import LogWriter
from tests.unit.observe.requests import exchange


class Kept:
    """A sink that keeps what it is sent."""

    def __init__(self, stream: bool = False) -> None:
        self.stream = stream
        self.data = b""

    def send(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def wait(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass


def route(
    sink: Kept,
    *,
    colour: bool = False,
    headers: bool = False,
    requests: bool = False,
    level: Level = "info",
    slow_s: float | None = None,
) -> tuple[RouteLog, LogWriter]:
    writer = LogWriter("x", sink=sink)
    form = TextLines if colour else JsonLines
    lines = form('/tickets/{id}"', "tickets", Redaction(["color"]), writer, headers, requests)
    return RouteLog(lines, writer, level, slow_s), writer


def logged(x: Exchange, *, begin: bool = False, **options: Any) -> list[dict[str, Any]]:
    sink = Kept()
    log, writer = route(sink, **options)
    if begin:
        log.begin(x)
    log.end(x)
    writer.flush()
    return [json.loads(line) for line in sink.data.split(b"\n")[:-1]]


def test_a_request_is_one_line_with_everything_in_it() -> None:
    caller = Identity('user "7"', "users", "jwt", tenant="acme")
    x = exchange(b"/tickets/7?page=2", b"POST", 201, identity=caller, seconds=0.0125)
    x.reply_bytes = 150
    (line,) = logged(x)
    assert line.pop("responseTime") == pytest.approx(12.5, abs=0.002)
    assert line.pop("time") > 1_600_000_000_000
    assert line == {
        "level": "info",
        "context": "response",
        "requestId": "req_1",
        "method": "POST",
        "url": "/tickets/7?page=2",
        "ip": "10.0.0.1",
        "statusCode": 201,
        "bytes": 150,
        "route": '/tickets/{id}"',
        "service": "tickets",
        "userId": 'user "7"',
        "tenantId": "acme",
        "msg": "POST /tickets/7 - 201",
    }


def test_a_checked_venue_is_in_the_line() -> None:
    x = exchange(identity=Identity("u", "users", "jwt", tenant="t"))
    x.venue = Venue("v-1", None, ())
    (line,) = logged(x)
    assert (line["tenantId"], line["venueId"]) == ("t", "v-1")
    assert b"v-1" in coloured_line(x)


def coloured_line(x: Exchange) -> bytes:
    sink = Kept()
    log, writer = route(sink, colour=True)
    log.end(x)
    writer.flush()
    return sink.data


def test_a_caller_without_a_tenant_has_none_in_the_line() -> None:
    (line,) = logged(exchange(identity=Identity("u", "users", "jwt")))
    assert line["userId"] == "u"
    assert "tenantId" not in line


def test_a_failure_says_what_and_whose_fault() -> None:
    (line,) = logged(exchange(status=502, failed=failure.UNREACHABLE.because("connect: refused")))
    assert (line["level"], line["failure"], line["side"], line["detail"]) == (
        "error",
        "BAD_GATEWAY",
        "service",
        "connect: refused",
    )


def test_levels_follow_the_status() -> None:
    assert [level_of(status) for status in (101, 200, 399, 400, 499, 500, 599)] == [
        "info", "info", "info", "warn", "warn", "error", "error",
    ]  # fmt: skip


def test_a_client_that_left_is_499() -> None:
    assert status_of(exchange(status=None)) == 499
    assert status_of(exchange(status=None, failed=failure.CLIENT_GONE)) == 499
    assert status_of(exchange(status=200, failed=failure.CLIENT_GONE)) == 499
    assert status_of(exchange(status=None, failed=failure.REQUEST_TIMEOUT)) == 408
    assert logged(exchange(status=None, failed=failure.CLIENT_GONE))[0]["msg"] == "GET /tickets/7 - 499"


def test_lines_below_the_level_are_not_written() -> None:
    assert logged(exchange(status=200), level="warn") == []
    assert len(logged(exchange(status=404), level="warn")) == 1
    assert logged(exchange(status=404), level="error") == []
    assert len(logged(exchange(status=500), level="error")) == 1
    assert logged(exchange(status=500), level="fatal") == []


def test_secrets_in_the_query_are_hidden() -> None:
    (line,) = logged(exchange(b"/x?page=1&password=geheim&color=red"))
    assert line["url"] == "/x?page=1&password=[redacted]&color=[redacted]"
    assert line["msg"] == "GET /x - 200"


def test_a_target_that_was_never_taken_apart_is_cleaned_too() -> None:
    for target in (
        b"/x?password=geheim|",
        b"http://me:geheim@h/x?cvv=geheim",
        b"*?ssn=geheim",
        b"password=1",
    ):
        x = exchange(target)
        x.request.path = x.request.query = b""
        (line,) = logged(x)
        assert "geheim" not in str(line)


def test_the_target_of_a_request_that_has_none_is_empty() -> None:
    x = exchange(b"", b"", 400, client=b"", request_id=b"")
    (line,) = logged(x)
    assert (line["url"], line["method"], line["msg"]) == ("", "", "  - 400")


def test_nothing_in_a_request_forges_a_line_or_paints() -> None:
    nasty = b'/\x1b[2J"\n{"level":"fatal"}\r\xe2\x80\xa8\xc2\x85\xff\x00\x7f\\'
    caller = Identity("u\n\x1b\u2028\ud800", "users", "jwt", tenant='"\n')
    x = exchange(nasty, b"G\nET", identity=caller, client=b"1\n", request_id=b'"\n')
    sink = Kept()
    log, writer = route(sink)
    log.begin(x)
    log.end(x)
    writer.flush()
    assert sink.data.isascii()
    assert sink.data.count(b"\n") == 2
    assert b"\x1b" not in sink.data
    assert b"\x7f" not in sink.data
    first, last = (json.loads(line) for line in sink.data.splitlines())
    assert first["method"] == last["method"] == "G\nET"
    assert last["userId"] == "u\n\x1b\u2028\ud800"


def test_coloured_lines_cannot_be_forged_or_repainted() -> None:
    nasty = b"/\x1b[2J\n12:00:00 FATAL\r\xe2\x80\xa8\xc2\x9b\xff"
    caller = Identity("u\n\x1b\u202e", "users", "jwt", tenant="\ud800")
    x = exchange(nasty, b"G\nET", 500, identity=caller, client=b"1\x1b", request_id=b"\n", seconds=2)
    sink = Kept()
    log, writer = route(sink, colour=True, slow_s=1)
    log.begin(x)
    log.end(x)
    writer.flush()
    lines = sink.data.decode().splitlines()
    assert len(lines) == 3
    for line in lines:
        assert line.startswith("\x1b[2m")
        assert line.replace("\x1b[", "").isprintable()
        assert "\\x1b[2J\\n12:00:00" in line
    assert "ERROR" in lines[1]
    assert " - 500 " in lines[1]
    assert "was slow" in lines[2]


def test_a_request_line_comes_first_when_asked_for() -> None:
    x = exchange(b"/tickets/7?cvv=1", b"POST")
    x.params = {"id": b"7", "password": b"x"}
    first, last = logged(x, begin=True, requests=True)
    assert (first["context"], last["context"]) == ("request", "response")
    assert (first["msg"], last["msg"]) == ("POST /tickets/7", "POST /tickets/7 - 200")
    assert first["url"] == "/tickets/7?cvv=[redacted]"
    assert first["params"] == {"id": "7", "password": "[redacted]"}
    assert "statusCode" not in first


def test_headers_are_shown_when_asked_for_without_secrets() -> None:
    fields = [(b"accept", b"*/*"), (b"authorization", b"Bearer geheim"), (b"x-api-key", b"geheim")]
    x = exchange(fields=fields, reply_fields=[(b"server", b"x"), (b"set-cookie", b"geheim")])
    (line,) = logged(x, headers=True)
    assert line["headers"] == {"server": "x", "set-cookie": "[redacted]"}
    assert line["requestHeaders"] == {
        "accept": "*/*",
        "authorization": "[redacted]",
        "x-api-key": "[redacted]",
    }
    first, last = logged(x, headers=True, requests=True, begin=True)
    assert first["headers"] == line["requestHeaders"]
    assert last["headers"] == line["headers"]
    assert "requestHeaders" not in last
    assert "geheim" not in str((line, first, last))


def test_a_slow_request_is_reported() -> None:
    usual, slow = logged(exchange(b"/x?ssn=1", seconds=1.5), slow_s=1.0)
    assert usual["context"] == "response"
    assert (slow["level"], slow["context"], slow["metric"]) == ("warn", "performance", "slow_request")
    assert slow["responseTime"] == pytest.approx(1500, abs=0.002)
    assert slow["url"] == "/x?ssn=[redacted]"
    assert slow["requestId"] == "req_1"
    assert len(logged(exchange(seconds=0.5), slow_s=1.0)) == 1
    assert len(logged(exchange(seconds=9), slow_s=None)) == 1


def test_what_is_meant_to_last_is_not_slow() -> None:
    assert len(logged(exchange(status=101, seconds=9), slow_s=1.0)) == 1
    events = exchange(reply_fields=[(b"content-type", b"text/event-stream; charset=utf-8")], seconds=9)
    assert len(logged(events, slow_s=1.0)) == 1


def test_slow_requests_are_a_matter_of_the_level_too() -> None:
    assert len(logged(exchange(seconds=2), slow_s=1.0, level="warn")) == 1
    assert logged(exchange(seconds=2), slow_s=1.0, level="error") == []


def test_a_long_target_is_cut_only_where_it_must() -> None:
    target = b"/" + b"x" * 8000
    assert logged(exchange(target))[0]["url"] == target.decode()
    sink = Kept(stream=True)
    log, writer = route(sink)
    log.end(exchange(target))
    writer.flush()
    assert len(sink.data) < 4096
    line = json.loads(sink.data)
    assert line["url"] == "/" + "x" * 1023 + "..."
    assert line["statusCode"] == 200


def test_many_callers_and_addresses_are_not_remembered_for_ever() -> None:
    sink = Kept()
    log, writer = route(sink)
    for number in range(4200):
        client = b"2001:db8::%x" % number
        log.end(exchange(client=client, identity=Identity(f"u{number}", "users", "jwt")))
    writer.flush()
    lines = [json.loads(line) for line in sink.data.splitlines()]
    assert [line["userId"] for line in lines] == [f"u{number}" for number in range(4200)]
    assert [line["ip"] for line in lines] == [f"2001:db8::{number:x}" for number in range(4200)]
