"""Whatever bytes a client sends in whatever pieces, the service sees exactly the requests that a strict reader of ours
sees in them, in order and whole, or the client is refused and its connection ended; where the bytes were split makes
no difference to either side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from portico.routing.normal import normalise
from portico.testing import Message, read_reply
from tests.conformance.case import Seen

from . import reference
from .reference import Sent, State
from .wired import House, house, pieces

_H = b"Host: a.test\r\n"
SEEDS = (
    b"\x01GET /a HTTP/1.1\r\n" + _H + b"\r\n",
    b"\x05GET /a?b=c HTTP/1.1\r\nHost: a.test\r\nZ-One: 1\r\n\r\nGET /b HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"\x01GET /a HTTP/1.1\r\n" + _H + b"Z-One: GET /a HTTP/1.1\r\n\r\n",
    b"\x02POST /a HTTP/1.1\r\n" + _H + b"Content-Length: 5\r\n\r\nhello",
    b"\x03POST /a HTTP/1.1\r\n"
    + _H
    + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nZ-End: 1\r\n\r\n",
    b"\x00GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n",
    b"\x07PUT http://a.test:80/a HTTP/1.1\r\n"
    + _H
    + b"Content-Length: 2\r\nConnection: close\r\n\r\nhiGET /",
    b"\x01HEAD /%61/../b HTTP/1.1\r\n" + _H + b"Connection: z-one\r\nZ-One: 1\r\n\r\n",
    b"\x01OPTIONS * HTTP/1.1\r\n" + _H + b"Expect: 100-continue\r\n\r\n",
    b"\x01GET /a HTTP/1.1\r\n"
    + _H
    + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\nGET /b HTTP/1.1\r\n"
    + _H
    + b"\r\n",
    b"\x01GET /a HTTP/1.1\r\n" + _H + b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n",
)
WORDS = (
    b"GET ", b"POST ", b"HEAD ", b"OPTIONS ", b"QUERY ", b"SOURCE ", b"PRI * HTTP/2.0\r\n\r\n", b"CONNECT ",
    b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/0.9\r\n", b" RTSP/1.0\r\n", b"\r\n", b"\r\n\r\n", b"\n",
    b"\r", b"\t", b"Host: a.test\r\n", b"Host:", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n",
    b"Content_Length: 9\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer_Encoding: chunked\r\n", b"chunked", b"identity", b"Connection: close\r\n",
    b"Connection: keep-alive\r\n", b"Connection: upgrade\r\n", b"Connection: z-one, content-length\r\n",
    b"Proxy-Connection: close\r\n", b"Upgrade: websocket\r\n", b"Upgrade: h2c\r\n",
    b"HTTP2-Settings: a\r\n", b"Expect: 100-continue\r\n", b"TE: trailers\r\n", b"Z-One: 1\r\n",
    b"X-User-Id: 1\r\n", b"X-Forwarded-For: 1.2.3.4\r\n", b"X-Request-Id: abcdefgh\r\n",
    b"Keep-Alive: timeout=5\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n", b"5;a=b\r\n", b"Trailer: z-end\r\n",
    b"Z-End: 1\r\n", b" ", b":", b",", b"\x00", b"/smuggled", b"http://a.test/", b"*", b"%2e%2e/", b"..;/",
    b"?", b"#", b"\\", b"//", b"  ", b"Z-One: GET /a HTTP/1.1\r\n", b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n",
)  # fmt: skip
BREAKS = rb"\n"  # where a line of it ends, as a set of a pattern
MAX_BYTES = 2048

# Names that must never come from a client; underscores count as hyphens.
_NEVER = frozenset(
    b"connection proxy-connection keep-alive te transfer-encoding content-length upgrade http2-settings "
    b"proxy-authenticate proxy-authorization host expect x-request-id forwarded x-real-ip x-original-ip proxy "
    b"x-request-deadline x-user-id x-tenant-id x-forwarded-for x-gateway-forwarded".split()
)
_HANDSHAKE = ((b"connection", b"upgrade"), (b"upgrade", b"websocket"))
_TRAILERS = ((b"te", b"trailers"), (b"connection", b"te"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What both sides got of it. `ended`: the gateway takes no more."""

    seen: tuple[Seen, ...]
    statuses: tuple[int, ...]
    ended: bool


def check(data: bytes) -> None:
    """Whole first, then in pieces."""
    if not data:
        return
    way, wire = data[0], data[1:]
    reading = reference.requests(wire)
    whole = _outcome(house(), [wire] if wire else [], reading, patient=bool(way & 4))
    _judge(reading, whole)
    split = _outcome(house(), pieces(way, wire), reading, patient=bool(way & 4))
    _judge(reading, split)
    if not _may_end_early(reading):
        if len(whole.statuses) > len(reading.messages):
            whole, split = _one_fault(whole), _one_fault(split)
        assert split == whole, f"in pieces {split}, at once {whole}"


def _one_fault(outcome: Outcome) -> Outcome:
    """A request that is no whole one and beyond a limit, too, is told what was noticed first."""
    if outcome.statuses[-1:] in ((414,), (431,)):
        return replace(outcome, statuses=(*outcome.statuses[:-1], 400))
    return outcome


def _outcome(house: House, parts: list[bytes], reading: reference.Reading, *, patient: bool) -> Outcome:
    caller = house.call()
    caller.say(parts, patient=patient)
    methods = [sent.start[0] for sent in reading.messages]
    replies = _replies(caller.received, methods)
    seen = tuple(map(Seen.of, house.seen))
    if caller.finished:
        assert replies, "ended without a word"
        assert replies[-1].get(b"connection") == b"close", "ended without saying so"
    for end in house.services:
        assert end.taken == len(end.received) or caller.finished or reading.state is State.OPEN, end.received
    outcome = Outcome(seen, tuple(reply.status for reply in replies), caller.finished)
    house.leave(caller)
    return outcome


def _replies(data: bytes, methods: list[bytes]) -> list[Message]:
    """What the client got, all of it strictly well formed."""
    found: list[Message] = []
    while data:
        to = methods[len(found)] if len(found) < len(methods) else b"GET"
        reply = read_reply(data, to=to)
        if reply is None or (to == b"HEAD" and reply.status >= 400):
            # The refusal of what is no whole request does not know yet, or cannot tell, whether that was a HEAD.
            reply = read_reply(data, to=b"GET") or read_reply(data, to=b"HEAD")
        assert reply is not None, f"half a reply: {data!r}"
        found.append(reply)
        data = data[len(reply.raw) :]
    return found


def _judge(reading: reference.Reading, outcome: Outcome) -> None:
    sent = reading.messages
    refused = bool(outcome.statuses) and outcome.statuses[-1] >= 400
    served = len(outcome.statuses) - refused
    if _may_end_early(reading) and outcome.ended and not refused:
        served = min(served, len(sent))
        sent = sent[:served]
    assert served <= len(sent), f"{served} replies to {len(sent)} requests"
    assert all(status < 300 for status in outcome.statuses[:served]), outcome.statuses
    if refused:
        assert outcome.ended, "refused, and not ended"
    elif len(sent) == len(reading.messages):
        assert served == len(sent), f"{len(sent) - served} requests without a reply"
        if not _may_end_early(reading):
            assert outcome.ended == (reading.state is State.CLOSED), (outcome.ended, reading.state)
            assert reading.state is not State.MALFORMED, "served what is malformed"
    expected = [one for one in sent[:served] if not _is_gateways(*one.start[:2])]
    assert len(outcome.seen) == len(expected), f"{len(expected)} sent, {len(outcome.seen)} seen"
    for one, seen in zip(expected, outcome.seen, strict=True):
        _compare(one, seen)


def _may_end_early(reading: reference.Reading) -> bool:
    """The gateway does not wait for the body of what it answers itself, nor reads behind it if it is late."""
    return bool(reading.pending and _is_gateways(*reading.pending[:2])) or any(
        _is_gateways(*sent.start[:2]) and bool(sent.all(b"content-length") + sent.all(b"transfer-encoding"))
        for sent in reading.messages
    )


def _is_gateways(method: bytes, target: bytes) -> bool:
    """OPTIONS * is about the gateway itself."""
    _, _, behind = target.partition(b"://")
    return method == b"OPTIONS" and (target == b"*" or (bool(behind) and not set(behind) & set(b"/?")))


def _compare(sent: Sent, seen: Seen) -> None:
    method, target, minor = sent.start
    authority = (sent.all(b"host") or [b""])[0]
    if not target.startswith(b"/"):
        _, _, target = target.partition(b"://")
        at = min((target.find(sign) for sign in (b"/", b"?") if sign in target), default=len(target))
        authority, target = target[:at], target[at:]
        if not target.startswith(b"/"):
            target = b"/" + target
    path, mark, query = target.partition(b"?")
    normal = normalise(path)
    assert normal is not None, f"served {path!r}"
    assert seen.line == b"%b %b%b" % (method, normal, mark + query if query else b""), (seen.line, target)
    assert seen.body == sent.body, (seen.body, sent.body)
    assert seen.host == authority.lower(), (seen.host, authority)
    fields = list(seen.fields)
    for words in (_HANDSHAKE, _TRAILERS):
        if tuple(fields[-2:]) == words:
            del fields[-2:]
            break
    options = sent.options if minor else set()
    allowed = [one for one in sent.fields if one[0] not in options]
    assert _within(fields, allowed), (fields, allowed)
    assert not {name.replace(b"_", b"-") for name, _ in fields} & _NEVER, fields
    assert [one for one in fields if one[0][:2] == b"z-"] == [one for one in allowed if one[0][:2] == b"z-"]
    assert _within(list(seen.trailers), list(sent.trailers)), seen.trailers
    assert not {name.replace(b"_", b"-") for name, _ in seen.trailers} & _NEVER, seen.trailers


def _within(some: list[tuple[bytes, bytes]], of: list[tuple[bytes, bytes]]) -> bool:
    """Whether all of `some` stand in `of`, in that order."""
    rest = iter(of)
    return all(one in rest for one in some)


if __name__ == "__main__":
    from .__main__ import alone

    alone("request_bytes")
