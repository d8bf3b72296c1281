"""Callers as clients and services see them: who gets in, what they are told, what a service learns of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from portico.testing import Link, Upstream, gateway
from tests.unit.identity.signing import SECRET, private_key, public_pem, sign

CONFIGURATION = """
version: 1
logs: {{access: off}}
identity:
  users: {{jwt: {{secret: "{secret}", claims: {{subject: [user_id, sub]}}}}}}
  partners: {{jwt: {{public_key: {pem}, algorithms: [ES256], header: X-Partner}}}}
roles:
  admin: {{permissions: ["*"], inherits: [agent]}}
  agent: {{permissions: ["tickets:*"]}}
  user: {{permissions: ["tickets:view"]}}
services: {{echo: {{url: "{url}"}}}}
defaults: {{authenticate: users, security_headers: {{frame: DENY}}}}
routes:
  - {{match: /public/**, service: echo, authenticate: none, security_headers: off}}
  - {{match: /either, service: echo, authenticate: [partners, users]}}
  - {{match: /tickets/**, service: echo, authorize: {{GET: "tickets:view", POST: "tickets:write"}}}}
  - {{match: /agents, service: echo, authorize: {{roles: [agent]}}}}
"""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    pem = repr(public_pem(private_key("ES256")).strip()).replace("'", '"')
    async with Upstream() as service:
        text = CONFIGURATION.format(secret=SECRET, pem=pem, url=service.url)
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as made:
            yield made


def bearer(**claims: Any) -> dict[str, str]:
    said = {"user_id": 7, "tenant_id": "t-1", "role": "user", "exp": time.time() + 60, **claims}
    return {"authorization": f"Bearer {sign(said).decode()}"}


def heard(reply: httpx.Response) -> list[list[str]]:
    """What the service was told of the caller."""
    assert reply.status_code == 200
    return [
        field
        for field in reply.json()["headers"]
        if field[0].replace("_", "-").startswith(("x-user", "x-tenant"))
    ]


SPOOFED = {
    "X-User-ID": "admin",
    "x-user-role": "admin",
    "X-Tenant-Id": "t-2",
    "X-Tenant-Source": "jwt",
    "X_User_Id": "1",
}


async def test_service_learns_only_what_was_proven(client: httpx.AsyncClient) -> None:
    proven = [["x-user-id", "7"], ["x-user-role", "user"], ["x-tenant-id", "t-1"], ["x-tenant-source", "jwt"]]
    for _ in range(2):  # the second time from memory
        assert heard(await client.get("/tickets/1", headers={**SPOOFED, **bearer()})) == proven
    assert heard(await client.get("/public/1", headers={**SPOOFED, **bearer()})) == []
    token = bearer()["authorization"]
    fields = (await client.get("/tickets/1", headers={"authorization": token})).json()["headers"]
    assert ["authorization", token] in fields


async def test_nobody_is_told_how_to_prove_themselves(client: httpx.AsyncClient) -> None:
    reply = await client.get("/tickets/1")
    assert (reply.status_code, reply.json()["code"]) == (401, "AUTH_REQUIRED")
    assert reply.headers.get_list("www-authenticate") == ['Bearer realm="users"']
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-frame-options"] == "DENY"
    reply = await client.get("/either")
    assert reply.headers.get_list("www-authenticate") == ['Bearer realm="partners"', 'Bearer realm="users"']


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": 1}, "TOKEN_EXPIRED"),
        ({"exp": None}, "INVALID_TOKEN"),
        ({"aud": "others"}, "INVALID_TOKEN"),
        ({"role": "user\r\nx-user-id: 1"}, "INVALID_TOKEN"),
    ],
)
async def test_false_and_old_tokens_are_refused(client: httpx.AsyncClient, claims: Any, code: str) -> None:
    reply = await client.get("/tickets/1", headers=bearer(**claims))
    assert (reply.status_code, reply.json()["code"]) == (401, code)
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]


async def test_either_method_gives_the_same_kind_of_caller(client: httpx.AsyncClient) -> None:
    said = {"sub": "p-1", "role": "agent", "exp": time.time() + 60}
    partner = {"x-partner": sign(said, "ES256").decode()}
    assert heard(await client.get("/either", headers=partner)) == [
        ["x-user-id", "p-1"],
        ["x-user-role", "agent"],
    ]
    assert heard(await client.get("/either", headers=bearer()))[0] == ["x-user-id", "7"]
    wrong = {"x-partner": sign(said).decode(), **bearer()}
    assert (await client.get("/either", headers=wrong)).status_code == 401


async def test_roles_decide_per_method(client: httpx.AsyncClient) -> None:
    async def status(method: str, path: str, role: Any) -> int:
        return (await client.request(method, path, headers=bearer(role=role))).status_code

    assert await status("GET", "/tickets/1", "user") == 200
    assert await status("HEAD", "/tickets/1", "user") == 200
    assert await status("POST", "/tickets/1", "user") == 403
    assert await status("POST", "/tickets/1", ["user", "agent"]) == 200
    assert await status("DELETE", "/tickets/1", "admin") == 403
    assert await status("GET", "/agents", "user") == 403
    assert await status("GET", "/agents", "admin") == 200
    assert await status("GET", "/agents", None) == 403
    reply = await client.post("/tickets/1", headers=bearer())
    assert (reply.json()["code"], reply.json()["detail"]) == ("FORBIDDEN", "Insufficient permissions")


async def test_security_headers_are_on_every_reply_but_where_they_are_off(client: httpx.AsyncClient) -> None:
    for path, headers in (("/tickets/1", bearer()), ("/tickets/1", {}), ("/health", {})):
        reply = await client.get(path, headers=headers)
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
    assert "x-frame-options" not in (await client.get("/public/1")).headers


async def test_the_whole_set_of_the_ticketing_platform() -> None:
    """T's fields (requirements 3.7), one by one, in the place of a service's; none at all where they are off."""
    whole = """
version: 1
logs: {access: off}
services: {echo: {url: "URL"}}
identity: {users: {jwt: {secret: "SECRET"}}}
defaults:
  authenticate: users
  security_headers: {hsts: {max_age: 365d, preload: true}, xss: "1; mode=block", referrer: strict-origin}
routes:
  - {match: /on, service: echo, authenticate: none}
  - {match: /off, service: echo, authenticate: none, security_headers: off}
"""
    expected = {
        "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; "
        "img-src 'self' data: https:",
        "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
        "x-xss-protection": "1; mode=block",
        "referrer-policy": "strict-origin",
    }

    async def careless(link: Link) -> None:
        while True:
            await link.request()
            link.send(b"HTTP/1.1 200 OK\r\nx-frame-options: ALLOWALL\r\ncontent-length: 0\r\n\r\n")

    def told(reply: httpx.Response) -> dict[str, str]:
        assert "cross-origin-embedder-policy" not in reply.headers
        assert len(set(reply.headers)) == len(reply.headers.raw)
        return {name: value for name, value in reply.headers.items() if name in expected}

    async with Upstream(careless) as service:
        text = whole.replace("URL", service.url).replace("SECRET", SECRET)
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as client:
            for path in ("/on", "/nowhere", "/health"):
                assert told(await client.get(path)) == expected
            assert told(await client.get("/off")) == {"x-frame-options": "ALLOWALL"}


async def test_attempts_are_counted(client: httpx.AsyncClient) -> None:
    await client.get("/tickets/1", headers=bearer())
    await client.get("/tickets/1", headers=bearer())
    await client.get("/tickets/1")
    await client.get("/public/1", headers=bearer(exp=1))
    shown = (await client.get("/metrics")).text
    assert 'authentication_attempts_total{status="success"} 2' in shown
    assert 'authentication_attempts_total{status="failure"} 1' in shown
