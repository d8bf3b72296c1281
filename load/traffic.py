"""The clients of the soak: every kind of exchange, each answer judged to the byte.

Each request has a token of its own, in its path and as its request id. The service puts the token into its reply, and
the gateway puts the id into every reply, its own errors too: an answer that belongs to another request cannot pass.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from portico.testing import Client, Malformed, Message, TookTooLong

from .services import FAULTS, content, event

PATIENCE_S = 60.0
MiB = 1 << 20


class Wrong(Exception):
    """An answer that no documented behaviour explains."""


@dataclass
class Tally:
    """What has happened so far."""

    outcomes: Counter[str] = field(default_factory=Counter)  # "kind: outcome" → how often
    wrong: list[str] = field(default_factory=list)
    excused: int = 0  # broken off by the killing of a worker
    kills: list[float] = field(default_factory=list)  # when, monotonic
    latest: list[float] = field(default_factory=list)  # seconds of good small GETs

    def killed_since(self, start: float) -> bool:
        """Whether a worker was killed that a connection of this age may have been with."""
        return any(when >= start for when in self.kills)


class Visitor:
    """One connection at a time, some exchanges on each, for as long as it is told."""

    def __init__(self, port: int, tally: Tally, chance: random.Random, name: str) -> None:
        self._port = port
        self._tally = tally
        self._chance = chance
        self._name = name
        self._count = 0
        self._kinds: list[tuple[Callable[[Client], Awaitable[str]], int]] = [
            (self.get, 30), (self.chunked, 12), (self.post, 15), (self.post_chunked, 10), (self.pipeline, 8),
            (self.large, 4), (self.upload, 4), (self.head, 5), (self.missing, 3), (self.faulty, 20),
            (self.events, 4), (self.leave, 8), (self.socket, 4),
        ]  # fmt: skip

    async def run(self, until: float, pause_s: float) -> None:
        """Visit until then, with pauses of so long on average."""
        kinds, weights = zip(*self._kinds, strict=True)
        while monotonic() < until:
            opened = monotonic()
            client: Client | None = None
            kind = "connect"
            try:
                client = await Client.connect(self._port)
                for _ in range(self._chance.randint(1, 12)):
                    ask = self._chance.choices(kinds, weights)[0]
                    kind = ask.__name__
                    outcome = await ask(client)
                    self._tally.outcomes[f"{kind}: {outcome}"] += 1
                    await asyncio.sleep(self._chance.expovariate(1 / pause_s))
                    if outcome in ("cut", "left", "ended") or client.ending is not None:
                        break
            except (Wrong, Malformed, TookTooLong, AssertionError, OSError) as error:
                if not isinstance(error, Wrong) and self._tally.killed_since(opened):
                    self._tally.excused += 1
                else:
                    self._tally.wrong.append(f"{kind}, after {monotonic() - opened:.1f} s: {error!r:.600}")
            finally:
                if client is not None:
                    client.close()

    # -- one exchange each; the word that they return is counted

    async def get(self, client: Client) -> str:
        token, size = self._token(), self._chance.choice((0, 1, 100, 3000))
        started = monotonic()
        self._send(client, b"GET /get/%b/%d" % (token, size), token)
        self._judge(await self._reply(client), token, 200, content(token, size))
        self._tally.latest.append(monotonic() - started)
        return "200"

    async def chunked(self, client: Client) -> str:
        token, size = self._token(), self._chance.randint(0, 60_000)
        self._send(client, b"GET /chunked/%b/%d" % (token, size), token)
        reply = await self._reply(client)
        body = content(token, size)
        self._judge(reply, token, 200, body)
        if reply.chunks is None or reply.trailers != ((b"x-sum", _digest(body)),):
            raise Wrong(f"trailers {reply.trailers!r}")
        return "200"

    async def post(self, client: Client) -> str:
        return await self._post(client, self._chance.choice((0, 10, 1024, 20_000)), chunked=False)

    async def post_chunked(self, client: Client) -> str:
        return await self._post(client, self._chance.randint(0, 50_000), chunked=True)

    async def upload(self, client: Client) -> str:
        return await self._post(client, MiB, chunked=self._chance.random() < 0.5)

    async def large(self, client: Client) -> str:
        token = self._token()
        self._send(client, b"GET /get/%b/%d" % (token, MiB), token)
        self._judge(await self._reply(client), token, 200, content(token, MiB))
        return "200"

    async def pipeline(self, client: Client) -> str:
        tokens = [self._token() for _ in range(8)]
        client.send(b"".join(_request(b"GET /get/%b/50" % token, token) for token in tokens))
        for token in tokens:
            self._judge(await self._reply(client), token, 200, content(token, 50))
        return "8 x 200"

    async def head(self, client: Client) -> str:
        token = self._token()
        self._send(client, b"HEAD /get/%b/77" % token, token)
        self._judge(await self._reply(client, b"HEAD"), token, 200, b"")
        return "200"

    async def missing(self, client: Client) -> str:
        token = self._token()
        self._send(client, b"GET /nowhere/%b" % token, token)
        self._judge(await self._reply(client), token, 404)
        return "404"

    async def faulty(self, client: Client) -> str:
        """Ask for a fault; 503 is the breaker's word while it is open."""
        name = self._chance.choice(sorted(FAULTS))
        token = self._token()
        self._send(client, b"GET /faulty/%b/%b" % (name.encode(), token), token)
        allowed = FAULTS[name][1]
        try:
            reply = await self._reply(client)
        except Malformed:
            if (
                "cut" in allowed
                and client.data.startswith(b"HTTP/1.1 200 ")
                and b"\r\nx-token: " + token in client.data
            ):
                return "cut"
            raise
        if reply.status not in allowed:
            raise Wrong(f"{reply.status} for {name}, which is none of {sorted(map(str, allowed))}")
        self._judge(reply, token, reply.status, {200: b"ok", 500: b"no"}.get(reply.status))
        return str(reply.status)

    async def events(self, client: Client) -> str:
        token, count = self._token(), self._chance.randint(1, 30)
        self._send(client, b"GET /events/%b/%d" % (token, count), token)
        self._judge(
            await self._reply(client), token, 200, b"".join(event(token, each) for each in range(count))
        )
        return "200"

    async def socket(self, client: Client) -> str:
        token = self._token()
        client.send(
            b"GET /socket/%b HTTP/1.1\r\nhost: soak.test\r\nx-request-id: %b\r\nconnection: upgrade\r\n"
            b"upgrade: websocket\r\nsec-websocket-key: k\r\nsec-websocket-version: 13\r\n\r\n"
            % (token, token)
        )
        self._judge(await self._reply(client), token, 101, b"")
        for size in (1, 200, 40_000):
            sent = content(token, size)
            client.send(sent)
            got = await client.at_least(size, PATIENCE_S)
            if got != sent:
                raise Wrong(f"another's bytes in a tunnel: {got[:40]!r}")
            client.data = b""
        return "ended"

    async def leave(self, client: Client) -> str:
        """Go away in the middle: of the head, of the body, or of the reply."""
        token = self._token()
        whole = _request(b"POST /post/%b" % token, token, b"content-length: 50000\r\n") + bytes(50_000)
        client.send(whole[: self._chance.choice((10, len(whole) - 49_000, len(whole)))])
        await asyncio.sleep(self._chance.choice((0, 0.005)))
        if self._chance.random() < 0.5:
            client.reset()
        return "left"

    # -- parts

    async def _post(self, client: Client, size: int, *, chunked: bool) -> str:
        token = self._token()
        body = content(token, size)
        if chunked:
            step = max(1, size // 5)
            pieces = [body[at : at + step] for at in range(0, size, step)]
            client.send(_request(b"POST /post/%b" % token, token, b"transfer-encoding: chunked\r\n"))
            await client.send_pieces(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            client.send(b"0\r\n\r\n")
        else:
            client.send(_request(b"POST /post/%b" % token, token, b"content-length: %d\r\n" % size) + body)
        self._judge(await self._reply(client, b"POST"), token, 200, _digest(body))
        return "200"

    def _token(self) -> bytes:
        self._count += 1
        return b"%b-%d-%08x" % (self._name.encode(), self._count, self._chance.getrandbits(32))

    @staticmethod
    def _send(client: Client, line: bytes, token: bytes) -> None:
        client.send(_request(line, token))

    @staticmethod
    async def _reply(client: Client, to: bytes = b"GET") -> Message:
        return await client.reply(to, PATIENCE_S)

    @staticmethod
    def _judge(reply: Message, token: bytes, status: int, body: bytes | None = None) -> None:
        if reply.get(b"x-request-id") != token:
            raise Wrong(f"the answer to {reply.get(b'x-request-id')!r} instead of {token!r}")
        if reply.status != status:
            raise Wrong(f"{reply.status} instead of {status}: {reply.body[:200]!r}")
        if reply.get(b"x-token") not in (token, None) or (
            status in (200, 101) and reply.get(b"x-token") is None
        ):
            raise Wrong(f"the service's answer to {reply.get(b'x-token')!r} instead of {token!r}")
        if body is not None and reply.body != body:
            raise Wrong(f"{len(reply.body)} bytes of body, {reply.body[:40]!r}..., instead of {len(body)}")


def _request(line: bytes, token: bytes, more: bytes = b"") -> bytes:
    return b"%b HTTP/1.1\r\nhost: soak.test\r\nx-request-id: %b\r\n%b\r\n" % (line, token, more)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
