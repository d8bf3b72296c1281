"""One question to a store outside the process: what is asked in which order, and what happens when nobody answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from math import inf
from typing import Any

import pytest

from portico.exchange.marks import user_mark
from portico.rules import Limits
from portico.stores import Ask, Judged, MemoryStore, StoreAwayError
from portico.testing import RunningGateway, Upstream, gateway
from portico.testing.upstream import echo as echoing
from tests.unit.identity.signing import SECRET, sign
from tests.wired.site import ask

CONFIGURATION = """
version: 1
gateway: {{listen: ["127.0.0.1:0"]}}
logs: {{access: off, level: error}}
identity: {{users: {{jwt: {{secret: "{secret}"}}}}}}
roles: {{agent: {{}}, admin: {{}}}}
services: {{echo: {{url: "{echo}"}}}}
defaults: {{authenticate: users}}
routes:
  - match: /mine
    service: echo
    rate_limit: [{{allow: 3/h, per: ip}}, {{allow: 2/h, per: user}}]
  - match: /guarded
    service: echo
    authorize: {{roles: [admin]}}
    rate_limit: [{{allow: 9/h, per: ip}}, {{allow: 2/h, per: user}}]
  - {{match: /risked, service: echo, authorize: {{roles: [admin]}}, revocation: open}}
  - {{match: /open, service: echo}}
  - {{match: /watched, service: echo, rate_limit: [{{allow: 1/h, per: user, mode: report}}]}}
  - {{match: /closed, service: echo, revocation: closed}}
"""


class Elsewhere:
    """A store that cannot be asked at once, because it is not in this process. `asked` are its questions."""

    def __init__(self) -> None:
        self.store = MemoryStore(Limits(1000))
        self.asked: list[Ask] = []
        self.away = False

    async def judge(self, ask: Ask) -> Judged:
        self.asked.append(ask)
        await asyncio.sleep(0)
        if self.away:
            raise StoreAwayError("it is away")
        return await self.store.judge(ask)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture
async def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
async def running(elsewhere: Elsewhere) -> AsyncIterator[RunningGateway]:
    async with Upstream(echoing) as echo:
        text = CONFIGURATION.format(secret=SECRET, echo=echo.url)
        async with gateway(text) as made:
            made.gateway.live.put("store", elsewhere)
            await made.reload(text)
            yield made


def bearer(subject: str = "ada", role: str = "agent") -> dict[str, str]:
    now = int(time.time())
    said = {"sub": subject, "tenant_id": "t-1", "role": role, "iat": now, "exp": now + 600}
    return {"authorization": f"Bearer {sign(said).decode()}"}


async def status(running: RunningGateway, path: str, **fields: str) -> int:
    return (await ask(running.port, path, fields)).status


async def test_a_request_asks_once(running: RunningGateway, elsewhere: Elsewhere) -> None:
    reply = await ask(running.port, "/mine", bearer())
    assert reply.status == 200
    assert reply.get(b"ratelimit-policy") == b'"ip";q=3;w=3600, "user";q=2;w=3600'
    assert (reply.get(b"ratelimit") or b"").startswith(b'"ip";r=2;')
    (asked,) = elsewhere.asked
    assert len(asked.early) == len(asked.late) == 1
    assert asked.marks


async def test_limits_without_identity_come_first_and_count_who_is_nobody(
    running: RunningGateway, elsewhere: Elsewhere
) -> None:
    assert [await status(running, "/mine") for _ in range(4)] == [401, 401, 401, 429]
    assert await status(running, "/mine", **bearer()) == 429
    # Who was refused a moment ago is not asked about again.
    assert len(elsewhere.asked) == 4


async def test_what_refuses_later_counts_for_nothing_else(running: RunningGateway) -> None:
    assert [await status(running, "/mine", **bearer()) for _ in range(3)] == [200, 200, 429]
    assert await status(running, "/mine", **bearer("bob")) == 429  # the address has had its three


async def test_what_was_revoked_proves_nothing_whatever_else_is_wrong(
    running: RunningGateway, elsewhere: Elsewhere
) -> None:
    caller = bearer()
    assert await status(running, "/guarded", **caller) == 403
    assert await status(running, "/open", **caller) == 200
    await elsewhere.store.revoke(user_mark("t-1", "ada"), inf, time.time() + 1)
    reply = await ask(running.port, "/guarded", caller)
    assert reply.status == 401
    assert b"revoked" in (reply.get(b"www-authenticate") or b"")
    assert await status(running, "/open", **caller) == 401
    assert await status(running, "/open", **bearer("bob")) == 200


async def test_who_may_not_spends_no_limit_of_their_own(running: RunningGateway) -> None:
    assert [await status(running, "/guarded", **bearer()) for _ in range(4)] == [403] * 4
    assert await status(running, "/guarded", **bearer(role="admin")) == 200


async def test_a_limit_that_only_reports(running: RunningGateway) -> None:
    assert [await status(running, "/watched", **bearer()) for _ in range(3)] == [200] * 3
    assert running.gateway.metrics.limits_exceeded.labels("user", "/watched", "false").value == 2


async def test_without_the_store_this_worker_counts_and_closed_routes_are_closed(
    running: RunningGateway, elsewhere: Elsewhere
) -> None:
    elsewhere.away = True
    assert [await status(running, "/mine", **bearer()) for _ in range(3)] == [200, 200, 429]
    assert await status(running, "/open", **bearer()) == 200
    reply = await ask(running.port, "/closed", bearer())
    assert (reply.status, reply.get(b"retry-after")) == (503, b"1")
    assert await status(running, "/open") == 401


async def test_without_the_store_routes_of_admins_are_closed_unless_they_say_otherwise(
    running: RunningGateway, elsewhere: Elsewhere
) -> None:
    assert await status(running, "/guarded", **bearer(role="admin")) == 200
    elsewhere.away = True
    assert await status(running, "/guarded", **bearer(role="admin")) == 503
    assert await status(running, "/risked", **bearer(role="admin")) == 200
