"""Rows of `venues` and of the stage `venue`: a directory of memberships, and requests that name venues."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from portico.testing import Upstream
from tests.integration.venue_directory import Directory
from tests.wired.identity_rows import SIGNED, token
from tests.wired.rows import UNSET, Probe, Row, Start
from tests.wired.site import Site

TENANT = {"tenant_id": "t-1"}
MEMBER = {"authorization": f"Bearer {token({**TENANT, 'role': 'agent'})}"}
BOSS = {"authorization": f"Bearer {token({**TENANT, 'sub': 'boss', 'role': 'boss'})}"}


class Asked(Upstream):
    """A directory of one venue, v-1, with the member ada; `asked` are the paths that it was asked for."""

    def __init__(self, pause_s: float = 0) -> None:
        directory = Directory({("t-1", "v-1"): {"ada": "agent"}, ("t-1", "v-2"): {}}, pause_s)
        super().__init__(directory.script)
        self.asked = directory.asked


PLACES: Mapping[str, Start] = {"backend": Upstream, "venue": Asked, "other": Asked}
SLOW: Mapping[str, Start] = {"backend": Upstream, "venue": lambda: Asked(0.4)}
GIVEN = SIGNED | {
    "services.venue": {"url": "<venue>", "breaker": "off"},
    "venues.service": "venue",
    "routes[0].venue": "required",
    "roles.agent.permissions": ["tickets:view"],
    "roles.boss.permissions": ["tickets:*"],
}
AUTHORIZED = GIVEN | {"routes[0].authorize": "tickets:edit"}


def statuses(*targets: str, fields: Mapping[str, str] = MEMBER, pause_s: float = 0) -> Probe:
    async def probe(site: Site) -> object:
        found = []
        for target in targets:
            found.append((await site.ask(target, fields)).status)
            await asyncio.sleep(pause_s)
        return found

    return probe


def asked(*targets: str, fields: Mapping[str, str] = MEMBER, pause_s: float = 0) -> Probe:
    """How often the directory was asked."""

    async def probe(site: Site) -> object:
        for target in targets:
            await site.ask(target, fields)
            await asyncio.sleep(pause_s)
        return len(site.upstreams["venue"].asked)

    return probe


async def which(site: Site) -> object:
    await site.ask("/?venueId=v-1", MEMBER)
    return [len(site.upstreams[name].asked) for name in ("venue", "other")]


def path(user: Mapping[str, str]) -> Probe:
    async def probe(site: Site) -> object:
        await site.ask("/?venueId=v-1", user)
        return site.upstreams["venue"].requests()[0].target

    return probe


async def by_path(site: Site) -> object:
    return [(await site.ask(target, MEMBER)).status for target in ("/v-1", "/v-9")]


def posted(body: bytes) -> Probe:
    async def probe(site: Site) -> object:
        return (await site.ask("/", MEMBER, method="POST", body=body)).status

    return probe


async def by_header(site: Site) -> object:
    return [(await site.ask("/", {**MEMBER, name: "v-1"})).status for name in ("X-Venue-ID", "X-Place")]


def both(key: str, values: tuple[object, object], seen: tuple[object, object], probe: Probe) -> list[Row]:
    """A row of `defaults` and one of a route."""
    below = {name: value for name, value in GIVEN.items() if name != "routes[0].venue"}
    matched = {"routes[0].match": "/{venueId}"} if ".param" in key else {}
    return [
        Row(
            f"{section}.{key}",
            values,
            seen,
            probe,
            {**below, **matched},
            at=f"{place}.{key}",
            upstreams=PLACES,
        )
        for section, place in (("defaults", "defaults"), ("routes[]", "routes[0]"))
    ]


async def at_host(site: Site) -> object:
    fields = {**MEMBER, "host": "acme"}
    reply = await site.ask("/", fields)
    return reply.status


async def brand(site: Site) -> object:
    return await site.received("x-gateway-brand", {**MEMBER, "host": "acme"})


NAMED = SIGNED | {"hosts": {"acme": {"tenant": "t-1"}}}
HOSTS = (
    Row("hosts.*.tenant", ("t-1", "t-2"), (200, 403), at_host, NAMED, at="hosts.acme.tenant"),
    Row("hosts.*.brand", (UNSET, "Acme"), (None, "Acme"), brand, NAMED, at="hosts.acme.brand"),
)

TWICE = ("/?venueId=v-1", "/?venueId=v-1")

ROWS = (
    *HOSTS,
    Row(
        "venues.service",
        ("venue", "other"),
        ([1, 0], [0, 1]),
        which,
        GIVEN | {"services.other": {"url": "<other>"}},
        upstreams=PLACES,
    ),
    Row(
        "venues.member",
        (UNSET, "/people/{user}/at/{venue}"),
        (b"/venues/v-1/members/ada", b"/people/ada/at/v-1"),
        path(MEMBER),
        GIVEN,
        upstreams={"backend": Upstream, "venue": Upstream},
    ),
    Row(
        "venues.exists",
        (UNSET, "/places/{venue}"),
        (b"/venues/v-1", b"/places/v-1"),
        path(BOSS),
        GIVEN | {"venues.everywhere": ["boss"]},
        upstreams={"backend": Upstream, "venue": Upstream},
    ),
    Row(
        "venues.everywhere",
        (UNSET, ["boss"]),
        ([404], [200]),
        statuses("/?venueId=v-1", fields=BOSS),
        GIVEN,
        upstreams=PLACES,
    ),
    Row(
        "venues.roles.*",
        (["agent"], ["boss"]),
        ([403], [200]),
        statuses("/?venueId=v-1"),
        AUTHORIZED,
        at="venues.roles.agent",
        upstreams=PLACES,
    ),
    Row("venues.ttl", (UNSET, "1ms"), (1, 2), asked(*TWICE, pause_s=0.02), GIVEN, upstreams=PLACES),
    Row(
        "venues.negative_ttl",
        ("1m", "1ms"),
        (1, 2),
        asked("/?venueId=v-2", "/?venueId=v-2", pause_s=0.02),
        GIVEN,
        upstreams=PLACES,
    ),
    Row("venues.timeout", (UNSET, "50ms"), ([200], [503]), statuses("/?venueId=v-1"), GIVEN, upstreams=SLOW),
    Row(
        "venues.entries",
        (UNSET, 1),
        (3, 4),
        asked("/?venueId=v-1", "/?venueId=v-2", "/?venueId=v-3", "/?venueId=v-2"),
        GIVEN | {"venues.negative_ttl": "1m"},
        upstreams=PLACES,
    ),
    *both("venue", ("off", "required"), ([200], [404]), statuses("/")),
    *both("venue.required", (True, False), ([404], [200]), statuses("/")),
    *both("venue.param", (UNSET, "off"), ([200, 404], [404, 404]), by_path),
    *both(
        "venue.query", (UNSET, "place"), ([200, 404], [404, 200]), statuses("/?venueId=v-1", "/?place=v-1")
    ),
    *both("venue.body", (UNSET, "place"), (200, 404), posted(b'{"venueId": "v-1"}')),
    *both("venue.header", (UNSET, "X-Place"), ([200, 404], [404, 200]), by_header),
    *both("venue.body_limit", (UNSET, "10B"), (200, 413), posted(b'{"venueId": "v-1"}')),
)
