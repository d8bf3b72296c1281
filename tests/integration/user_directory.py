"""A service that knows users, for tests: it can be counted, changed, slowed and broken."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import unquote

from portico.testing import Link, Script


class Users:
    """Users by (tenant, id). `asked` has every question."""

    def __init__(self, users: dict[tuple[str, str], dict[str, Any]], pause_s: float = 0) -> None:
        self.users = users
        self.pause_s = pause_s  # before each answer
        self.asked: list[tuple[str, str]] = []
        self.halt_s = 0.0  # between the head of an answer and its body
        self.status = 0  # what it answers instead, when it is broken
        self.held: asyncio.Event | None = None  # answers wait for it

    @property
    def script(self) -> Script:
        """What its upstream plays."""

        async def play(link: Link) -> None:
            while True:
                message = await link.request()
                assert message.get(b"x-gateway-internal") == b"true"
                tenant = (message.get(b"x-tenant-id") or b"").decode()
                user = unquote(message.target.decode().rpartition("/")[2])
                self.asked.append((tenant, user))
                await asyncio.sleep(self.pause_s)
                if self.held is not None:
                    await self.held.wait()
                known = self.users.get((tenant, user))
                status = self.status or (404 if known is None else 200)
                body = json.dumps(known or {}).encode()
                link.send(b"HTTP/1.1 %d Told\r\ncontent-length: %d\r\n\r\n" % (status, len(body)))
                await asyncio.sleep(self.halt_s)
                link.send(body)

        return play
