"""Whatever bytes a service sends in whatever pieces, the client gets one strictly well-formed reply, equal to what a
strict reader of ours sees in them, or a 502, or one that is plainly cut; bytes behind a reply never become the next
request's, and where they were split makes no difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from portico.testing import Malformed, Message, read_reply

from . import reference
from .reference import Answered, State
from .wired import House, ServiceEnd, house, pieces

SEEDS = (
    b"\x01\x00HTTP/1.1 200 OK\r\nContent-Length: 5\r\nZ-One: 1\r\n\r\nhello",
    b"\x02\x00HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nZ-End: 1\r\n\r\n",
    b"\x02\x01HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"\x00\x09HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    b"\x03\x01HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"\x01\x0aHTTP/1.0 404 Not Found\r\n\r\nnothing here",
    b"\x01\x00HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 None\r\n\r\n",
    b"\x01\x13HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nKeep-Alive: timeout=5\r\n\r\n",
    b"\x01\x02HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"\x01\x00HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
)
WORDS = (
    b"HTTP/1.1 ", b"HTTP/1.0 ", b"HTTP/2.0 ", b"RTSP/1.0 ", b"ICE/1.0 ", b"100 Continue\r\n", b"101 ",
    b"103 ", b"200 OK\r\n", b"204 No Content\r\n", b"304 Not Modified\r\n", b"500 ", b"600 ", b"099 ",
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n",
    b"Content-Length: 5, 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: identity\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n",
    b"Connection: z-one\r\n", b"Upgrade: websocket\r\n", b"Keep-Alive: timeout=1\r\n", b"Z-One: 1\r\n",
    b"Z-End: 1\r\n", b"Set-Cookie: a=b\r\n", b"X-Internal-Host: a\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n",
    b"5;a=b\r\n", b"Trailer: z-end\r\n", b" ", b":", b"\x00", b"\t",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
)  # fmt: skip
BREAKS = rb"\n"  # where a line of it ends, as a set of a pattern
MAX_BYTES = 2048

_FIRST = (
    b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"HEAD /a HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"GET /a HTTP/1.0\r\n\r\n",
    b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi",
    b"OPTIONS /a HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: a.test\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
)
_NEXT = b"GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n"
_GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
_NEVER = frozenset(
    b"keep-alive proxy-connection proxy-authenticate upgrade server x-powered-by x-internal-host".split()
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client got. `final` None: no whole reply, and `cut` when the connection has ended over it."""

    interim: tuple[int, ...]
    final: tuple[int, bytes, tuple[tuple[bytes, bytes], ...]] | None
    cut: bool
    next: bytes  # the body of the next reply on the connection


def check(data: bytes) -> None:
    """At once first, then in pieces."""
    if len(data) < 2:
        return
    way, kind, wire = data[0], data[1], data[2:]
    request = _FIRST[kind & 7]
    ends = (kind >> 3) % 3  # never, in order, by reset
    answered = reference.replies(wire, head_only=request.startswith(b"HEAD"), ended=ends == 1)
    whole = _outcome(house(), request, [wire] if wire else [], ends, answered)
    split = _outcome(house(), request, pieces(way, wire), ends, answered)
    if b"HTTP/1.0" in request and answered.final is not None and answered.final.all(b"transfer-encoding"):
        # Its end becomes a length, and the connection is kept, only if it is there when the head goes out.
        whole, split = replace(whole, next=b""), replace(split, next=b"")
    if _failed(whole) or _failed(split):
        # What the client has got before the piece that was wrong cannot be taken back.
        assert _failed(whole) == _failed(split), f"in pieces {split}, at once {whole}"
    else:
        assert split == whole, f"in pieces {split}, at once {whole}"


def _failed(outcome: Outcome) -> bool:
    return outcome.cut or (outcome.final is not None and outcome.final[0] == 502)


def _outcome(house: House, request: bytes, parts: list[bytes], ends: int, answered: Answered) -> Outcome:
    def script(end: ServiceEnd, message: Message) -> None:
        if message.target == b"/next":
            end.answer(_GOOD)
            return
        for part in parts:
            end.answer(part)
        if ends == 1:
            end.end(None)
        elif ends == 2:
            end.end(ConnectionResetError(104, "reset"))

    house.script = script
    caller = house.call()
    caller.say([request], patient=True)
    method = request.split(b" ")[0]
    interim: list[int] = []
    final: Message | None = None
    data = caller.received
    in_order = caller.finished and caller.ended != "abort"
    while data and final is None:
        try:
            reply = read_reply(data, to=method, ended=in_order)
        except Malformed:
            assert caller.finished, f"malformed, and the connection goes on: {data!r}"
            break
        if reply is None:
            break
        data = data[len(reply.raw) :]
        if reply.status < 200:
            interim.append(reply.status)
        else:
            final = reply
    cut = final is None and caller.finished
    assert final is None or not data, f"bytes behind the reply: {data!r}"
    following = b""
    if final is not None and not caller.finished:
        before = len(caller.received)
        caller.say([_NEXT], patient=True)
        second = read_reply(caller.received[before:])
        assert second is not None
        following = second.body
        assert (second.status, following) == (200, b"good"), f"the next request was told {second}"
        _judge_reuse(house, answered)
    if final is None:
        _judge_missing(answered, cut=cut, ends=ends)
    elif final.status != 502:
        _judge(answered, final, interim, request)
    house.leave(caller)
    told = None if final is None else (final.status, final.body, final.trailers)
    return Outcome(tuple(interim), told, cut, following)


def _judge_missing(answered: Answered, *, cut: bool, ends: int) -> None:
    assert answered.final is None or cut, "a whole reply was not passed on"
    assert cut or (ends == 0 and answered.state is State.OPEN), "the client waits for what cannot come"


def _judge_reuse(house: House, answered: Answered) -> None:
    """A connection is used again only when the reply ended where its bytes did."""
    if len(house.services) == 1:
        assert answered.final is not None, "a connection was used again that nobody understands"
        assert answered.final.keeps, "a connection was used again that the service ends"
        # Empty lines between messages are nothing (RFC 9112 section 2.2).
        assert not answered.surplus.strip(b"\r\n"), "surplus bytes, and the connection was used again"


def _judge(answered: Answered, final: Message, interim: list[int], request: bytes) -> None:
    sent = answered.final
    assert sent is not None, f"a reply was made of none: {final}"
    assert final.status == int(sent.start[1])
    assert final.body == sent.body, (final.body, sent.body)
    if b"HTTP/1.1" in request:
        assert interim == answered.interim, (interim, answered.interim)
    else:
        assert not interim
    names = {name for name, _ in final.fields}
    assert not names & _NEVER, names
    options = sent.options
    ours = [one for one in final.fields if one[0].startswith(b"z-")]
    assert ours == [one for one in sent.fields if one[0].startswith(b"z-") and one[0] not in options]
    if final.chunks is not None:
        ends = [one for one in sent.trailers if one[0].startswith(b"z-")]
        assert [one for one in final.trailers if one[0].startswith(b"z-")] == ends


if __name__ == "__main__":
    from .__main__ import alone

    alone("reply_bytes")
