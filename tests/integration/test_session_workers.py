"""A session that began in one worker is good in every other, from its first request to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from portico.testing import Upstream, running
from tests.integration.test_session_pages import knows_ada
from tests.wired.site import ask

CONFIGURATION = """
version: 1
gateway: {{listen: ["127.0.0.1:${{PORT}}"], workers: 2, store: {{timeout: 30s}}}}
logs: {{access: off}}
identity:
  browsers: {{session: {{secret: the secret of the sessions of the workers}}}}
services: {{auth: {{url: "{auth}"}}}}
defaults: {{authenticate: browsers}}
routes:
  - {{match: POST /login, service: auth, authenticate: none, session: {{login: browsers}}}}
  - {{match: POST /logout, service: auth, session: {{logout: browsers}}}}
  - {{match: /me, service: auth}}
"""
MANY = 20  # connections of their own: the kernel gives them to both workers


async def test_a_session_is_good_in_every_worker(tmp_path: Path) -> None:
    async with Upstream(knows_ada) as auth:
        with running(CONFIGURATION.format(auth=auth.url), tmp_path) as gateway:
            reply = await ask(gateway.port, "/login", method="POST", body=b"{}")
            cookies = [value.decode().partition(";")[0] for value in reply.all(b"set-cookie")]
            token = next(value for value in cookies if "csrf" in value).partition("=")[2]
            fields = {"cookie": "; ".join(cookies), "x-csrf-token": token}

            async def statuses() -> set[int]:
                replies = (ask(gateway.port, "/me", fields) for _ in range(MANY))
                return {one.status for one in await asyncio.gather(*replies)}

            assert await statuses() == {200}
            assert (await ask(gateway.port, "/logout", fields, method="POST", body=b"{}")).status == 200
            async with asyncio.timeout(60):
                while await statuses() != {401}:
                    pass  # the store is told behind the reply
