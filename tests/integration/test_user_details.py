"""What a service says of users: it counts beside the token, waits for nobody who is known, and may be away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from portico.testing import Upstream, gateway, until
from tests.integration.user_directory import Users
from tests.integration.venue_directory import Directory
from tests.unit.identity.signing import SECRET, sign

CONFIGURATION = """
version: 1
logs: {{access: off}}
identity: {{users: {{jwt: {{secret: "{secret}", require: [tenant_id]}}}}}}
roles: {{boss: {{permissions: ["tickets:*"]}}, agent: {{permissions: ["tickets:view"]}}}}
services:
  echo: {{url: "{echo}"}}
  auth: {{url: "{users}", breaker: off}}
  venue: {{url: "{venues}"}}
venues: {{service: venue}}
defaults: {{authenticate: users, user_details: {{service: auth, of: users{details}}}}}
routes:
  - {{match: /tickets, service: echo, authorize: "tickets:edit"}}
  - {{match: /own, service: echo, venue: required}}
  - {{match: /token, service: echo, user_details: off}}
  - {{match: /sure, service: echo, user_details: {{service: auth, of: users, away: refuse}}}}
  - {{match: /, service: echo}}
"""
ANN = {
    "id": "ann",
    "tenant_id": "t-1",
    "email": "ann@example.com",
    "role": "boss",
    "permissions": [],
    "venueId": "v-1",
}


@dataclass
class Ground:
    users: Users
    client: httpx.AsyncClient

    async def ask(self, target: str, user: str = "ann", tenant: str = "t-1") -> httpx.Response:
        said = {"sub": user, "tenant_id": tenant, "role": "agent", "exp": time.time() + 3600}
        return await self.client.get(target, headers={"authorization": f"Bearer {sign(said).decode()}"})


@asynccontextmanager
async def grounds(details: str = "") -> AsyncIterator[Ground]:
    users = Users({("t-1", "ann"): dict(ANN)})
    venues = Directory({("t-1", "v-1"): {"ann": "boss"}})
    async with Upstream() as echo, Upstream(users.script) as known, Upstream(venues.script) as places:
        text = CONFIGURATION.format(
            secret=SECRET, echo=echo.url, users=known.url, venues=places.url, details=details
        )
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as client:
            yield Ground(users, client)


def heard(reply: httpx.Response) -> dict[str, str]:
    assert reply.status_code == 200, reply.text
    fields = [
        field for field in reply.json()["headers"] if field[0].startswith(("x-user", "x-tenant", "x-venue"))
    ]
    assert len(dict(fields)) == len(fields)
    return dict(fields)


async def test_the_role_of_today_counts_and_the_own_venue_is_the_fifth_source() -> None:
    async with grounds() as ground:
        assert (await ground.ask("/tickets")).status_code == 200
        told = {"x-user-id": "ann", "x-user-role": "boss", "x-tenant-id": "t-1", "x-tenant-source": "jwt"}
        assert heard(await ground.ask("/")) == told
        assert heard(await ground.ask("/token")) == {**told, "x-user-role": "agent"}
        assert heard(await ground.ask("/own"))["x-venue-context-id"] == "v-1"
        assert (await ground.ask("/own?venueId=v-2")).status_code == 404
        assert ground.users.asked == [("t-1", "ann")]


async def test_many_at_once_ask_once() -> None:
    async with grounds() as ground:
        ground.users.held = asyncio.Event()
        asking = [asyncio.create_task(ground.ask("/")) for _ in range(5)]
        await until(lambda: ground.users.asked, "the question")
        ground.users.held.set()
        assert [(await task).status_code for task in asking] == [200] * 5
        assert len(ground.users.asked) == 1


async def test_who_is_known_never_waits_and_is_renewed_beside() -> None:
    async with grounds(", ttl: 1ms") as ground:
        assert heard(await ground.ask("/"))["x-user-role"] == "boss"
        ground.users.held = asyncio.Event()
        ground.users.users["t-1", "ann"]["role"] = "agent"
        # The service answers nothing now, and yet:
        assert heard(await ground.ask("/"))["x-user-role"] == "boss"
        ground.users.held.set()

        async def renewed() -> bool:
            return heard(await ground.ask("/"))["x-user-role"] == "agent"

        while not await renewed():
            pass


async def test_without_an_answer_the_token_counts_or_nobody_gets_in() -> None:
    async with grounds() as ground:
        for broken in (500, 429, 204):
            ground.users.status = broken
            assert heard(await ground.ask("/"))["x-user-role"] == "agent"
            assert (await ground.ask("/tickets")).status_code == 403
            reply = await ground.ask("/sure")
            assert (reply.status_code, reply.json()["detail"]) == (503, "Service unavailable: auth")
        ground.users.status = 0
        for wrong in (
            {"tenant_id": "t-2"},
            {"id": "bob"},
            {"role": "boss\r\nx-user-id: root"},
            {"permissions": "*"},
        ):
            ground.users.users["t-1", "ann"] = {**ANN, **wrong}
            assert (await ground.ask("/sure")).status_code == 503, wrong
        ground.users.users["t-1", "ann"] = dict(ANN)
        assert heard(await ground.ask("/sure"))["x-user-role"] == "boss"


async def test_an_answer_may_come_in_pieces() -> None:
    async with grounds() as ground:
        ground.users.halt_s = 0.4  # longer than the sweep's turn
        assert heard(await ground.ask("/sure"))["x-user-role"] == "boss"


async def test_a_user_who_is_gone_is_nobody_and_another_tenants_is_another() -> None:
    async with grounds() as ground:
        reply = await ground.ask("/", "bob")
        assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_TOKEN")
        assert (await ground.ask("/", "ann", "t-2")).status_code == 401
        assert (await ground.ask("/", "ann")).status_code == 200
        assert set(ground.users.asked) == {("t-1", "bob"), ("t-2", "ann"), ("t-1", "ann")}
        assert (await ground.ask("/", "..")).status_code == 401
        assert ("t-1", "..") not in ground.users.asked


def test_details_merge_once_for_a_token() -> None:
    from portico.exchange.identity import Identity
    from portico.identity.user_details import Details

    details = Details(roles=("boss",), permissions=("a:b",), venue="v-1", email="a@b")
    identity = Identity("ann", "users", "jwt", ("agent",), "t-1", marks=(b"m",), issued=5.0)
    merged = details.merge(identity)
    assert details.merge(identity) is merged
    assert (merged.roles, merged.permissions, merged.venue, merged.email) == (
        ("boss",),
        ("a:b",),
        "v-1",
        "a@b",
    )
    assert (merged.marks, merged.issued, merged.key) == (identity.marks, 5.0, identity.key)
    other: Any = details.merge(Identity("ann", "users", "jwt", ("agent",), "t-1", venue="v-9"))
    assert other is not merged
