"""Limits of API keys themselves, with the store in the process and with one elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from math import inf

import pytest

from portico.exchange.marks import key_mark
from portico.identity.api_key_record import hash_of
from portico.testing import RunningGateway, Upstream, gateway
from tests.integration.test_question import Elsewhere
from tests.wired.site import ask

SECRET = "s" * 43
CONFIGURATION = f"""
version: 1
gateway: {{listen: ["127.0.0.1:0"], rate_limits: {{headers: [draft, x]<more>}}}}
logs: {{access: off, level: error}}
identity:
  partners:
    api_key:
      keys:
        slow: {{secret: "sha256:{hash_of(SECRET)}", subject: shop, tenant: t-1, limit: 2/h}}
        also: {{secret: "sha256:{hash_of(SECRET)}", subject: shop, tenant: t-1, limit: 2/h}}
        free: {{secret: "sha256:{hash_of(SECRET)}", subject: shop, tenant: t-1}}
roles: {{admin: {{}}}}
services: {{echo: {{url: "<echo>"}}}}
defaults: {{authenticate: partners}}
routes:
  - {{match: /one, service: echo}}
  - {{match: /two, service: echo}}
  - {{match: /admin, service: echo, authorize: {{roles: [admin]}}}}
  - {{match: /shared, service: echo, rate_limit: [{{allow: 3/h, per: tenant}}]}}
"""


@pytest.fixture
async def echo() -> AsyncIterator[Upstream]:
    async with Upstream() as service:
        yield service


def configured(echo: Upstream, more: str = "") -> str:
    return CONFIGURATION.replace("<echo>", echo.url).replace("<more>", more)


@pytest.fixture(params=["here", "elsewhere"])
async def running(request: pytest.FixtureRequest, echo: Upstream) -> AsyncIterator[RunningGateway]:
    async with gateway(configured(echo)) as made:
        if request.param == "elsewhere":
            made.gateway.live.put("store", Elsewhere())
            await made.reload(configured(echo))
        yield made


async def status(running: RunningGateway, path: str, key: str = "slow") -> int:
    return (await ask(running.port, path, {"x-api-key": f"ptk_{key}.{SECRET}"})).status


async def test_a_key_has_its_own_limit_on_all_routes_together(running: RunningGateway) -> None:
    assert [await status(running, path) for path in ("/one", "/two", "/one", "/two")] == [200, 200, 429, 429]
    assert [await status(running, "/one", key) for key in ("also", "free", "free", "free")] == [200] * 4
    reply = await ask(running.port, "/one", {"x-api-key": f"ptk_slow.{SECRET}"})
    assert 1700 < int(reply.get(b"retry-after") or b"") <= 1800
    assert reply.get(b"ratelimit") is reply.get(b"x-ratelimit-limit") is None


async def test_what_it_is_refused_for_counts_too(running: RunningGateway) -> None:
    assert [await status(running, "/admin") for _ in range(3)] == [403, 403, 429]


async def test_who_is_over_it_takes_nothing_from_others(running: RunningGateway) -> None:
    assert [await status(running, "/shared") for _ in range(4)] == [200, 200, 429, 429]
    assert [await status(running, "/shared", "also") for _ in range(2)] == [200, 429]  # three for the tenant
    reply = await ask(running.port, "/shared", {"x-api-key": f"ptk_free.{SECRET}"})
    assert reply.status == 429
    assert (reply.get(b"ratelimit") or b"").startswith(b'"tenant";r=0;')


async def test_a_reload_gives_nothing_back(running: RunningGateway, echo: Upstream) -> None:
    assert [await status(running, "/one") for _ in range(3)] == [200, 200, 429]
    await running.reload(configured(echo))
    assert await status(running, "/one") == 429


async def test_what_is_revoked_is_not_counted_but_refused(running: RunningGateway) -> None:
    assert [await status(running, "/one") for _ in range(3)] == [200, 200, 429]
    store = running.gateway.live.get("store", Elsewhere)
    await store.revoke(key_mark("also"), inf)
    assert await status(running, "/one", "also") == 401


async def test_switched_off_with_all_others(echo: Upstream) -> None:
    async with gateway(configured(echo, ", enabled: false")) as running:
        assert [await status(running, "/one") for _ in range(3)] == [200] * 3


async def test_without_the_store_a_worker_counts_its_part(echo: Upstream) -> None:
    elsewhere = Elsewhere()
    async with gateway(configured(echo)) as running:
        running.gateway.live.put("store", elsewhere)
        await running.reload(configured(echo))
        elsewhere.away = True
        assert [await status(running, "/one") for _ in range(3)] == [200, 200, 429]
