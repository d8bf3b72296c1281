"""What a probe gets hold of: the port of a gateway, the services behind it, and its folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portico.stores.interface import Store
from portico.testing import Client, Malformed, Message, RunningGateway, Script, Upstream, until


class Site:
    """A gateway in this process. `text` is its configuration; `folder` is the row's own.

    `ports` has one for each entry of `gateway.listen`; `port` is the first.
    """

    def __init__(
        self, running: RunningGateway, text: str, upstreams: Mapping[str, Any], folder: Path
    ) -> None:
        self.port = running.port
        self.ports = running.ports
        self.upstreams = upstreams
        self.folder = folder
        self.text = text
        self._running = running

    @property
    def backend(self) -> Upstream:
        """The service of most rows."""
        found = self.upstreams["backend"]
        assert isinstance(found, Upstream)
        return found

    @property
    def store(self) -> Store:
        """What the gateway keeps facts in."""
        return self._running.gateway.store

    async def ask(
        self,
        target: str = "/",
        fields: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: bytes = b"",
    ) -> Message:
        """The reply to one request on a connection of its own."""
        return await ask(self.port, target, fields, method=method, body=body)

    async def statuses(self, *targets: str) -> list[int]:
        """The statuses of requests made one after the other."""
        return [(await self.ask(target)).status for target in targets]

    async def received(self, name: str, fields: Mapping[str, str] | None = None) -> str | None:
        """The field `name` of a request as the service gets it."""
        reply = await self.ask("/", fields)
        assert reply.status == 200
        value = self.backend.requests()[-1].get(name.encode())
        return None if value is None else value.decode()

    async def moment(self) -> None:
        """Let half a second pass by the gateway's own clock: one request to the service `clock` (CLOCK)."""
        reply = await self.ask("/clock")
        assert reply.status == 200

    async def reload(self) -> None:
        """Put the same configuration in the place of the live one."""
        await self._running.reload(self.text)

    async def log(self, last: str) -> list[dict[str, Any]]:
        """The lines of the access log once there is one whose `url` is `last`; in colour each is {"text": …}."""
        path = self.folder / "access.log"
        await until(lambda: last in path.read_text("utf-8"), f"a log line of {last}")
        lines = path.read_text("utf-8").splitlines()
        return [json.loads(line) if line.startswith("{") else {"text": line} for line in lines]


def request(
    target: str, fields: Mapping[str, str] | None = None, *, method: str = "GET", body: bytes = b""
) -> bytes:
    """The bytes of a request."""
    told = {"host": "gateway.test", **(fields or {})}
    if body:
        told["content-length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def ask(
    port: int,
    target: str,
    fields: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes = b"",
) -> Message:
    """The reply to one request to a port, on a connection of its own."""
    async with await Client.connect(port) as client:
        client.send(request(target, fields, method=method, body=body))
        return await client.final_reply(method.encode())


async def whole(site: Site) -> str:
    """Whether a reply arrives to its end."""
    try:
        reply = await site.ask()
    except Malformed:
        return "broken off"
    return "whole" if reply.status == 200 else str(reply.status)


# -- services

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def slow(seconds: float) -> Script:
    """Takes its time for every answer."""

    async def script(link: Any) -> None:
        while True:
            await link.request()
            await asyncio.sleep(seconds)
            link.send(OK)

    return script


def saying(word: str) -> Script:
    """Answers everything with its name."""

    async def script(link: Any) -> None:
        while True:
            await link.request()
            link.send(b"HTTP/1.1 200 OK\r\nx-said: %b\r\ncontent-length: 0\r\n\r\n" % word.encode())

    return script


async def halting(link: Any) -> None:
    """Answers at once, in four pieces with a fifth of a second before each but the first."""
    await link.request()
    link.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\no")
    for piece in (b"k", b"a", b"y"):
        await asyncio.sleep(0.2)
        link.send(piece)


async def as_asked(link: Any) -> None:
    """Answers `/503` with 503; `/slow/200` after a fifth of a second."""
    while True:
        message = await link.request()
        if message.target.startswith(b"/slow"):
            await asyncio.sleep(0.2)
        status = message.target.rpartition(b"/")[2]
        link.send(b"HTTP/1.1 %b Said\r\ncontent-length: 0\r\n\r\n" % status)


CLOCK_ROUTE = {
    "match": "/clock",
    "service": "clock",
    "authenticate": "none",
    "timeout": "30s",
    "idle": "30s",
    "total": "off",
}
CLOCK: Mapping[str, object] = {"services.clock.url": "<clock>", "routes[1]": CLOCK_ROUTE}


def clock() -> Upstream:
    """The service behind `Site.moment`."""
    return Upstream(slow(0.5))
