"""Permissions from outside: wildcards, what is one's own, what a caller was given itself, what a scope leaves."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from portico.testing import RunningGateway, Upstream, gateway, until
from tests.unit.identity.signing import SECRET, sign

CONFIGURATION = """
version: 1
logs: {{access: off, audit: {audit}}}
identity: {{users: {{jwt: {{secret: "{secret}", claims: {{permissions: permissions, scope: scope}}}}}}}}
roles:
  admin: {{permissions: ["*"]}}
  reader: {{permissions: ["*:read", "tickets:view"]}}
  worker: {{permissions: ["tickets:*"]}}
  customer: {{permissions: ["tickets:view-own", "profile:*-own"]}}
  anybody: {{permissions: ["*:*-own"]}}
services: {{echo: {{url: "{url}"}}}}
defaults: {{authenticate: users}}
routes:
  - {{match: "/users/{{userId}}/tickets", service: echo, authorize: {{permission: tickets:view, owner: param:userId}}}}
  - {{match: /tickets, service: echo, authorize: {{permission: tickets:view, owner: query:userId}}}}
  - match: /profiles
    service: echo
    authorize: {{GET: profile:read, "*": {{permission: profile:update, owner: body:/user/id}}}}
  - {{match: /all, service: echo, authorize: tickets:view}}
  - {{match: /staff, service: echo, authorize: {{roles: [worker]}}}}
"""


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningGateway]:
    async with Upstream() as service:
        audit = tmp_path / "audit.log"
        async with gateway(CONFIGURATION.format(secret=SECRET, url=service.url, audit=audit)) as made:
            yield made


@pytest.fixture
async def client(running: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.url) as made:
        yield made


def bearer(role: str, subject: str = "ann", **claims: Any) -> dict[str, str]:
    said = {"sub": subject, "role": role, "exp": time.time() + 86_400, **claims}
    return {"authorization": f"Bearer {sign(said).decode()}"}


async def statuses(client: httpx.AsyncClient, path: str, *headers: dict[str, str]) -> list[int]:
    return [(await client.get(path, headers=one)).status_code for one in headers]


ROLES = [bearer(role) for role in ("admin", "reader", "worker", "customer", "anybody", "stranger")]


async def test_what_is_ones_own_and_what_is_not(client: httpx.AsyncClient) -> None:
    assert await statuses(client, "/users/ann/tickets", *ROLES) == [200, 200, 200, 200, 200, 403]
    assert await statuses(client, "/users/bob/tickets", *ROLES) == [200, 200, 200, 403, 403, 403]
    assert await statuses(client, "/tickets?userId=ann&page=2", *ROLES) == [200, 200, 200, 200, 200, 403]
    assert await statuses(client, "/tickets?userId=bob", *ROLES) == [200, 200, 200, 403, 403, 403]
    assert await statuses(client, "/tickets", *ROLES) == [200, 200, 200, 403, 403, 403]
    assert await statuses(client, "/all", *ROLES) == [200, 200, 200, 403, 403, 403], "it does not say whose"
    assert await statuses(client, "/profiles", *ROLES) == [200, 200, 403, 403, 403, 403], "*:read"


async def test_an_owner_with_signs_in_the_name(client: httpx.AsyncClient) -> None:
    odd = bearer("customer", "auth0|ann+b%c")
    encoded = "auth0%7Cann%2Bb%25c"
    assert await statuses(client, f"/users/{encoded}/tickets", odd) == [200]
    assert await statuses(client, f"/tickets?userId={encoded}", odd) == [200]
    assert await statuses(client, "/users/auth0%257Cann%252Bb%2525c/tickets", odd) == [403]


@pytest.mark.parametrize(
    "query",
    [
        "userId=ann&userId=bob",
        "userId=bob&userId=ann",
        "userId=ann&userid=bob",
        "userId=ann;userId=bob",
        "userId=ann&userId[]=bob",
        "userId=ann&user%49d=bob",
        "userId=ann%00",
        "userId=ANN",
        "userId=",
        "userId",
        "x=ann",
    ],
)
async def test_a_query_that_a_service_might_read_otherwise(client: httpx.AsyncClient, query: str) -> None:
    assert await statuses(client, f"/tickets?{query}", bearer("customer"), bearer("worker")) == [403, 200]


JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "kind", "coding", "status"),
    [
        (b'{"user": {"id": "ann"}}', JSON, "", 200),
        (
            b'{"user": {"id": "ann"}, "n": [{"a": 1}, {"a": 2}]}',
            "application/merge-patch+json; charset=utf-8",
            "",
            200,
        ),
        (b'{"user": {"id": "bob"}}', JSON, "", 403),
        (b'{"user": {"id": "ann", "id": "bob"}}', JSON, "", 403),
        (b'{"user": {"id": "bob", "id": "ann"}}', JSON, "", 403),
        (b'{"user": {"id": "ann"}, "USER": {"id": "bob"}}', JSON, "", 403),
        (b'{"user": {"id": "ann", "ID": "bob"}}', JSON, "", 403),
        (b'{"user": "ann"}', JSON, "", 403),
        (b'{"user": {"id": ["ann"]}}', JSON, "", 403),
        (b'{"user": {"id": null}}', JSON, "", 403),
        (b'["user"]', JSON, "", 403),
        (b'{"user": {"id": "ann"}', JSON, "", 403),
        (b"[" * 100_000, JSON, "", 403),
        (b'{"user": {"id": "ann"}}', "text/plain", "", 403),
        ('{"user": {"id": "ann"}}'.encode("utf-16"), JSON, "", 403),
        (gzip.compress(b'{"user": {"id": "ann"}}', mtime=0), JSON, "gzip", 403),
        (b"", JSON, "", 403),
        (b'{"user": {"id": "ann"}, "x": "' + b"x" * (1 << 20) + b'"}', JSON, "", 413),
    ],
    ids=lambda given: repr(given)[:40],
)
async def test_the_owner_in_a_body(
    client: httpx.AsyncClient, body: bytes, kind: str, coding: str, status: int
) -> None:
    headers = {"content-type": kind, **({"content-encoding": coding} if coding else {})}
    reply = await client.put("/profiles", content=body, headers=headers | bearer("customer"))
    assert reply.status_code == status
    if status != 413:
        reply = await client.put("/profiles", content=body, headers=headers | bearer("admin"))
        assert reply.status_code == 200
        assert json.loads(reply.content)["method"] == "PUT"


async def test_a_number_is_the_same_as_its_text(client: httpx.AsyncClient) -> None:
    for body, status in ((b'{"user": {"id": 7}}', 200), (b'{"user": {"id": true}}', 403)):
        headers = {"content-type": JSON} | bearer("customer", "7")
        assert (await client.put("/profiles", content=body, headers=headers)).status_code == status


async def test_what_a_caller_was_given_itself_counts_beside_roles(client: httpx.AsyncClient) -> None:
    given = bearer("stranger", permissions=["tickets:view"])
    theirs = bearer("stranger", permissions=["*:view-own"])
    more = bearer("customer", permissions=["tickets:view"])
    assert await statuses(client, "/users/bob/tickets", given, theirs, more) == [200, 403, 200]
    assert await statuses(client, "/users/ann/tickets", given, theirs, more) == [200, 200, 200]
    assert await statuses(client, "/staff", given, bearer("worker", permissions=["x:y"])) == [403, 200]


async def test_a_scope_leaves_nothing_of_a_role(client: httpx.AsyncClient) -> None:
    narrow = bearer("admin", scope="tickets:view-own")
    wide = bearer("stranger", scope="openid tickets:*")
    nothing = bearer("admin", scope="openid")
    assert await statuses(client, "/users/ann/tickets", narrow, wide, nothing) == [200, 200, 403]
    assert await statuses(client, "/users/bob/tickets", narrow, wide, nothing) == [403, 200, 403]
    assert await statuses(client, "/staff", narrow, wide, nothing, bearer("admin")) == [403, 403, 403, 403]
    assert await statuses(client, "/staff", bearer("worker"), bearer("worker", scope="tickets:*")) == [
        200,
        403,
    ]


async def test_the_audit_log_says_what_was_lacking(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await client.get("/users/bob/tickets", headers=bearer("customer"))
    await client.get("/all", headers=bearer("customer"))
    await client.get("/all", headers=bearer("admin", scope="profile:read"))

    def reasons() -> list[str]:
        return [json.loads(line)["reason"] for line in (tmp_path / "audit.log").read_text().splitlines()]

    await until(lambda: len(reasons()) == 3, "three lines")
    assert reasons() == [
        "ann (customer) lacks tickets:view, and param:userId does not name them, for tickets:view-own",
        "ann (customer) lacks tickets:view, and the route does not say whose it is, for tickets:view-own",
        "ann (scoped to profile:read) lacks tickets:view",
    ]
