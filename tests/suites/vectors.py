"""http-desync-guardian's requests and llhttp's strict messages: accepted or refused as their authors say.

The data lies outside the repository (`PORTICO_VECTORS`, see tests/conformance/vectors.py). A request counts as
accepted when the service's own answer comes back; and never may the service see two requests where one was sent. Why
Portico differs where it does is in docs/framing.md, case by case in tests/conformance/test_vectors_*.py.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence

from portico.testing import Client, Link, Malformed, TookTooLong, Upstream
from tests.conformance.vectors import FOLDER, Vector, desync, llhttp, with_host

from .ground import Ground
from .score import Score
from .tools import Missing

NAME = "vectors"
RUNS = 3

_TIERS = {"severe": "refused", "compliant": "accepted", "acceptable": "accepted"}
_MARK = b"x-service: itself"


def run(ground: Ground) -> list[Score]:
    """Each set on each proxy; nothing is direct, for there is no server whose parser is judged."""
    if not (FOLDER / "desync-guardian").is_dir():
        raise Missing(f"vectors in {FOLDER}: set PORTICO_VECTORS")
    return [score for peer in ground.peers if peer != "direct" for score in asyncio.run(_peer(ground, peer))]


async def _peer(ground: Ground, peer: str) -> list[Score]:
    async with Upstream(_recite) as service:
        with ground.peer(peer, service.port) as port:
            scores = await _requests(peer, port, service)
    vectors = list(llhttp(FOLDER / "llhttp", "response"))
    wrong = []
    playing = vectors[0]

    async def play(link: Link) -> None:
        await link.head()
        link.send(playing.data)
        link.close()

    async with Upstream(play) as service:
        with ground.peer(peer, service.port) as port:
            for playing in vectors:
                found = await _reply_outcome(port)
                if (found == "accepted") != (playing.expected == "accepted"):
                    wrong.append(f"{playing.id}: {playing.expected} -> {found}")
    scores.append(Score("llhttp, replies", peer, len(vectors) - len(wrong), len(vectors), 0, wrong))
    return scores


async def _requests(peer: str, port: int, service: Upstream) -> list[Score]:
    totals: Counter[str] = Counter()
    wrong: dict[str, list[str]] = {}
    smuggled = []
    for vector in desync(FOLDER / "desync-guardian"):
        found, seen = await _outcome(port, vector.data, service)
        if seen > 1:
            smuggled.append(vector.id)
        if vector.expected in _TIERS:
            totals[vector.expected] += 1
            if found != _TIERS[vector.expected]:
                wrong.setdefault(vector.expected, []).append(f"{vector.id}: {found}")
    note = f"more than was sent: {', '.join(smuggled) or 'never'}"
    scores = [
        Score(f"desync-guardian, {tier}", peer, totals[tier] - len(wrong.get(tier, ())), totals[tier], 0,
              wrong.get(tier, []), note)
        for tier in _TIERS
    ]  # fmt: skip
    vectors = list(llhttp(FOLDER / "llhttp", "request"))
    other = await _llhttp_requests(port, service, vectors)
    scores.append(Score("llhttp, requests", peer, len(vectors) - len(other), len(vectors), 0, other))
    return scores


async def _llhttp_requests(port: int, service: Upstream, vectors: Sequence[Vector]) -> list[str]:
    other = []
    for vector in vectors:
        found, _ = await _outcome(port, with_host(vector.data), service)
        if found != vector.expected:
            other.append(f"{vector.id}: {vector.expected} -> {found}")
    return other


async def _recite(link: Link) -> None:
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n%b\r\n" % _MARK
    while True:
        try:
            await link.request()
        except Malformed:  # and yet it was forwarded
            link.send(reply + b"connection: close\r\n\r\n")
            return
        link.send(reply + b"\r\n")


async def _outcome(port: int, data: bytes, service: Upstream) -> tuple[str, int]:
    """(what became of it, how many requests the service saw)."""
    service.forget()
    async with await Client.connect(port) as client:
        client.send(data)
        try:
            reply = await client.reply(data.split(b" ", 1)[0], patience_s=1.0)
        except TookTooLong:
            found = "unfinished"
        except Malformed:
            found = "refused"
        else:
            found = "accepted" if reply.get(b"x-service") else "refused"
    seen = sum(len(re.findall(rb"(?m)^[A-Z-]+ \S+ HTTP/1\.[01]\r$", link.received)) for link in service.links)
    return found, seen


async def _reply_outcome(port: int) -> str:
    async with await Client.connect(port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: vector.test\r\n\r\n")
        try:
            reply = await client.reply(patience_s=1.0)
            while reply.status < 200 and reply.status != 101:
                reply = await client.reply(patience_s=1.0)
        except (TookTooLong, Malformed):
            return "cut"
    return "refused" if reply.status in (502, 503) else "accepted"
