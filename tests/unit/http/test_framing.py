"""`check` fills in what the rest of the gateway relies on. What it refuses stands in tests/conformance."""

import pytest

from portico.exchange.request import Request
from portico.http.framing import NAMES, check

LINE = b"GET /a HTTP/1.1\r\n"


def request(
    *fields: tuple[bytes, bytes],
    method: bytes = b"GET",
    target: bytes = b"/a",
    host: bytes | None = b"a.test",
) -> Request:
    made = Request()
    made.method, made.target = method, target
    made.fields = [*fields] if host is None else [(b"host", host), *fields]
    made.special = [(kind, value) for name, value in made.fields if (kind := NAMES[name][1])]
    return made


def checked(made: Request, version: bytes = b"1.1", upgraded: bool = False) -> Request:
    made.version = version
    failure = check(made, b"%b %b HTTP/%b\r\nhost: x\r\n" % (made.method, made.target, version), upgraded)
    assert failure is None, failure
    return made


def test_authority_and_host() -> None:
    made = checked(request(host=b"Shop.Test:8080"))
    assert (made.authority, made.host) == (b"shop.test:8080", b"shop.test")


def test_absolute_form_replaces_host() -> None:
    made = checked(request(target=b"http://B.test:80/x?y"))
    assert (made.authority, made.host, made.path, made.query) == (b"b.test:80", b"b.test", b"/x", b"y")


def test_target_stays_as_received_and_path_is_normal() -> None:
    made = checked(request(target=b"/%7ea/../b?c=%2e"))
    assert (made.target, made.path, made.query) == (b"/%7ea/../b?c=%2e", b"/b", b"c=%2e")


def test_version_1_0_needs_no_host() -> None:
    made = checked(request(host=None), b"1.0")
    assert (made.version, made.authority, made.host) == (b"1.0", b"", b"")


def test_framing_is_settled() -> None:
    assert checked(request((b"content-length", b"007"))).length == 7
    assert checked(request((b"transfer-encoding", b" Chunked "))).chunked
    assert not checked(request()).has_body
    assert not checked(request((b"content-length", b"0"))).has_body


def test_options_of_connection_are_collected() -> None:
    made = checked(request((b"connection", b"Foo, close"), (b"proxy-connection", b"bar")))
    assert made.options == (b"foo", b"close", b"bar")


@pytest.mark.parametrize(("version", "expects"), [(b"1.1", True), (b"1.0", False)])
def test_expectation(version: bytes, expects: bool) -> None:
    assert checked(request((b"expect", b"100-Continue ")), version).expects_continue is expects


@pytest.mark.parametrize(
    ("method", "value", "version", "upgrade"),
    [
        (b"GET", b"WebSocket ", b"1.1", b"websocket"),
        (b"GET", b"h2c", b"1.1", b""),
        (b"GET", b"websocket, h2c", b"1.1", b""),
        (b"POST", b"websocket", b"1.1", b""),
        (b"GET", b"websocket", b"1.0", b""),
    ],
)
def test_upgrade(method: bytes, value: bytes, version: bytes, upgrade: bytes) -> None:
    made = request((b"upgrade", value), (b"connection", b"upgrade"), method=method)
    assert checked(made, version, upgraded=True).upgrade == upgrade


def test_upgrade_counts_only_when_the_parser_agrees() -> None:
    assert checked(request((b"upgrade", b"websocket"))).upgrade == b""


def test_request_id_is_kept_without_spaces() -> None:
    assert checked(request((b"x-request-id", b"abcdefgh "))).told_id == b"abcdefgh"


@pytest.mark.parametrize(
    "raw",
    [
        b"SOURCE /a ICE/1.0\r\n",
        b"GET  /a HTTP/1.1\r\n",
        b"",
        b"GET /a RTSP/1.0\r\n",
        b"GET  /a HTTP/1.1\r\nz: GET /a HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n",
    ],
)
def test_request_line_must_stand_there_to_the_letter(raw: bytes) -> None:
    failure = check(request(method=raw.split(b" ")[0] or b"GET"), raw, False)
    assert failure is not None
    assert failure.status in (400, 505)
