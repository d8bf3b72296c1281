"""The services of the soak, a process of its own: a good one and a faulty one, made of `portico.testing`'s scripts.

`python -m load.services` prints both ports and ends when its standard input does. What the good one sends depends on
nothing but the token in the path, so whoever knows the token knows every byte that must come.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from portico.testing import Link, Message, Upstream
from portico.testing.upstream import Gone
from portico.testing.waiting import turns

OK = b"HTTP/1.1 200 OK\r\nx-token: %b\r\n"
FORGET_S = 0.2


def content(token: bytes, size: int) -> bytes:
    """So many bytes that only this token has."""
    block = hashlib.sha256(token).digest()
    return (block * (size // len(block) + 1))[:size]


def event(token: bytes, number: int) -> bytes:
    """One server-sent event."""
    return b"data: %b %d\n\n" % (token, number)


async def good(link: Link) -> None:
    """Answers by the path: /get/TOKEN/SIZE, /chunked/TOKEN/SIZE, /post/TOKEN, /events/TOKEN/COUNT, /socket/TOKEN."""
    while True:
        request = await link.request()
        _, kind, token, *rest = request.target.split(b"/")
        number = int(rest[0]) if rest else 0
        head = OK % token
        if kind == b"get":
            body = content(token, number)
            link.send(b"%bcontent-length: %d\r\n\r\n" % (head, number) + body * (request.method != b"HEAD"))
        elif kind == b"chunked":
            await _chunked(link, head, token, number)
        elif kind == b"post":
            link.send(b"%bcontent-length: 64\r\n\r\n%b" % (head, _digest(request.body)))
        elif kind == b"events":
            link.send(b"%bcontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" % head)
            for each in range(number):
                data = event(token, each)
                link.send(b"%x\r\n%b\r\n" % (len(data), data))
                await turns(2)
            link.send(b"0\r\n\r\n")
        else:
            link.send(
                b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-token: %b\r\n\r\n" % token
            )
            while True:
                link.send(await link.at_least(1))


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


async def _chunked(link: Link, head: bytes, token: bytes, size: int) -> None:
    link.send(b"%btransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n" % head)
    body = content(token, size)
    for at in range(0, size, 5000):
        piece = body[at : at + 5000]
        link.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        await turns(1)
    link.send(b"0\r\nx-sum: %b\r\n\r\n" % _digest(body))


# -- faults, by the name in the path: /faulty/NAME/TOKEN

Fault = Callable[[Link, bytes], Coroutine[Any, Any, None]]


async def _resets(link: Link, token: bytes) -> None:
    link.reset()


async def _closes(link: Link, token: bytes) -> None:
    link.close()


async def _garbage(link: Link, token: bytes) -> None:
    link.send(b"\x00\x01\x02 no reply at all\r\n\r\n")


async def _half_a_head(link: Link, token: bytes) -> None:
    link.send(b"HTTP/1.1 200 OK\r\nx-tok")
    link.close()


async def _short(link: Link, token: bytes) -> None:
    link.send((OK % token) + b"content-length: 100\r\n\r\nshort")
    link.close()


async def _cut_chunks(link: Link, token: bytes) -> None:
    link.send((OK % token) + b"transfer-encoding: chunked\r\n\r\n5\r\nshort\r\n")
    link.close()


async def _silent(link: Link, token: bytes) -> None:
    await link.gone()


async def _stalls(link: Link, token: bytes) -> None:
    link.send((OK % token) + b"content-length: 100\r\n\r\nhalf")
    await link.gone()


async def _surplus(link: Link, token: bytes) -> None:
    """A whole reply, and one more that nobody asked for."""
    link.send(
        (OK % token) + b"content-length: 2\r\n\r\nok" + OK % b"stray" + b"content-length: 4\r\n\r\nevil"
    )


async def _leaves(link: Link, token: bytes) -> None:
    """A good reply on a connection that is closed behind it without a word."""
    link.send((OK % token) + b"content-length: 2\r\n\r\nok")
    link.close()


async def _trickles(link: Link, token: bytes) -> None:
    await link.send_pieces(bytes([one]) for one in (OK % token) + b"content-length: 2\r\n\r\nok")


async def _fails(link: Link, token: bytes) -> None:
    link.send(b"HTTP/1.1 500 x\r\nx-token: %b\r\ncontent-length: 2\r\n\r\nno" % token)


FAULTS: dict[str, tuple[Fault, frozenset[int | str]]] = {
    # name → what it does, and what the client may get: a status, or a reply that plainly breaks off
    "resets": (_resets, frozenset({502})),
    "closes": (_closes, frozenset({502})),
    "garbage": (_garbage, frozenset({502})),
    "half-a-head": (_half_a_head, frozenset({502})),
    "short": (_short, frozenset({"cut"})),
    "cut-chunks": (_cut_chunks, frozenset({"cut"})),
    "silent": (_silent, frozenset({504})),
    "stalls": (_stalls, frozenset({"cut"})),
    "surplus": (_surplus, frozenset({200})),
    "leaves": (_leaves, frozenset({200})),
    "trickles": (_trickles, frozenset({200})),
    "fails": (_fails, frozenset({500})),
}


async def faulty(link: Link) -> None:
    """Does what the path says."""
    while True:
        request: Message = await link.request()
        _, _, name, token = request.target.split(b"/")
        await FAULTS[name.decode()][0](link, token)
        if link.ended:
            raise Gone


async def _ends() -> AsyncIterator[None]:
    """Until standard input ends."""
    reading = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not reading.done():
        yield
        await asyncio.wait([reading], timeout=FORGET_S)


async def _serve() -> None:
    async with Upstream(good) as first, Upstream(faulty) as second:
        sys.stdout.write(f"{first.port} {second.port}\n")
        sys.stdout.flush()
        async for _ in _ends():
            first.forget()
            second.forget()


if __name__ == "__main__":
    asyncio.run(_serve())
