"""Whatever bytes a client sends: one request, one valid line, and no secret in it."""

from __future__ import annotations

import json
from time import monotonic

from hypothesis import given
from hypothesis import strategies as st

from portico.exchange.exchange import Exchange
from portico.exchange.identity import Identity
from portico.exchange.reply import Reply
from portico.exchange.request import Request
from portico.observe.access_lines import JsonLines, TextLines
from portico.observe.access_log import RouteLog
from portico.observe.redaction import Redaction
from portico.observe.shorten import shorten
from portico.observe.writer import LogWriter


class Kept:
    """A sink that keeps what it is sent."""

    def __init__(self, stream: bool) -> None:
        self.stream = stream
        self.data = b""

    def send(self, data: bytes) -> int:
        assert not self.stream or len(data) <= 4096
        self.data += data
        return len(data)

    def wait(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass


NASTY = st.sampled_from(
    [b"\n", b"\r", b'"', b"\\", b"\x1b[2J", b"\x00", b"\xe2\x80\xa8", b"\xc2\x85", b"\xff", b"&", b"?"]
)
BYTES = st.lists(st.one_of(st.binary(max_size=40), NASTY), max_size=8).map(b"".join)
FIELDS = st.lists(st.tuples(BYTES, BYTES), max_size=5)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)


def exchange(method: bytes, target: bytes, fields: list[tuple[bytes, bytes]], parsed: bool) -> Exchange:
    request = Request()
    request.method, request.target, request.fields = method, target, fields
    if parsed:
        request.path, _, request.query = target.partition(b"?")
    x = Exchange(None, request, monotonic())  # type: ignore[arg-type]  # observers ask nothing of a stream
    x.finished = x.now + 5
    x.reply = Reply(200, list(fields))
    x.client, x.request_id = target, method
    x.params = {"id": target}
    return x


@given(BYTES, BYTES, FIELDS, TEXTS, TEXTS, st.booleans(), st.booleans())
def test_any_request_is_exactly_one_valid_json_line_each_time(
    method: bytes,
    target: bytes,
    fields: list[tuple[bytes, bytes]],
    user: str,
    tenant: str,
    parsed: bool,
    stream: bool,
) -> None:
    x = exchange(method, target, fields, parsed)
    x.identity = Identity(user, "users", "jwt", tenant=tenant)
    sink = Kept(stream)
    writer = LogWriter("x", sink=sink)
    log = RouteLog(JsonLines("/x", "x", Redaction(), writer, True, True), writer, "trace", 1.0)
    log.begin(x)
    log.end(x)
    writer.flush()
    assert sink.data.isascii()
    lines = sink.data.decode().splitlines()  # splits at U+2028 and its like, too
    assert [json.loads(line)["context"] for line in lines] == ["request", "response", "performance"]
    assert json.loads(lines[1])["userId"] == user
    assert json.loads(lines[1])["level"] == "info"


@given(BYTES, BYTES, FIELDS, TEXTS, st.booleans())
def test_any_request_is_exactly_one_coloured_line_each_time(
    method: bytes, target: bytes, fields: list[tuple[bytes, bytes]], user: str, stream: bool
) -> None:
    x = exchange(method, target, fields, True)
    x.identity = Identity(user, "users", "jwt", tenant=user)
    sink = Kept(stream)
    writer = LogWriter("x", sink=sink)
    log = RouteLog(TextLines("/x", "x", Redaction(), writer, True, True), writer, "trace", 1.0)
    log.begin(x)
    log.end(x)
    writer.flush()
    lines = sink.data.decode().splitlines()
    assert len(lines) == 3
    for line in lines:
        plain = (
            line.replace("\x1b[2m", "").replace("\x1b[0m", "").replace("\x1b[32m", "").replace("\x1b[33m", "")
        )
        assert plain.isprintable()


SECRET = "geheim0815"
NAMES = st.sampled_from(
    ["password", "Password", "pass%77ord", "user[cvv]", "user%5Bssn%5D", "creditCard", "new_password"]
)
HARMLESS = st.sampled_from(["a", "page", "x%20y", "", "b=1", "%"])


@given(
    st.lists(HARMLESS, max_size=3),
    NAMES,
    st.lists(HARMLESS, max_size=3),
    st.sampled_from("&;"),
    st.booleans(),
)
def test_a_secret_parameter_never_shows(
    before: list[str], name: str, after: list[str], between: str, parsed: bool
) -> None:
    target = "/x?" + between.join([*before, f"{name}={SECRET}", *after])
    x = exchange(
        b"GET", target.encode(), [(b"referer", target.encode()), (b"cookie", SECRET.encode())], parsed
    )
    x.client = b""
    x.params = None
    sink = Kept(False)
    writer = LogWriter("x", sink=sink)
    log = RouteLog(JsonLines("/x", "x", Redaction(), writer, True, True), writer, "trace", 1.0)
    log.begin(x)
    log.end(x)
    writer.flush()
    assert SECRET.encode() not in sink.data


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=20,
)


@given(st.dictionaries(TEXTS, JSON, max_size=30), st.integers(0, 40))
def test_a_shortened_line_is_short_and_valid(entry: dict[str, object], more: int) -> None:
    entry = {
        **entry,
        "level": "info",
        "url": "/é" * more * 20,
        "headers": {str(n): "x" * more for n in range(more)},
    }
    line = shorten(json.dumps(entry).encode() + b"\n", 1024)
    assert len(line) <= 1024
    assert line.endswith(b"\n")
    assert json.loads(line)["level"] == "info"
