"""What a service can do wrong, each with what must come of it: the rows of docs/faults.md."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from portico.testing.upstream import (
    Link,
    Script,
    answering,
    answering_then_close,
    answering_then_reset,
    closing,
    deaf,
    endless,
    resetting,
    stalling,
    stalling_after,
    trickling_without_end,
)
from portico.testing.waiting import turns

# Which time-out a row is about: routes of `test_faults.CONFIGURATION`.
PATIENT, HASTY_HEAD, HASTY_BODY, HASTY_TOTAL = "/patient", "/hasty-head", "/hasty-body", "/hasty-total"

GET = b"GET %b HTTP/1.1\r\nhost: a.test\r\n\r\n"
UPLOAD = b"POST %b HTTP/1.1\r\nhost: a.test\r\ncontent-length: 8388608\r\n\r\n"  # and then the body
WEBSOCKET = (
    b"GET %b HTTP/1.1\r\nhost: a.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: k\r\nsec-websocket-version: 13\r\n\r\n"
)


@dataclass(frozen=True)
class Fault:
    """`script` is the service. `status` is what the client gets first; `cut`, that the rest then breaks off.

    `code` and `side` stand in the access log, empty where nothing failed; `verdict` is the breaker's, on the call.
    """

    id: str
    script: Script
    status: int
    code: str = ""
    side: str = ""
    verdict: str = "success"
    cut: bool = False
    path: str = PATIENT
    request: bytes = GET

    @property
    def row(self) -> tuple[str, str, str, str]:
        """The columns of the page behind the name: client, code, side, breaker."""
        told = f"{self.status}, cut" if self.cut else str(self.status)
        return told, self.code or "none", self.side or "none", self.verdict


def _broken(id: str, script: Script, **more: Any) -> Fault:  # noqa: A002  # it is one
    """No reply that can be used."""
    return Fault(id, script, 502, "BAD_GATEWAY", "service", "failure", **more)


def _late(id: str, script: Script, **more: Any) -> Fault:  # noqa: A002
    """No head in time."""
    return Fault(id, script, 504, "GATEWAY_TIMEOUT", "service", "failure", path=HASTY_HEAD, **more)


def _cut(id: str, script: Script, code: str = "BAD_GATEWAY", path: str = PATIENT) -> Fault:  # noqa: A002
    """A head, and then no whole body."""
    return Fault(id, script, 200, code, "service", cut=True, path=path)


def _cut_late(id: str, sent: bytes) -> Fault:  # noqa: A002
    return _cut(id, stalling_after(sent), "GATEWAY_TIMEOUT", HASTY_BODY)


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
LENGTH = OK + b"content-length: 9\r\n\r\n"

# Where an exchange can stand still or end: what was sent until then, and whether the client has the head by then.
STAGES = {
    "in-status-line": (b"HTTP/1.1 20", False),
    "in-head": (OK + b"content-le", False),
    "behind-interim": (b"HTTP/1.1 103 Early Hints\r\n\r\n", False),
    "behind-head": (LENGTH, True),
    "in-body": (LENGTH + b"half", True),
    "in-chunk": (CHUNKED + b"9\r\nhalf", True),
    "before-last-chunk": (CHUNKED + b"4\r\nhalf\r\n", True),
    "in-last-chunk": (CHUNKED + b"4\r\nhalf\r\n0\r\n", True),
    "in-trailers": (CHUNKED + b"4\r\nhalf\r\n0\r\nx-sum: 1\r\n", True),
}


class HeadSeen:
    """Set by a test when the client has the head: on Linux a reset throws away what was not read before it."""

    event: ClassVar[asyncio.Event]


def _resetting_when_seen(sent: bytes) -> Script:
    async def script(link: Link) -> None:
        await link.request()
        link.send(sent)
        await HeadSeen.event.wait()
        link.reset()

    return script


def _when_seen(sent: bytes, piece: bytes) -> Script:
    """What comes in one read with the head is judged with it: so the `piece`s, without end, come after."""

    async def script(link: Link) -> None:
        await link.request()
        link.send(sent)
        await HeadSeen.event.wait()
        while not link.ended:
            link.send(piece)
            await turns(1)

    return script


async def resetting_in_upload(link: Link) -> None:
    """Reads the head and breaks off."""
    await link.head()
    link.reset()


def _of_stages() -> Iterator[Fault]:
    for stage, (sent, begun) in STAGES.items():
        if begun:
            yield _cut_late(f"stalls-{stage}", sent)
            yield _cut(f"closes-{stage}", answering_then_close(sent))
            yield _cut(f"resets-{stage}", _resetting_when_seen(sent))
        else:
            yield _late(f"stalls-{stage}", stalling_after(sent))
            yield _broken(f"closes-{stage}", answering_then_close(sent))
            yield _broken(f"resets-{stage}", answering_then_reset(sent))


FAULTS = [
    _broken("closes-at-once", closing),
    _broken("resets-at-once", resetting),
    _late("stalls-at-once", stalling),
    *_of_stages(),
    _late("never-reads", deaf, request=UPLOAD),
    _broken("resets-in-upload", resetting_in_upload, request=UPLOAD),
    _late("trickles-a-head-without-end", trickling_without_end(OK, b"x")),
    _broken("garbage-for-a-head", answering(b"\x00\xff\x13\x37" * 64)),
    _broken("garbage-tls-alert", answering(b"\x15\x03\x01\x00\x02\x02\x46")),
    _cut("garbage-for-a-chunk-size", _when_seen(CHUNKED + b"4\r\nhalf\r\n", b"zz\r\n")),
    _cut("lies-length-too-long", answering_then_close(LENGTH + b"short")),
    _cut_late("lies-length-too-long-and-waits", LENGTH + b"short"),
    Fault("lies-length-too-short", answering(LENGTH + b"more than nine"), 200),
    _broken("endless-fields", endless(OK, b"x-more: more\r\n" * 64)),
    _broken("endless-field", endless(OK + b"x-more: ", b"more" * 256)),
    _broken("endless-status-line", endless(b"HTTP/1.1 200 ", b"OK" * 512)),
    _broken("endless-empty-lines", endless(b"", b"\r\n" * 512)),
    _broken("endless-interim", endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    _cut("endless-chunk-extension", _when_seen(CHUNKED + b"4\r\nhalf\r\n1;", b"x" * 1024)),
    _cut("endless-chunk-size", _when_seen(CHUNKED + b"4\r\nhalf\r\n", b"0" * 1024)),
    _cut("endless-trailer", _when_seen(CHUNKED + b"4\r\nhalf\r\n0\r\nx-sum: ", b"x" * 1024)),
    _cut("endless-trailers", _when_seen(CHUNKED + b"4\r\nhalf\r\n0\r\n", b"x-sum: 1\r\n" * 32)),
    _cut("endless-body", endless(CHUNKED, b"1\r\nx\r\n"), "GATEWAY_TIMEOUT", HASTY_TOTAL),
    _broken(
        "switches-unasked", answering(b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    ),
    _broken(
        "switches-without-connection",
        answering(b"HTTP/1.1 101 x\r\nupgrade: websocket\r\n\r\n\x81\x01x"),
        request=WEBSOCKET,
    ),
    _broken(
        "switches-to-something-else",
        answering(b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\nx"),
        request=WEBSOCKET,
    ),
]
