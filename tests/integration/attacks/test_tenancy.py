"""Attacks on the borders between tenants and between venues, each beside the request that is allowed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from portico.testing import Client, RunningGateway, Upstream, gateway, until
from tests.integration.venue_directory import Directory
from tests.unit.identity.signing import SECRET, sign

CONFIGURATION = """
version: 1
logs: {{access: off}}
identity:
  users: {{jwt: {{secret: "{secret}", require: [tenant_id]}}}}
  keys:
    api_key:
      keys:
        bound: {{secret: "sha256:{digest}", tenant: t-1, roles: [manager], venues: [v-mine, v-nowhere]}}
        free: {{secret: "sha256:{digest}", tenant: t-1, roles: [manager]}}
        scoped: {{secret: "sha256:{digest}", tenant: t-1, scopes: ["events:view"], venues: [v-mine]}}
roles:
  admin: {{permissions: ["*"]}}
  manager: {{permissions: ["events:*"]}}
  guest: {{permissions: ["events:view"]}}
  customer: {{permissions: ["events:view"]}}
services: {{echo: {{url: "{echo}"}}, venue: {{url: "{directory}", breaker: off}}}}
venues: {{service: venue, everywhere: [admin], roles: {{boss: manager}}{venues}}}
defaults: {{authenticate: [users, keys]}}
routes:
  - {{match: "/venues/{{venueId}}/**", service: echo, venue: required, authorize: "events:view"}}
  - {{match: /events/**, service: echo, venue: required, authorize: {{GET: "events:view", POST: "events:create"}}}}
  - {{match: /maybe, service: echo, venue: optional}}
  - {{match: /open, service: echo}}
"""
KEY = "k" * 43
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
MINE, THEIRS, NOWHERE = "v-mine", "v-theirs", "v-nowhere"


@dataclass
class Ground:
    """A gateway, what it asks, and a client."""

    running: RunningGateway
    directory: Directory
    client: httpx.AsyncClient
    echo: Upstream

    async def ask(self, user: str, target: str, method: str = "GET", **options: Any) -> httpx.Response:
        role = options.pop("role", "customer")
        fields = {**bearer(user, options.pop("tenant", "t-1"), role), **options.pop("headers", {})}
        return await self.client.request(method, target, headers=fields, **options)


def bearer(user: str, tenant: str = "t-1", role: str = "customer") -> dict[str, str]:
    said = {"sub": user, "tenant_id": tenant, "role": role, "exp": time.time() + 3600}
    return {"authorization": f"Bearer {sign(said).decode()}"}


@asynccontextmanager
async def grounds(venues: str = "") -> AsyncIterator[Ground]:
    directory = Directory(
        {("t-1", MINE): {"ann": "boss", "gus": "guest"}, ("t-1", THEIRS): {"bob": "boss"}, ("t-2", "v-2"): {}}
    )
    async with Upstream() as echo, Upstream(directory.script) as asked:
        text = CONFIGURATION.format(
            secret=SECRET, digest=DIGEST, echo=echo.url, directory=asked.url, venues=venues
        )
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as client:
            yield Ground(running, directory, client, echo)


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    async with grounds() as made:
        yield made


def told(reply: httpx.Response, prefix: str = "x-venue-context-") -> dict[str, str]:
    """What the service was told."""
    assert reply.status_code == 200, reply.text
    fields = [field for field in reply.json()["headers"] if field[0].startswith(prefix)]
    assert len({name for name, _ in fields}) == len(fields), fields
    return {name.removeprefix(prefix): value for name, value in fields}


# Each of the five places where a venue can be named, and how to name one there.
SOURCES: dict[str, Callable[[str], tuple[str, str, dict[str, Any]]]] = {
    "path": lambda venue: ("GET", f"/venues/{venue}/seats", {}),
    "query": lambda venue: ("GET", f"/events?venueId={venue}", {}),
    "body": lambda venue: ("POST", "/events", {"json": {"name": "Gala", "venueId": venue}}),
    "header": lambda venue: ("GET", "/events", {"headers": {"X-Venue-ID": venue}}),
    "form": lambda venue: ("POST", "/events", {"data": {"venueId": venue}}),
}


async def test_another_venue_by_each_source_is_not_found(ground: Ground) -> None:
    for source in SOURCES:
        await _tries_others(ground, source)


async def _tries_others(ground: Ground, source: str) -> None:
    method, target, options = SOURCES[source](MINE)
    assert told(await ground.ask("ann", target, method, **options)) == {
        "id": MINE,
        "role": "boss",
        "permissions": "events:*",
    }
    refused = []
    for venue in (THEIRS, NOWHERE, "v-2", "a/../b", "..", "%2e%2e", "x" * 200, ""):
        method, target, options = SOURCES[source](venue)
        reply = await ground.ask("ann", target, method, **options)
        if reply.status_code == 404 and "x-request-id" in reply.headers:
            body = reply.json()
            body.pop("instance")
            refused.append((reply.status_code, json.dumps(body), tuple(sorted(reply.headers))))
        else:
            assert reply.status_code in (400, 404), (venue, reply.text)
    # Somebody else's, nobody's, and what could not even be asked for look all the same, but for unroutable paths.
    assert len({*refused[:3]}) == 1
    assert json.loads(refused[0][1])["detail"] == "Venue not found"
    assert all(venue != THEIRS or user == "ann" for _, venue, user in ground.directory.asked)


async def test_the_fifth_source_is_the_users_own_and_gives_way_to_a_named_one() -> None:
    # The user's default comes with the details of a user (test_user_details); here: without one nothing is found.
    async with grounds() as ground:
        assert (await ground.ask("ann", "/events")).status_code == 404
        assert (await ground.ask("ann", "/maybe")).status_code == 200
        assert told(await ground.ask("ann", "/maybe")) == {}
        assert (await ground.ask("ann", f"/maybe?venueId={THEIRS}")).status_code == 404
        assert told(await ground.ask("ann", f"/maybe?venueId={MINE}"))["id"] == MINE


SMUGGLED: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", f"/venues/{MINE}/x?venueId={THEIRS}", {}),
    ("GET", f"/venues/{MINE}/x", {"headers": {"X-Venue-ID": THEIRS}}),
    ("GET", f"/venues/{MINE}/x", {"headers": {"X_Venue_Id": THEIRS}}),
    ("GET", f"/events?venueId={MINE}&venueId={THEIRS}", {}),
    ("GET", f"/events?venueId={MINE}&VenueID={THEIRS}", {}),
    ("GET", f"/events?venueId={MINE}&venueId[]={THEIRS}", {}),
    ("GET", f"/events?venueId={MINE};venueId={THEIRS}", {}),
    ("GET", f"/events?venueId={MINE}&venue%49d={THEIRS}", {}),
    ("POST", f"/events?venueId={MINE}", {"json": {"venueId": THEIRS}}),
    ("POST", "/events", {"json": {"venueId": MINE}, "headers": {"X-Venue-ID": THEIRS}}),
    ("POST", "/events", {"content": f'{{"venueId": "{MINE}", "venueId": "{THEIRS}"}}'}),
    ("POST", "/events", {"content": f'{{"venueId": "{THEIRS}", "venueId": "{MINE}"}}'}),
    ("POST", "/events", {"content": f'{{"venueId": "{MINE}", "VENUEID": "{THEIRS}"}}'}),
    ("POST", "/events", {"content": f'{{"venueId": "{MINE}", "venue\\u0049d": "{THEIRS}"}}'}),
    ("POST", f"/events?venueId={MINE}", {"content": f'{{"venueId": ["{THEIRS}"]}}'}),
    ("POST", f"/events?venueId={MINE}", {"content": f"{{venueId: '{THEIRS}'}}"}),
    (
        "POST",
        f"/events?venueId={MINE}",
        {"content": f'{{"venueId": "{THEIRS}"}}', "headers": {"content-type": "image/png"}},
    ),
    (
        "POST",
        f"/events?venueId={MINE}",
        {"content": f'{{"venueId": "{THEIRS}"}}'.encode("utf-16"), "headers": {"content-type": "application/json"}},
    ),
    (
        "POST",
        f"/events?venueId={MINE}",
        {"content": b"\x1f\x8b", "headers": {"content-encoding": "gzip", "content-type": "application/json"}},
    ),
    (
        "POST",
        f"/events?venueId={MINE}",
        {"data": {"venueId": THEIRS}},
    ),
]  # fmt: skip


async def test_a_second_venue_is_not_smuggled_beside_the_first(ground: Ground) -> None:
    for method, target, options in SMUGGLED:
        reply = await ground.ask("ann", target, method, **options)
        assert reply.status_code == 404, (target, options)
    assert ground.echo.accepted == 0, "the service has seen none of them"
    for number, (method, target, options) in enumerate(SMUGGLED):
        if number not in (14, 15, 17, 18):  # those cannot be read, whatever they name
            same = {key: _at_home(value) for key, value in options.items()}
            reply = await ground.ask("ann", target.replace(THEIRS, MINE), method, **same)
            assert told(reply)["id"] == MINE, (target, options)


def _at_home(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _at_home(inner) for key, inner in value.items()}
    return value.replace(THEIRS, MINE) if isinstance(value, str) else value


async def test_the_role_at_the_venue_decides_and_not_the_one_elsewhere(ground: Ground) -> None:
    event = {"json": {"venueId": MINE}}
    assert (await ground.ask("ann", "/events", "POST", **event)).status_code == 200
    assert (await ground.ask("gus", "/events", "POST", role="manager", **event)).status_code == 403
    assert (await ground.ask("gus", f"/events?venueId={MINE}", role="manager")).status_code == 200
    assert (await ground.ask("bob", f"/events?venueId={MINE}", role="manager")).status_code == 404


async def test_a_key_acts_at_the_venues_that_it_is_bound_to(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    async def ask(key: str, venue: str, method: str = "GET") -> httpx.Response:
        fields = {"x-api-key": f"ptk_{key}.{KEY}", "x-venue-id": venue}
        return await ground.client.request(method, "/events", headers=fields)

    reply = await ask("bound", MINE, "POST")
    assert told(reply) == {"id": MINE, "role": "manager", "permissions": "events:*"}
    assert told(reply, "x-tenant-")["source"] == "api-key"
    # Somebody else's venue; one that it is bound to and that the tenant has not; one without being bound at all.
    for key, venue in (
        ("bound", THEIRS),
        ("bound", "v-2"),
        ("bound", NOWHERE),
        ("free", MINE),
        ("scoped", THEIRS),
    ):
        refused = await ask(key, venue)
        assert (refused.status_code, refused.json()["detail"]) == (404, "Venue not found"), (key, venue)
    assert told(await ask("scoped", MINE)) == {"id": MINE, "role": "", "permissions": "events:view"}
    assert (await ask("scoped", MINE, "POST")).status_code == 403
    await _audited(capfd, "cross_venue_attempt")


async def _audited(capfd: pytest.CaptureFixture[str], event: str) -> dict[str, Any]:
    lines: list[dict[str, Any]] = []

    def written() -> bool:
        lines.extend(json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{"))
        return any(line.get("event") == event for line in lines)

    await until(written, f"an audit line of {event}")
    return next(line for line in lines if line.get("event") == event)


async def test_an_admin_passes_everywhere_but_not_beyond_the_tenant(ground: Ground) -> None:
    reply = await ground.ask("root", f"/events?venueId={THEIRS}", role="admin")
    assert told(reply) == {"id": THEIRS, "role": "admin", "permissions": "*"}
    for venue in ("v-2", NOWHERE):
        assert (await ground.ask("root", f"/events?venueId={venue}", role="admin")).status_code == 404
    # What an admin has learnt opens nothing to others, and their refusal closes nothing to an admin.
    assert (await ground.ask("ann", f"/events?venueId={THEIRS}")).status_code == 404
    assert (await ground.ask("root", f"/events?venueId={THEIRS}", role="admin")).status_code == 200
    assert ("t-1", THEIRS, None) in ground.directory.asked


async def test_another_tenant_with_the_same_names_gets_nothing(ground: Ground) -> None:
    assert (await ground.ask("ann", f"/events?venueId={MINE}")).status_code == 200
    assert (await ground.ask("ann", f"/events?venueId={MINE}", tenant="t-2")).status_code == 404
    assert (await ground.ask("ann", f"/events?venueId={MINE}")).status_code == 200
    assert ground.directory.asked == [("t-1", MINE, "ann"), ("t-2", MINE, "ann")]


async def test_answers_are_remembered_and_asked_for_once(ground: Ground) -> None:
    first = await asyncio.gather(*(ground.ask("ann", f"/events?venueId={MINE}") for _ in range(5)))
    assert [reply.status_code for reply in first] == [200] * 5
    assert len(ground.directory.asked) == 1
    for _ in range(3):
        assert (await ground.ask("eve", f"/events?venueId={MINE}")).status_code == 404
    assert len(ground.directory.asked) == 2


async def test_a_membership_that_ended_ends_here_too() -> None:
    async with grounds(", ttl: 50ms, negative_ttl: 50ms") as ground:
        assert (await ground.ask("ann", f"/events?venueId={MINE}")).status_code == 200
        held = ground.directory.members["t-1", MINE].pop("ann")

        async def gone(status: int) -> bool:
            return (await ground.ask("ann", f"/events?venueId={MINE}")).status_code == status

        while not await gone(404):
            pass
        ground.directory.members["t-1", MINE]["ann"] = held
        while not await gone(200):
            pass


async def test_nobody_gets_in_when_nobody_can_say(ground: Ground) -> None:
    for trouble in (500, 503, 429, 200):  # 200 with nothing in it
        ground.directory.status = trouble
        reply = await ground.ask("ann", f"/events?venueId={MINE}")
        assert (reply.status_code, reply.json()["detail"]) == (503, "Service unavailable: venue")
    ground.directory.status = 0
    ground.directory.extra = {"venueId": THEIRS}
    assert (await ground.ask("ann", f"/events?venueId={MINE}")).status_code == 503
    ground.directory.extra = {}
    assert (await ground.ask("ann", f"/events?venueId={MINE}")).status_code == 200


SPOOFED = [
    "X-Tenant-ID: t-2", "x-tenant-id: t-2", "X_Tenant_ID: t-2", "X-TENANT_ID: t-2", "X-Tenant-Source: session",
    "X-User-ID: root", "X_USER_ROLE: admin", "X-User-Permissions: *", "X-Venue-Context-Id: v-theirs",
    "X_Venue_Context_Role: boss", "x-venue-context-permissions: *", "X-Gateway-Internal: true",
    "X-Gateway-Forwarded: yes", "X-Internal-Key: 1", "X-Internal-Service: venue", "X-Admin-Token: 1",
    "X-Privileged: 1",
]  # fmt: skip


async def test_a_client_tells_services_nothing_about_itself(ground: Ground) -> None:
    for options in ("keep-alive", "keep-alive, x-tenant-id, x-user-id, x-venue-context-id", "close"):
        await _spoofs(ground, options)


async def _spoofs(ground: Ground, options: str) -> None:
    token = bearer("ann")["authorization"]
    lines = "\r\n".join([*SPOOFED, f"Connection: {options}", f"Authorization: {token}"])
    async with await Client.connect(ground.running.port) as client:
        client.send(f"GET /events?venueId={MINE} HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n".encode())
        reply = await client.final_reply()
    assert reply.status == 200
    heard = {name.lower().replace("_", "-"): value for name, value in json.loads(reply.body)["headers"]}
    assert heard["x-tenant-id"] == "t-1"
    assert heard["x-tenant-source"] == "jwt"
    assert heard["x-user-id"] == "ann"
    assert heard["x-user-role"] == "customer"
    assert heard["x-venue-context-id"] == MINE
    assert heard["x-venue-context-role"] == "boss"
    assert heard["x-venue-context-permissions"] == "events:*"
    assert heard["x-gateway-forwarded"] == "true"
    for name in (
        "x-user-permissions",
        "x-gateway-internal",
        "x-internal-key",
        "x-admin-token",
        "x-privileged",
    ):
        assert name not in heard, name
    assert len(heard) == len(json.loads(reply.body)["headers"]), "no name comes twice"


async def test_every_refusal_is_an_audit_event(capfd: pytest.CaptureFixture[str]) -> None:
    async with grounds() as ground:
        await ground.ask("ann", f"/events?venueId={THEIRS}")
        line = await _audited(capfd, "venue_violation")
        assert (line["severity"], line["userId"], line["tenantId"]) == ("high", "ann", "t-1")
        assert line["venueId"] == THEIRS
