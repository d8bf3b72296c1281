"""CORS as browsers meet it: pre-flights, who may read which reply, and what a service may not say."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from portico.testing import Client, Link, RunningGateway, Upstream, gateway
from tests.unit.identity.signing import SECRET, sign

APP = "https://app.example.com"
STRANGER = "https://stranger.example.org"
CONFIGURATION = """
version: 1
gateway: {{errors: {{body: {{error: {{message: "{{message}}", statusCode: "{{status}}"}}}}}}}}
logs: {{access: off}}
identity: {{users: {{jwt: {{secret: "{secret}"}}}}}}
services:
  echo: {{url: "{echo}"}}
  talker: {{url: "{talker}"}}
defaults:
  authenticate: users
  cors: {{origins: [{app}, "https://*.shop.example"], credentials: true}}
routes:
  - {{match: /tickets/**, service: echo}}
  - {{match: GET /split, service: echo, authenticate: none}}
  - {{match: POST /split, service: echo, cors: {{origins: "https://other.example"}}}}
  - {{match: /talker, service: talker, authenticate: none}}
  - {{match: /off, service: talker, authenticate: none, cors: off}}
  - {{match: /open, service: talker, authenticate: none, cors: "*"}}
  - match: /dev
    service: echo
    authenticate: none
    cors: {{localhost: true, headers: [standard, X-Mine], max_age: 1m}}
  - match: /scarce
    service: echo
    authenticate: none
    addresses: {{deny: [192.0.2.0/24]}}
    rate_limit: [{{allow: 1/h, per: ip}}]
"""
EXPOSED = (
    "X-Request-ID, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
    "Retry-After, Location"
)
HEADERS = "Authorization, Content-Type, X-API-Key, X-Venue-ID, X-Tenant-ID, X-Request-ID, Idempotency-Key"


async def talker(link: Link) -> None:
    """A service that has a mind of its own about CORS."""
    while True:
        await link.request()
        link.send(
            b"HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\nAccess-Control-Allow-Private-Network: true\r\n"
            b"access-control-expose-headers: x-secret\r\nvary: accept-encoding\r\ncontent-length: 2\r\n\r\nok"
        )


@pytest.fixture
async def running() -> AsyncIterator[RunningGateway]:
    async with Upstream() as echo, Upstream(talker) as other:
        text = CONFIGURATION.format(secret=SECRET, echo=echo.url, talker=other.url, app=APP)
        async with gateway(text) as made:
            yield made


@pytest.fixture
async def client(running: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.url) as made:
        yield made


def bearer() -> dict[str, str]:
    return {"authorization": f"Bearer {sign({'sub': 'ann', 'exp': time.time() + 60}).decode()}"}


def cors(reply: httpx.Response) -> dict[str, str]:
    """What a reply says about CORS; each name once."""
    told = [
        (name, value) for name, value in reply.headers.multi_items() if name.startswith("access-control-")
    ]
    assert len(dict(told)) == len(told)
    return {name.removeprefix("access-control-"): value for name, value in told}


def varies(reply: httpx.Response) -> bool:
    return "origin" in reply.headers.get("vary", "").lower().replace(" ", "").split(",")


async def preflight(
    client: httpx.AsyncClient, path: str, method: str = "POST", origin: str = APP, **headers: str
) -> httpx.Response:
    asked = {"origin": origin, "access-control-request-method": method, **headers}
    return await client.options(path, headers=asked)


async def test_a_preflight_is_answered_before_anybody_is_asked_who_they_are(
    client: httpx.AsyncClient,
) -> None:
    reply = await preflight(client, "/tickets/1", "DELETE")
    assert (reply.status_code, reply.content) == (204, b"")
    assert cors(reply) == {
        "allow-origin": APP,
        "allow-credentials": "true",
        "allow-methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        "allow-headers": HEADERS,
        "max-age": "600",
    }
    assert varies(reply)
    assert reply.headers["x-request-id"].startswith("req_")
    assert (await client.options("/tickets/1")).status_code == 401, "not a pre-flight: no Origin, no question"


async def test_the_page_reads_replies_and_errors(client: httpx.AsyncClient) -> None:
    granted = {"allow-origin": APP, "allow-credentials": "true", "expose-headers": EXPOSED}
    page = {"origin": APP}
    served = await client.get("/tickets/1", headers=page | bearer())
    refused = await client.get("/tickets/1", headers=page)
    missed = await client.get("/nowhere", headers=page)
    own = await client.get("/health", headers=page)
    assert [one.status_code for one in (served, refused, missed, own)] == [200, 401, 404, 200]
    for reply in (served, refused, missed, own):
        assert cors(reply) == granted
        assert varies(reply)
    assert refused.json()["error"]["statusCode"] == 401


async def test_the_last_of_a_limit_is_read_too_and_preflights_spend_nothing(
    client: httpx.AsyncClient,
) -> None:
    for _ in range(3):
        assert (await preflight(client, "/scarce", "GET")).status_code == 204
    assert (await client.get("/scarce", headers={"origin": APP})).status_code == 200
    reply = await client.get("/scarce", headers={"origin": APP})
    assert (reply.status_code, cors(reply)["allow-origin"]) == (429, APP)
    assert "Retry-After" in cors(reply)["expose-headers"]
    assert (await preflight(client, "/scarce", "GET")).status_code == 204


@pytest.mark.parametrize(
    "origin",
    [
        STRANGER,
        "null",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://evilapp.example.com",
        "https://shop.example",
        "https://.shop.example",
        "https://a..shop.example",
        "https://evilshop.example",
        "https://a.shop.example:444",
        "https://a.shop.example.evil.example",
        "https://evil.example#.shop.example",
        "https://" + "a." * 200 + "shop.example",
        "http://localhost:5173",
    ],
)
async def test_an_unknown_origin_is_told_nothing_and_its_preflight_is_blocked(
    client: httpx.AsyncClient, origin: str
) -> None:
    blocked = await preflight(client, "/tickets/1", origin=origin)
    assert (blocked.status_code, cors(blocked)) == (403, {})
    assert blocked.json() == {"error": {"message": "Origin not allowed", "statusCode": 403}}
    assert varies(blocked)
    passed = await client.get("/tickets/1", headers={"origin": origin} | bearer())
    assert (passed.status_code, cors(passed)) == (200, {})
    assert varies(passed)


@pytest.mark.parametrize("origin", ["https://a.shop.example", "https://b-1.a.shop.example"])
async def test_a_pattern_takes_whole_labels(client: httpx.AsyncClient, origin: str) -> None:
    for _ in range(2):  # the second time from memory
        assert cors(await preflight(client, "/tickets/1", origin=origin))["allow-origin"] == origin
        assert cors(await client.get("/tickets/1", headers={"origin": origin}))["allow-origin"] == origin


async def test_without_an_origin_everything_passes(client: httpx.AsyncClient) -> None:
    reply = await client.get("/tickets/1", headers=bearer())
    assert (reply.status_code, cors(reply)) == (200, {})
    assert varies(reply), "a cache must not give this one to a page"


async def test_a_preflight_goes_by_the_method_that_it_asks_for(client: httpx.AsyncClient) -> None:
    assert cors(await preflight(client, "/split", "GET"))["allow-origin"] == APP
    assert (await preflight(client, "/split", "POST")).status_code == 403
    other = await preflight(client, "/split", "POST", "https://other.example")
    assert cors(other)["allow-origin"] == "https://other.example"
    assert "allow-credentials" not in cors(other)
    assert (await preflight(client, "/split", "DELETE")).status_code == 405
    assert (await preflight(client, "/nowhere", "GET")).status_code == 404


async def test_a_tenant_may_be_named_and_is_not_believed(client: httpx.AsyncClient) -> None:
    asked = {"access-control-request-headers": "x-tenant-id, authorization"}
    reply = await preflight(client, "/tickets/1", "POST", **asked)
    assert reply.status_code == 204
    assert "X-Tenant-ID" in cors(reply)["allow-headers"]
    sent = await client.post("/tickets/1", headers={"origin": APP, "x-tenant-id": "t-2"} | bearer())
    assert "x-tenant-id" not in dict(sent.json()["headers"])


async def test_what_a_service_says_is_replaced(client: httpx.AsyncClient) -> None:
    told = await client.get("/talker", headers={"origin": APP})
    assert cors(told) == {"allow-origin": APP, "allow-credentials": "true", "expose-headers": EXPOSED}
    assert varies(told)
    assert "accept-encoding" in told.headers["vary"]
    assert cors(await client.get("/talker", headers={"origin": STRANGER})) == {}
    private = {"access-control-request-private-network": "true"}
    assert "allow-private-network" not in cors(await preflight(client, "/talker", "GET", **private))


async def test_off_leaves_it_to_the_service(client: httpx.AsyncClient) -> None:
    reply = await preflight(client, "/off", "GET")
    assert (reply.status_code, cors(reply)["allow-origin"], cors(reply)["expose-headers"]) == (
        200,
        "*",
        "x-secret",
    )
    assert not varies(reply)


async def test_anybody_may_read_what_is_open(client: httpx.AsyncClient) -> None:
    for origin in (APP, STRANGER, "null"):
        reply = await client.get("/open", headers={"origin": origin})
        assert cors(reply) == {"allow-origin": "*", "expose-headers": EXPOSED}
        assert not varies(reply)
        asked = await preflight(client, "/open", "GET", origin)
        assert (asked.status_code, cors(asked)["allow-origin"]) == (204, "*")
        assert "allow-credentials" not in cors(asked)


@pytest.mark.parametrize(
    "origin", ["http://localhost", "http://localhost:5173", "https://127.0.0.1:8443", "http://[::1]:3000"]
)
async def test_localhost_where_it_is_allowed(client: httpx.AsyncClient, origin: str) -> None:
    told = cors(await preflight(client, "/dev", "GET", origin))
    assert (told["allow-origin"], told["max-age"]) == (origin, "60")
    assert told["allow-headers"] == f"{HEADERS}, X-Mine"
    for stranger in (
        "http://localhost.evil.example",
        "http://localhost:5173.evil.example",
        "ftp://localhost",
    ):
        assert (await preflight(client, "/dev", "GET", stranger)).status_code == 403


async def test_a_page_that_may_not_read_opens_no_websocket(running: RunningGateway) -> None:
    async def handshake(origin: str | None) -> int:
        lines: Mapping[str, str] = {
            "host": "gateway.test",
            "connection": "upgrade",
            "upgrade": "websocket",
            **({"origin": origin} if origin else {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        async with await Client.connect(running.port) as client:
            client.send(f"GET /dev HTTP/1.1\r\n{head}\r\n".encode())
            return (await client.final_reply()).status

    assert await handshake(STRANGER) == 403
    for origin in ("http://localhost:3000", None, "https://gateway.test"):
        assert await handshake(origin) == 200, "it came to the service, which only echoes"
