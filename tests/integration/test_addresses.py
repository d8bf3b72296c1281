"""Clients that are let in or kept out by their address, as a trusted proxy tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from portico.testing import RunningGateway, Upstream, gateway
from tests.unit.identity.signing import SECRET

CONFIGURATION = """
version: 1
gateway:
  trusted_proxies: [127.0.0.1]
  errors: {{body: {{error: {{message: "{{message}}", statusCode: "{{status}}"}}}}}}
logs: {{access: off}}
identity: {{users: {{jwt: {{secret: "{secret}"}}}}}}
services: {{echo: {{url: "{url}"}}}}
defaults:
  addresses: {{deny: [198.51.100.0/24, "2001:db8:bad::/48"]}}
routes:
  - {{match: /all, service: echo, authenticate: none}}
  - match: /office
    service: echo
    authenticate: none
    addresses: {{allow: [10.0.0.0/8, "2001:db8::/32"], deny: [10.6.6.0/24]}}
  - {{match: /everybody, service: echo, authenticate: none, addresses: off}}
  - {{match: /proven, service: echo, authenticate: users}}
  - match: /shared
    service: echo
    authenticate: none
    rate_limit: [{{allow: 1/h, per: global}}]
"""


@pytest.fixture
async def running() -> AsyncIterator[RunningGateway]:
    async with Upstream() as service, gateway(CONFIGURATION.format(secret=SECRET, url=service.url)) as made:
        yield made


@pytest.fixture
async def client(running: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.url) as made:
        yield made


async def status(client: httpx.AsyncClient, path: str, address: str) -> int:
    return (await client.get(path, headers={"x-forwarded-for": address})).status_code


@pytest.mark.parametrize(
    ("address", "everywhere", "office"),
    [
        ("203.0.113.9", 200, 403),
        ("198.51.100.7", 403, 403),
        ("10.1.2.3", 200, 200),
        ("::ffff:10.1.2.3", 200, 200),
        ("::ffff:198.51.100.7", 403, 403),
        ("10.6.6.6", 200, 403),
        ("::FFFF:0a06:0606", 200, 403),
        ("2001:db8:1::1", 200, 200),
        ("2001:DB8:BAD::1", 403, 200),
        ("2001:db9::1", 200, 403),
    ],
)
async def test_by_network(client: httpx.AsyncClient, address: str, everywhere: int, office: int) -> None:
    for _ in range(2):  # the second time from memory
        assert await status(client, "/all", address) == everywhere
        assert await status(client, "/office", address) == office
    assert await status(client, "/everybody", address) == 200
    assert await status(client, "/health", address) == 200, (
        "the gateway's own endpoints are asked by machines"
    )


async def test_a_refusal_has_the_profiles_form(client: httpx.AsyncClient) -> None:
    reply = await client.get("/all", headers={"x-forwarded-for": "198.51.100.7"})
    assert reply.json() == {"error": {"message": "Address not allowed", "statusCode": 403}}
    assert reply.headers["cache-control"] == "no-store"


async def test_only_the_trusted_tell_an_address(client: httpx.AsyncClient) -> None:
    # The right-most address that no trusted proxy owns is the client: what stands before it is its own word.
    assert await status(client, "/office", "10.1.2.3, 203.0.113.9") == 403
    assert await status(client, "/all", "203.0.113.9, 198.51.100.7") == 403
    assert await status(client, "/office", "203.0.113.9, 10.1.2.3, 127.0.0.1") == 200
    for header in ("x-real-ip", "x-original-ip", "forwarded", "x-client-ip", "true-client-ip"):
        reply = await client.get("/office", headers={header: "10.1.2.3", "x-forwarded-for": "203.0.113.9"})
        assert reply.status_code == 403


async def test_addresses_are_asked_before_limits_and_proof(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert await status(client, "/shared", "198.51.100.7") == 403
    assert await status(client, "/shared", "203.0.113.9") == 200, "the refused have spent nothing"
    assert await status(client, "/shared", "203.0.113.9") == 429
    assert await status(client, "/shared", "198.51.100.7") == 403
    assert await status(client, "/proven", "198.51.100.7") == 403
    assert await status(client, "/proven", "203.0.113.9") == 401


async def test_a_client_that_nobody_trusts_does_not_choose_its_address() -> None:
    async with Upstream() as service:
        text = CONFIGURATION.format(secret=SECRET, url=service.url).replace(
            "  trusted_proxies: [127.0.0.1]\n", ""
        )
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as client:
            assert await status(client, "/office", "10.1.2.3") == 403
            assert await status(client, "/all", "198.51.100.7") == 200, "nor can it have others kept out"
