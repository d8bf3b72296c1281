"""No request of one tenant sees or spends anything of another: not in any key, and not through a whole gateway."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portico.config.values.callers import caller_key
from portico.exchange.callers import compile_key
from portico.exchange.exchange import Exchange
from portico.exchange.identity import Identity
from portico.exchange.request import Request
from portico.testing import Upstream, gateway
from tests.integration.user_directory import Users
from tests.integration.venue_directory import Directory
from tests.unit.identity.signing import SECRET, sign

# -- keys

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8) | st.text(
    "0123456789:|", min_size=1, max_size=6
)
callers = st.tuples(names, names, names, names)


def key_of(written: str, method: str, tenant: str, subject: str, header: str) -> bytes:
    """The key of a caller whom `method` proved, and who sent `X-Client: header`."""
    request = Request()
    request.fields = [(b"x-client", header.encode())]
    x = Exchange(None, request, 0.0)  # type: ignore[arg-type]  # nobody is connected
    x.identity = Identity(subject, method, "jwt", (), tenant)
    x.client = b"192.0.2.1"
    return compile_key(caller_key(written), b"a route")(x)


@given(callers, callers)
@pytest.mark.parametrize(
    ("written", "counts"),
    [
        ("user", (0, 1, 2)),
        ("tenant", (1,)),
        ("user+tenant", (0, 1, 2)),
        ("user+header:x-client", (0, 1, 2, 3)),
        ("tenant+header:x-client", (1, 3)),
        ("route+user", (0, 1, 2)),
        ("user|ip", (0, 1, 2)),
        ("header:x-client+tenant|user", (1, 3)),
    ],
)
def test_no_two_callers_have_one_key(
    written: str, counts: tuple[int, ...], one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    same = all(one[part] == other[part] for part in counts)
    keys = [key_of(written, *who) for who in (one, other)]
    assert (keys[0] == keys[1]) == same


@given(callers, callers)
def test_no_two_identities_have_one_key(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    keys = [Identity(subject, method, "jwt", (), tenant).key for method, tenant, subject, _ in (one, other)]
    assert (keys[0] == keys[1]) == (one[:3] == other[:3])


# -- a gateway

CONFIGURATION = """
version: 1
logs: {{access: off, level: fatal}}
identity: {{users: {{jwt: {{secret: "{secret}", require: [tenant_id]}}}}}}
roles: {{admin: {{permissions: ["*"]}}, boss: {{permissions: ["things:*"]}}, guest: {{permissions: ["things:view"]}}}}
services:
  echo: {{url: "{echo}"}}
  auth: {{url: "{users}"}}
  venue: {{url: "{venues}"}}
venues: {{service: venue, everywhere: [admin]}}
defaults:
  authenticate: users
  user_details: {{service: auth, of: users}}
routes:
  - match: /things
    service: echo
    rate_limit: [{{allow: 3/h, per: user, name: user}}, {{allow: 5/h, per: tenant, name: tenant}}]
  - match: /venues/{{venueId}}
    service: echo
    venue: required
    authorize: {{GET: "things:view", POST: "things:change"}}
"""
USERS = ("ann", "bob", "root")
VENUES = ("v-1", "v-2")


@dataclass
class Tenant:
    """What one tenant would see if it were alone."""

    id: str
    roles: dict[str, str]
    members: dict[str, dict[str, str]]
    spent: Counter[str] = field(default_factory=Counter)

    def expected(self, user: str, method: str, target: str) -> int:
        if user not in self.roles:
            return 401
        if target == "/things":
            if self.spent[user] >= 3 or self.spent["*"] >= 5:
                return 429
            self.spent[user] += 1
            self.spent["*"] += 1
            return 200
        venue = target.rpartition("/")[2]
        if venue not in self.members:
            return 404
        role = "admin" if self.roles[user] == "admin" else self.members[venue].get(user)
        if role is None:
            return 404
        return 403 if role == "guest" and method == "POST" else 200


@dataclass
class Ground:
    """A gateway and its directories, which outlive the examples: every example has tenants of its own."""

    client: httpx.AsyncClient
    users: Users
    venues: Directory

    def settle(self, tenant: Tenant) -> None:
        for user, role in tenant.roles.items():
            self.users.users[tenant.id, user] = {"id": user, "tenant_id": tenant.id, "role": role}
        for venue, members in tenant.members.items():
            self.venues.members[tenant.id, venue] = members

    async def ask(self, tenant: Tenant, user: str, method: str, target: str) -> httpx.Response:
        said = {"sub": user, "tenant_id": tenant.id, "role": "guest", "exp": time.time() + 600}
        fields = {"authorization": f"Bearer {sign(said).decode()}", "x-tenant-id": "another"}
        return await self.client.request(method, target, headers=fields)


@asynccontextmanager
async def grounds() -> AsyncIterator[Ground]:
    users, venues = Users({}), Directory({})
    async with Upstream() as echo, Upstream(users.script) as known, Upstream(venues.script) as places:
        text = CONFIGURATION.format(secret=SECRET, echo=echo.url, users=known.url, venues=places.url)
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as client:
            yield Ground(client, users, venues)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[asyncio.Runner, Ground]]:
    with asyncio.Runner() as runner:
        made = grounds()
        ground = runner.run(made.__aenter__())
        yield runner, ground
        runner.run(made.__aexit__(None, None, None))


roles = st.dictionaries(st.sampled_from(USERS), st.sampled_from(("admin", "guest")), min_size=1)
members = st.dictionaries(
    st.sampled_from(VENUES), st.dictionaries(st.sampled_from(USERS), st.sampled_from(("boss", "guest")))
)
requests = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(USERS),
        st.sampled_from(("GET", "POST")),
        st.sampled_from(("/things", "/things", "/venues/v-1", "/venues/v-2")),
    ),
    min_size=8,
    max_size=24,
)
numbers = count()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(roles, members), min_size=3, max_size=3), requests)
def test_each_tenant_sees_what_it_would_see_alone(
    running: tuple[asyncio.Runner, Ground],
    written: list[tuple[dict[str, str], dict[str, dict[str, str]]]],
    asked: list[tuple[int, str, str, str]],
) -> None:
    runner, ground = running
    tenants = [Tenant(f"t-{next(numbers)}", *one) for one in written]
    for tenant in tenants:
        ground.settle(tenant)

    async def drive() -> None:
        for number, user, method, target in asked:
            tenant = tenants[number]
            answer = await ground.ask(tenant, user, method, target)
            assert answer.status_code == tenant.expected(user, method, target), (tenant, user, method, target)
            others = {one.id for one in tenants} - {tenant.id}
            assert not any(other in answer.text for other in others)
            if answer.status_code == 200:
                told = dict(answer.json()["headers"])
                assert (told["x-tenant-id"], told["x-user-id"]) == (tenant.id, user)
                assert told["x-user-role"] == tenant.roles[user]

    runner.run(drive())
