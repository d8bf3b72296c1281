"""Whatever a client sends, each event is one line: JSON that is valid and ASCII, or text that prints; no line break of
any kind inside, no value under a secret's name, and never longer than a pipe takes in one piece.
"""

from __future__ import annotations

import json
import re

from portico.exchange import failure as failures
from portico.exchange.exchange import Exchange
from portico.exchange.identity import Identity
from portico.exchange.reply import Reply
from portico.exchange.request import Request
from portico.observe.access_lines import JsonLines, TextLines
from portico.observe.access_log import RouteLog
from portico.observe.log import Log
from portico.observe.redaction import Redaction
from portico.observe.writer import LogWriter

SEEDS = (
    b"\x00GET\n/a?b=c\nuser-agent: curl\nu1",
    b"\x01POST\n/a?token=Q7&b\nauthorization: Q7\nu1",
    b"\x02GET\n/\x1b[2J\nx: \x1b]0;\x07\n\xe2\x80\xa8",
    b"\x07PUT\n/caf\xc3\xa9?user%5Bpassword%5D=Q7\ncookie: Q7\n\xff",
    b"\x0cGET\nhttp://u:p@a.test/?a=1\nreferer: http://b/?apikey=Q7\nu",
)
WORDS = (
    b"\r", b"\r\n", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xc2\x85", b"\x0b", b"\x0c", b"\x1c", b"\x1e",
    b"\x00", b"\x7f", b'"', b"\\", b"\\n", b'"}', b"\x1b[2J", b"\x1b[31m", b"\xff", b"\xed\xa0\x80",
    b"\xe2\x80\xae", b"?", b"&", b";", b"=", b"#", b"token=Q7", b"password=Q7", b"pass%77ord=Q7",
    b"user[cvv]=Q7", b"//u:Q7@", b"authorization: Q7", b"set-cookie: Q7", b"x-api-key: Q7", b"\n", b": ",
    b"%0a", b"%", b"{", b"}",
)  # fmt: skip
BREAKS = rb"\n&?"  # where a line of it ends, as a set of a pattern
MAX_BYTES = 6000

_PIPE = 4096
_COLOURS = re.compile(r"\x1b\[(?:[0-9]{1,2}(?:;[0-9]{1,2})?)m")
_SECRET = b"Q7secretQ7"


class _Kept:
    """A sink that keeps what it is sent."""

    def __init__(self, stream: bool) -> None:
        self.stream = stream
        self.data = b""

    def send(self, data: bytes) -> int:
        assert not self.stream or len(data) <= _PIPE, "more than a pipe takes in one piece"
        self.data += data
        return len(data)

    def wait(self, timeout_s: float) -> None: ...
    def close(self) -> None: ...


def check(data: bytes) -> None:
    """Method, target, fields and caller, one a line; as JSON or text, to a file or a pipe, well framed or refused."""
    if not data:
        return
    kind = data[0]
    method, target, *rest = [*data[1:].split(b"\n"), b""]
    user = rest[-2] if len(rest) > 1 else b""
    stream, text, parsed = bool(kind & 1), bool(kind & 2), not kind & 4
    x = _exchange(method, target, rest, user, parsed=parsed, failed=bool(kind & 8))
    sink = _Kept(stream)
    writer = LogWriter("x", sink=sink)
    kind_of = TextLines if text else JsonLines
    log = RouteLog(kind_of("/x", "x", Redaction(), writer, True, True), writer, "trace", 1.0)
    log.begin(x)
    log.end(x)
    writer.flush()
    _judge(sink.data, text=text, count=3)
    if _SECRET not in data:
        _judge_secret(log, writer, sink, _exchange(method, target, rest, user, parsed=parsed, failed=False))
    sink.data = b""
    own = Log(writer, "info", "color" if text else "json")
    own.say("warn", user.decode("utf-8", "backslashreplace"), "fuzz", {"target": target, "method": method})
    _judge(sink.data, text=text, count=1)


def _exchange(
    method: bytes, target: bytes, rest: list[bytes], user: bytes, *, parsed: bool, failed: bool
) -> Exchange:
    request = Request()
    request.method, request.target = method, target
    for line in rest:
        name, mark, value = line.partition(b": ")
        if mark:
            request.fields.append((name.lower(), value))
    if parsed:
        request.path, _, request.query = target.partition(b"?")
    x = Exchange(None, request, 5.0)  # type: ignore[arg-type]  # nobody asks the stream
    x.finished = 10.0
    x.reply = Reply(200, list(request.fields))
    x.client, x.request_id = b"192.0.2.1", method
    x.params = {"id": target.partition(b"?")[0]}
    x.identity = Identity(user.decode("latin-1"), "users", "jwt")
    if failed:
        x.failure = failures.BAD_REQUEST.because(user.decode("latin-1"))
    return x


def _judge_secret(log: RouteLog, writer: LogWriter, sink: _Kept, x: Exchange) -> None:
    """The same with a parameter and a field more, whose names hide what they hold."""
    more = b"&token=" + _SECRET
    x.request.target += more
    if x.request.query:
        x.request.query += more
    elif x.request.path:
        x.request.path += more  # no mark before it: a part of the path, and free text
        x.request.target = x.request.target.removesuffix(more)
    x.request.fields.append((b"authorization", _SECRET))
    log.begin(x)
    log.end(x)
    writer.flush()
    assert _SECRET not in sink.data, "a secret stands in a line"


def _judge(written: bytes, *, text: bool, count: int) -> None:
    assert written.endswith(b"\n")
    lines = written.decode().splitlines()  # also at U+2028, U+0085 and their like
    assert len(lines) == count == written.count(b"\n"), f"{count} events in {len(lines)} lines: {lines}"
    for line in lines:
        if text:
            assert _COLOURS.sub("", line).isprintable(), f"{line!r} does not print"
        else:
            assert line.isascii(), line
            assert isinstance(json.loads(line), dict), line


if __name__ == "__main__":
    from .__main__ import alone

    alone("log_lines")
