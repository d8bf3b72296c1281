"""A service that knows who belongs to which venue, for tests: it can be asked, counted, changed and broken."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import unquote

from portico.testing import Link, Message, Script

_MEMBER = re.compile(r"/venues/([^/]+)(?:/members/([^/]+))?\Z")


class Directory:
    """Memberships by (tenant, venue) and user. `asked` has every question: (tenant, venue, user or None)."""

    def __init__(self, members: dict[tuple[str, str], dict[str, str]], pause_s: float = 0) -> None:
        self.members = members
        self.pause_s = pause_s  # before each answer
        self.asked: list[tuple[str, str, str | None]] = []
        self.status = 0  # what it answers instead, when it is broken
        self.extra: dict[str, object] = {}

    @property
    def script(self) -> Script:
        """What its upstream plays."""

        async def play(link: Link) -> None:
            while True:
                status, body = self._answer(await link.request())
                await asyncio.sleep(self.pause_s)
                link.send(
                    b"HTTP/1.1 %d Told\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                    % (status, len(body), body)
                )

        return play

    def _answer(self, message: Message) -> tuple[int, bytes]:
        assert message.get(b"x-gateway-internal") == b"true"
        assert message.get(b"x-tenant-source") == b"service"
        found = _MEMBER.match(message.target.decode())
        assert found, message.target
        tenant = (message.get(b"x-tenant-id") or b"").decode()
        venue, user = unquote(found[1]), found[2] and unquote(found[2])
        self.asked.append((tenant, venue, user))
        if self.status:
            return self.status, b"{}"
        members = self.members.get((tenant, venue))
        if members is None or (user is not None and user not in members):
            return 404, b'{"error": "no"}'
        role = {"role": members[user]} if user is not None else {}
        return 200, json.dumps({"venueId": venue, **role, **self.extra}).encode()
