"""What docs/features.md and docs/operations.md claim of a running gateway and no other test looks at."""

from __future__ import annotations

import json
import sys
import time
import types
from collections.abc import AsyncIterator

import httpx
import pytest

from portico.plugin import Exchange, Flag, Hooks, Outcome, Phase, Site, Stage
from portico.testing import Link, Upstream, gateway
from tests.unit.identity.signing import SECRET, sign

CONFIGURATION = """
version: 1
gateway:
  trusted_proxies: [127.0.0.1]
  errors: {{body: {{said: "{{message}}"}}}}
logs: {{access: off}}
identity: {{users: {{jwt: {{secret: "{secret}"}}}}}}
roles: {{agent: {{}}, user: {{}}}}
stages: ["faulty_stage:Faulty"]
services:
  echo: {{url: "{echo}"}}
  broken: {{url: "{broken}", breaker: {{consecutive: 1}}}}
  mute: {{url: "{mute}", timeout: 30s}}
defaults: {{authenticate: users}}
routes:
  - {{match: POST /open, service: echo, authenticate: none, limits: {{body: 10B}}}}
  - {{match: /mute, service: mute, authenticate: none}}
  - {{match: /crash, service: echo, authenticate: none, faulty: true}}
  - {{match: /fine, service: echo, authenticate: none}}
  - {{match: /broken, service: broken, authorize: {{roles: [agent]}}, limits: {{body: 10B}}}}
  - match: /ordered
    service: broken
    cors: https://app.example.com
    addresses: {{deny: 192.0.2.0/24}}
    rate_limit: [{{allow: 3/h, per: header:X-Client}}]
    authorize: {{roles: [agent]}}
"""


class Faulty(Stage[bool]):
    """Has a fault."""

    key, phase, settings = "faulty", Phase.GUARD, Flag

    def compile(self, settings: bool, site: Site) -> Hooks:
        def on_request(x: Exchange) -> Outcome:
            raise ZeroDivisionError("a secret of the house")

        return Hooks(on_request=on_request)


async def failing(link: Link) -> None:
    """A service that answers 500."""
    while True:
        await link.request()
        link.send(b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n")


async def mute(link: Link) -> None:
    """A service that does not answer."""
    await link.request()
    await link.gone()


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    module = types.ModuleType("faulty_stage")
    module.__dict__["Faulty"] = Faulty
    monkeypatch.setitem(sys.modules, "faulty_stage", module)
    async with Upstream() as echo, Upstream(failing) as broken, Upstream(mute) as silent:
        text = CONFIGURATION.format(secret=SECRET, echo=echo.url, broken=broken.url, mute=silent.url)
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as made:
            yield made


def bearer(role: str) -> dict[str, str]:
    claims = {"sub": "ann", "role": role, "exp": time.time() + 60}
    return {"authorization": f"Bearer {sign(claims).decode()}"}


async def test_the_order_of_checks(client: httpx.AsyncClient) -> None:
    """Each request would fail at several checks; the first in order answers."""
    agent, user = bearer("agent"), bearer("user")
    assert (
        await client.get("/broken", headers=agent)
    ).status_code == 500  # of the service; the breaker opens
    large = b"x" * 11
    # Route, method, size, token, role, breaker.
    assert (await client.post("/nowhere", content=large)).status_code == 404
    assert (await client.put("/open", content=large)).status_code == 405
    assert (await client.post("/broken", content=large)).status_code == 413
    assert (await client.get("/broken")).status_code == 401
    assert (await client.get("/broken", headers=user)).status_code == 403
    refused = await client.get("/broken", headers=agent)
    assert (refused.status_code, refused.json()["said"]) == (503, "Service unavailable: broken")
    assert int(refused.headers["retry-after"]) <= 30


async def test_the_order_of_checks_at_the_door(client: httpx.AsyncClient) -> None:
    """CORS, address, limits that need no identity, token, role: T's order with P's. The first in order answers."""
    denied = {"x-forwarded-for": "192.0.2.1"}
    ask = {"access-control-request-method": "GET"}
    stranger = await client.options("/ordered", headers=denied | ask | {"origin": "https://evil.example"})
    assert (stranger.status_code, stranger.json()["said"]) == (403, "Origin not allowed")
    page = {"origin": "https://app.example.com"}
    assert (await client.options("/ordered", headers=denied | ask | page)).status_code == 204
    for _ in range(4):
        refused = await client.get("/ordered", headers=denied)
        assert (refused.status_code, refused.json()["said"]) == (403, "Address not allowed")
    assert (await client.get("/ordered", headers=bearer("user"))).status_code == 403
    for status in (401, 401, 429, 429):
        assert (await client.get("/ordered")).status_code == status
    assert (await client.options("/ordered", headers=ask | page)).status_code == 204


async def test_a_deadline_of_a_trusted_caller_shortens_the_time(client: httpx.AsyncClient) -> None:
    """The service would have 30 s, longer than this client waits."""
    soon = str(int((time.time() + 0.3) * 1000))
    late = await client.get("/mute", headers={"x-request-deadline": soon})
    assert late.status_code == 504
    past = await client.get("/fine", headers={"x-request-deadline": "1"})
    assert past.status_code == 504
    far = str(int((time.time() + 3600) * 1000))
    told = dict((await client.get("/fine", headers={"x-request-deadline": far})).json()["headers"])
    assert int(told["x-request-deadline"]) / 1000 < time.time() + 60, "a caller cannot lengthen it"


async def test_a_websocket_proves_itself_at_the_handshake(client: httpx.AsyncClient) -> None:
    handshake = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-key": "a2V5"}
    assert (await client.get("/broken", headers=handshake)).status_code == 401
    assert (await client.get("/broken", headers=handshake | bearer("user"))).status_code == 403


async def test_who_asks_for_problem_details_gets_them(client: httpx.AsyncClient) -> None:
    own = await client.get("/nowhere")
    assert (own.headers["content-type"], own.json()) == ("application/json", {"said": "Resource not found"})
    asked = await client.get("/nowhere", headers={"accept": "application/problem+json"})
    assert asked.headers["content-type"] == "application/problem+json"
    assert (asked.json()["status"], asked.json()["code"]) == (404, "NOT_FOUND")


async def test_a_crash_is_one_500_and_tells_nothing(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    crashed = await client.get("/crash")
    assert (crashed.status_code, crashed.json()) == (500, {"said": "An unexpected error occurred"})
    assert crashed.headers["cache-control"] == "no-store"
    assert "ZeroDivisionError: a secret of the house" in caplog.text
    fine = await client.get("/fine")
    assert fine.status_code == 200
    assert json.loads(fine.text)["path"] == "/fine"
