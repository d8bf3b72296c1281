"""However the bytes of well-formed requests arrive, the road is handed the same requests, which are those meant."""

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.memory import MemoryBudget
from portico.exchange.reply import Reply
from portico.exchange.request import Request
from portico.exchange.stream import Stream
from portico.http.connection import Connection
from portico.http.listener import Listener

Field = tuple[bytes, bytes]

LIMITS = SimpleNamespace(
    connections=10,
    connections_per_client=None,
    handshakes=10,
    header_bytes=32768,
    header_count=100,
    target=8192,
)
TIMEOUTS = SimpleNamespace(handshake=10.0, header=10.0, body=30.0, keep_alive=75.0)


@dataclass(frozen=True)
class Meant:
    """A request as its sender means it."""

    method: bytes
    path: bytes
    query: bytes
    fields: tuple[Field, ...]
    body: bytes
    trailers: tuple[Field, ...] = ()


class Wire(asyncio.Transport):
    """A client's end that takes everything and remembers how it was ended."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 80)})
        self.written = b""
        self.ended = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


class Recorder:
    """A road on which every request is answered when it is complete, at once or `later`."""

    def __init__(self, later: bool) -> None:
        self.later = later
        self.found: list[Meant] = []
        self.refused: list[Failure] = []
        self.waiting: list[Exchange] = []
        self.bodies: dict[int, bytes] = {}

    def begin(self, stream: Stream, request: Request, now: float) -> Exchange:
        x = Exchange(stream, request, now)
        self.bodies[id(x)] = b""
        self.body(x)
        return x

    def refuse(self, stream: Stream, request: Request, failure: Failure, now: float) -> Exchange:
        self.refused.append(failure)
        return Exchange(stream, request, now)

    def body(self, x: Exchange) -> None:
        request = x.request
        self.bodies[id(x)] += b"".join(request.parts)
        request.parts = []
        if not request.complete or x.ended:
            return
        x.ended = True
        self.found.append(
            Meant(
                request.method,
                request.path,
                request.query,
                tuple(
                    field
                    for field in request.fields
                    if field[0] not in (b"content-length", b"transfer-encoding")
                ),
                self.bodies[id(x)],
                tuple(request.trailers),
            )
        )
        self.waiting.append(x)
        if not self.later:
            self.answer()

    def answer(self) -> None:
        waiting, self.waiting = self.waiting, []
        for x in waiting:
            x.stream.send_head(Reply(200, body=b"ok"), b"ok", True, [])

    def broken(self, x: Exchange, failure: Failure) -> None:
        self.refused.append(failure)

    def gone(self, x: Exchange) -> None: ...


names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True).map(lambda name: b"z-" + name.encode())
values = st.from_regex(r"([!-~]([ -~\t]{0,12}[!-~])?)?", fullmatch=True).map(str.encode)
field_lists = st.lists(st.tuples(names, values), max_size=4).map(tuple)
segments = st.from_regex(r"[a-z0-9_~-]{1,6}", fullmatch=True)
paths = st.lists(segments, min_size=1, max_size=3).map(
    lambda parts: "".join(f"/{part}" for part in parts).encode()
)
queries = st.from_regex(r"([a-z0-9=&%._~?/-]{1,10})?", fullmatch=True).map(str.encode)
bodies = st.one_of(
    st.binary(max_size=40), st.just(b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"), st.just(b"0\r\n\r\n")
)
extensions = st.sampled_from([b"", b";a", b";a=b", b';a="b;c"'])


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, Meant]:
    """A well-formed request in one of its many spellings."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"PATCH", b"OPTIONS"]))
    path, query = draw(paths), draw(queries)
    fields = draw(field_lists)
    target = path + (b"?" + query if query else b"")
    head = b"%b %b HTTP/1.1\r\nHost:%ba.test\r\n" % (
        method,
        target,
        draw(st.sampled_from([b"", b" ", b"\t "])),
    )
    for name, value in fields:
        head += b"%b:%b%b\r\n" % (
            draw(st.sampled_from([name, name.upper()])),
            draw(st.sampled_from([b"", b" "])),
            value,
        )
    all_fields = ((b"host", b"a.test"), *fields)
    body = draw(bodies)
    kind = draw(st.sampled_from(["none", "length", "chunked"]))
    empty_lines = b"\r\n" * draw(st.integers(0, 1))
    if kind == "none":
        return empty_lines + head + b"\r\n", Meant(method, path, query, all_fields, b"")
    if kind == "length":
        data = b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        return empty_lines + data, Meant(method, path, query, all_fields, body)
    data = head + b"Transfer-Encoding: chunked\r\n\r\n"
    rest = body
    while rest:
        size = draw(st.integers(1, len(rest)))
        data += b"%x%b\r\n%b\r\n" % (size, draw(extensions), rest[:size])
        rest = rest[size:]
    trailers = draw(field_lists)
    data += b"0%b\r\n%b\r\n" % (draw(extensions), b"".join(b"%b: %b\r\n" % field for field in trailers))
    return empty_lines + data, Meant(method, path, query, all_fields, body, trailers)


@given(
    messages=st.lists(requests(), min_size=1, max_size=4),
    cuts=st.lists(st.floats(0, 1), max_size=12),
    later=st.booleans(),
)
def test_any_split_of_any_pipeline(
    messages: list[tuple[bytes, Meant]], cuts: list[float], later: bool
) -> None:
    data = b"".join(message for message, _ in messages)
    points = sorted({0, len(data), *(int(cut * len(data)) for cut in cuts)})
    road = Recorder(later)
    listener = Listener(road, LIMITS, TIMEOUTS, (), MemoryBudget(1 << 20))
    wire = Wire()
    connection = Connection(listener, b"http")
    connection.connection_made(wire)
    for start, end in pairwise(points):
        connection.data_received(data[start:end])
        if later:
            road.answer()
    while road.waiting:
        road.answer()
    assert road.refused == []
    assert road.found == [meant for _, meant in messages]
    assert wire.written.count(b"HTTP/1.1 200 OK\r\n") == len(messages)
    assert not wire.ended
    assert listener.memory.used == 0


def test_body_that_was_held_comes_before_what_follows_it() -> None:
    """Found by the property above: the second request's body arrives in part while the first waits for its reply."""
    road = Recorder(later=True)
    listener = Listener(road, LIMITS, TIMEOUTS, (), MemoryBudget(1 << 20))
    connection = Connection(listener, b"http")
    connection.connection_made(Wire())
    second = b"POST /2 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 12\r\n\r\n"
    connection.data_received(b"GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n" + second + b"one ")
    connection.data_received(b"two ")  # held
    road.answer()
    connection.data_received(b"six.")
    road.answer()
    assert [meant.body for meant in road.found] == [b"", b"one two six."]
