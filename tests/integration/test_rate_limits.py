"""Limits as clients of a running gateway meet them. No window here ends while a test runs, unless it is waited for."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from portico.testing import Link, Message, RunningGateway, Upstream, gateway
from tests.unit.docs.pages import ROOT, Page
from tests.unit.identity.signing import SECRET, sign
from tests.wired.site import ask

CONFIGURATION = """
version: 1
gateway: {{trusted_proxies: [127.0.0.1], {more}}}
logs: {{access: off, level: error}}
identity: {{users: {{jwt: {{secret: "{secret}"}}}}}}
roles: {{agent: {{}}, user: {{}}}}
services:
  echo: {{url: "{echo}"}}
  dead: {{url: "http://127.0.0.1:1", breaker: off}}
defaults: {{authenticate: users, rate_limit: [{{allow: {common}, per: ip}}]}}
routes:
  - {{match: /one, service: echo, authenticate: none}}
  - {{match: /two, service: echo, authenticate: none}}
  - {{match: /own, service: echo, authenticate: none, rate_limit: [{{allow: 3/h, per: ip}}]}}
  - {{match: /shared/a, service: echo, authenticate: none, rate_limit: [{{allow: 3/h, per: ip, name: shared}}]}}
  - {{match: /shared/b, service: echo, authenticate: none, rate_limit: [{{allow: 3/h, per: ip, name: shared}}]}}
  - {{match: /free, service: echo, authenticate: none, rate_limit: off}}
  - {{match: /dead, service: dead, authenticate: none}}
  - match: /mine
    service: echo
    authorize: {{roles: [agent]}}
    rate_limit:
      - {{allow: 4/h, per: ip}}
      - {{allow: 2/h, per: user}}
      - {{allow: 3/h, per: tenant}}
"""


def configured(echo: Upstream, common: str = "3/h", more: str = "") -> str:
    return CONFIGURATION.format(secret=SECRET, echo=echo.url, common=common, more=more)


@pytest.fixture
async def echo() -> AsyncIterator[Upstream]:
    async with Upstream() as service:
        yield service


@pytest.fixture
async def running(echo: Upstream) -> AsyncIterator[RunningGateway]:
    async with gateway(configured(echo)) as made:
        yield made


def bearer(subject: str = "ada", tenant: str = "t-1", role: str = "agent") -> dict[str, str]:
    said = {"sub": subject, "tenant_id": tenant, "role": role, "exp": int(time.time()) + 600}
    return {"authorization": f"Bearer {sign(said).decode()}"}


async def statuses(running: RunningGateway, *targets: str, **fields: str) -> list[int]:
    return [(await ask(running.port, target, fields)).status for target in targets]


def left(reply: Message) -> dict[str, int]:
    """Limit → remaining, as RateLimit tells it."""
    field = (reply.get(b"ratelimit") or b"").decode()
    return {name: int(count) for name, count in re.findall(r'"([^"]+)";r=([0-9]+);t=[0-9]+', field)}


def wait(reply: Message) -> int:
    """Retry-After, to the next full minute: a slow machine may take a while from one request to the next."""
    return -(-int(reply.get(b"retry-after") or b"0") // 60) * 60


async def test_the_refused_get_429_in_the_gateways_form(running: RunningGateway) -> None:
    replies = [await ask(running.port, "/one") for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert [left(reply) for reply in replies] == [{"ip": 2}, {"ip": 1}, {"ip": 0}, {"ip": 0}]
    told, again = replies[-1].get(b"ratelimit"), replies[-1].get(b"retry-after")
    assert told == b'"ip";r=0;t=%b' % (again or b"")
    assert wait(replies[-1]) == 1200
    refusal = httpx.Response(429, content=replies[-1].body).json()
    assert (refusal["code"], refusal["detail"]) == ("RATE_LIMIT_ERROR", "Rate limit exceeded")
    assert replies[-1].get(b"cache-control") == b"no-store"
    assert replies[-1].get(b"x-frame-options") == b"SAMEORIGIN"
    assert {reply.get(b"ratelimit-policy") for reply in replies} == {b'"ip";q=3;w=3600'}


async def test_routes_share_what_they_inherit_and_what_is_named(running: RunningGateway) -> None:
    assert await statuses(running, "/one", "/two", "/one", "/two") == [200, 200, 200, 429]
    assert await statuses(running, "/own", "/own", "/own", "/own") == [200, 200, 200, 429]
    assert await statuses(running, "/shared/a", "/shared/b", "/shared/a", "/shared/b") == [200, 200, 200, 429]


async def test_off_and_the_gateways_own_endpoints_have_no_limit(running: RunningGateway) -> None:
    assert set(await statuses(running, *["/free", "/health", "/live", "/metrics"] * 5)) == {200}
    for target in ("/free", "/health"):
        assert (await ask(running.port, target)).get(b"ratelimit-policy") is None


async def test_every_401_spends_from_the_limits_that_need_no_identity(running: RunningGateway) -> None:
    guesses = [await ask(running.port, "/mine", {"authorization": f"Bearer guess{n}"}) for n in range(3)]
    assert [reply.status for reply in guesses] == [401] * 3
    assert [left(reply) for reply in guesses] == [{"ip": 3}, {"ip": 2}, {"ip": 1}]
    good = await ask(running.port, "/mine", bearer())
    assert (good.status, left(good)) == (200, {"ip": 0, "user": 1, "tenant": 2})
    # The right token comes too late: guessing has cost this address its share, also of what tokens get.
    assert (await ask(running.port, "/mine", bearer())).status == 429


async def test_a_403_spends_nothing_of_the_callers_own_limits(running: RunningGateway) -> None:
    reply = await ask(running.port, "/mine", bearer(role="user"))
    assert (reply.status, left(reply)) == (403, {"ip": 3})
    reply = await ask(running.port, "/mine", bearer())
    assert left(reply) == {"ip": 2, "user": 1, "tenant": 2}


async def test_of_the_limits_that_need_identity_all_count_or_none(running: RunningGateway) -> None:
    async def told(subject: str, tenant: str, client: str) -> tuple[int, int, int]:
        fields = {"x-forwarded-for": client, **bearer(subject, tenant)}
        reply = await ask(running.port, "/mine", fields)
        assert wait(reply) == (1800 if reply.status == 429 else 0)
        return reply.status, left(reply)["user"], left(reply)["tenant"]

    assert await told("ada", "t-1", "192.0.2.1") == (200, 1, 2)
    assert await told("ada", "t-1", "192.0.2.1") == (200, 0, 1)
    for _ in range(2):
        assert await told("ada", "t-1", "192.0.2.1") == (429, 0, 1)
    # Her refusals have cost her tenant nothing, and another tenant's user of the same name is another.
    assert await told("bob", "t-1", "192.0.2.2") == (200, 1, 0)
    assert await told("ada", "t-2", "192.0.2.3") == (200, 1, 2)


async def test_failures_of_services_tell_what_is_left_too(running: RunningGateway) -> None:
    reply = await ask(running.port, "/dead")
    assert reply.status in (502, 503)
    assert left(reply) == {"ip": 2}


async def test_addresses_are_those_behind_trusted_proxies(running: RunningGateway) -> None:
    async def status(client: str) -> int:
        return (await ask(running.port, "/one", {"x-forwarded-for": client})).status

    assert [await status("192.0.2.1") for _ in range(4)] == [200, 200, 200, 429]
    assert await status("192.0.2.2") == 200
    neighbours = ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:ffff:ffff:ffff", "2001:DB8:0:0::3"]
    assert [await status(client) for client in neighbours] == [200, 200, 200, 429]
    assert await status("2001:db8:0:1::1") == 200
    assert [await status(f"::ffff:192.0.2.{number}") for number in (3, 4, 5, 6)] == [200] * 4


async def test_what_a_service_says_about_limits_is_replaced() -> None:
    async def boasting(link: Link) -> None:
        while True:
            await link.request()
            link.send(
                b'HTTP/1.1 200 OK\r\nratelimit: "its";r=9;t=9\r\nratelimit-policy: "its";q=9;w=9\r\n'
                b"x-ratelimit-limit: 9\r\ncontent-length: 0\r\n\r\n"
            )

    async with Upstream(boasting) as service, gateway(configured(service)) as running:
        limited, free = await ask(running.port, "/one"), await ask(running.port, "/free")
    assert [value for name, value in limited.fields if name.startswith(b"ratelimit")] == [
        b'"ip";r=2;t=1200',
        b'"ip";q=3;w=3600',
    ]
    assert limited.get(b"x-ratelimit-limit") == b"9"
    assert free.get(b"ratelimit") == b'"its";r=9;t=9'


async def test_a_reload_keeps_the_counts_of_limits_that_stay(running: RunningGateway, echo: Upstream) -> None:
    assert await statuses(running, "/one", "/one", "/shared/a") == [200, 200, 200]
    await running.reload(configured(echo, more="name: other"))
    assert await statuses(running, "/two", "/two") == [200, 429]
    await running.reload(configured(echo, common="4/h"))  # another rule is another limit
    assert await statuses(running, "/one", "/shared/b", "/shared/b", "/shared/b") == [200, 200, 200, 429]


async def test_time_restores_what_was_spent(echo: Upstream) -> None:
    async with gateway(configured(echo, common="1/s")) as running:
        first = time.monotonic()
        seen = [(await ask(running.port, "/one")).status]
        while seen[-1] == 200 and len(seen) < 50:  # a slow machine may take a second for one request
            seen.append((await ask(running.port, "/one")).status)
        while seen[-1] == 429:
            seen.append((await ask(running.port, "/one")).status)
        passed = seen.count(200)
        assert passed <= 1 + (time.monotonic() - first)
        assert passed >= 2


async def test_refusals_and_callers_are_counted(running: RunningGateway) -> None:
    await statuses(running, *["/own"] * 5, "/one")
    page = (await ask(running.port, "/metrics")).body.decode()
    assert 'rate_limit_exceeded_total{limit="ip",route="/own",enforced="true"} 2' in page
    assert "portico_rate_limit_keys 2" in page
    assert "portico_rate_limit_keys_forgotten_total 0" in page


def routes_of(page: Page) -> str:
    (block,) = [block.text for block in page.blocks if block.name == "portico.yaml"]
    return block


async def test_the_page_runs(echo: Upstream) -> None:
    """What docs/rate-limits.md shows does what it says there."""
    text = routes_of(Page(ROOT / "docs" / "rate-limits.md")).replace("http://127.0.0.1:3001", echo.url)
    async with gateway(text, env={"JWT_SECRET": SECRET}) as running:

        async def counts(
            number: int, method: str, target: str, fields: Mapping[str, str] | None = None
        ) -> Counter[int]:
            return Counter(
                [(await ask(running.port, target, fields, method=method)).status for _ in range(number)]
            )

        assert await counts(8, "POST", "/auth/login") == {200: 5, 429: 3}
        assert await counts(8, "POST", "/tickets/purchase", bearer("bob")) == {200: 2, 429: 6}
        assert await counts(40, "GET", "/search") == await counts(40, "GET", "/status") == {200: 40}
        reply = await ask(running.port, "/tickets/7", bearer())
        assert reply.get(b"ratelimit-policy") == b'"guesses";q=300;w=60, "user";q=1000;w=900'
