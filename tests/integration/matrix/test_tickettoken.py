"""The platform `tickettoken` as `tickettoken.md` says: every row, asked of the running gateway by each caller."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from portico.config import load_settings
from portico.routing import Entry, RouteTable, parse_path
from portico.routing.table import Match
from portico.stages import load_stages, stage_types
from tests.integration.matrix.table import Caller, Maker, Row, bearer, differences, nobody, read, untouched
from tests.integration.profile.tickettoken import Tickettoken
from tests.integration.samples.running import SECRET, environment

ROWS = read(Path(__file__).with_name("tickettoken.md"))
MINE, OTHER = "00000000-0000-4000-8000-0000000000a1", "00000000-0000-4000-8000-0000000000a2"
EVENT, TICKET = "00000000-0000-4000-8000-0000000000e1", "00000000-0000-4000-8000-0000000000b1"

# At the venue {venue} each of the first four is what their column says; a customer and the stranger are nothing.
MEMBERS = ("venue-owner", "venue-manager", "box-office", "door-staff")

pytestmark = pytest.mark.xdist_group("platform-tickettoken")


@pytest.fixture(scope="module")
def callers(tickettoken: Tickettoken) -> dict[str, Caller]:
    found: dict[str, Caller] = {"none": nobody}
    people = {role: tickettoken.somebody(role) for role in (*MEMBERS, "customer", "admin")}
    with tickettoken.client(people["admin"]) as admin:
        for role in MEMBERS:
            with tickettoken.client(people[role]) as member:
                user = member.get("/auth/me").json()["id"]
            put = admin.put(f"/venues/{MINE}/members/{user}", json={"role": role})
            assert put.status_code == 200, put.text
    found |= {role: bearer(token) for role, token in people.items()}
    found["stranger"] = bearer(tickettoken.somebody("admin", "another"))
    found["key"] = _key(tickettoken)
    return found


def _key(tickettoken: Tickettoken) -> Caller:
    """A program's key, with the rights of a manager, for one venue."""
    made = subprocess.run(
        [sys.executable, "-m", "portico", "key", "create", "-c", tickettoken.profile, "--identity", "keys",
         "--tenant", "demo", "--role", "venue-manager", "--venue", MINE],
        cwd=tickettoken.folder, env={**environment(), "JWT_SECRET": SECRET}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"ttk_[\w.~-]+\.[\w.~-]+", made.stdout)
    assert found, made.stdout
    return lambda method, target, body: {"x-api-key": found[0]}


THINGS: dict[str, Maker] = {
    "venue": lambda column: MINE,
    "other": lambda column: OTHER,
    "event": lambda column: EVENT,
    "ticket": lambda column: TICKET,
}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_everybody_gets_what_the_table_says(
    row: Row, tickettoken: Tickettoken, callers: dict[str, Caller]
) -> None:
    assert differences(row, tickettoken.address, callers, THINGS) == []


def test_each_service_says_how_it_is_to_everybody(tickettoken: Tickettoken) -> None:
    with httpx.Client(base_url=tickettoken.address, timeout=60) as client:
        for route in _own_routes():
            answer = client.get(route.removeprefix("GET "))
            assert answer.status_code == (404 if route == "GET /api/v1/auth/metrics" else 200), route


def _own_routes() -> list[str]:
    return [route for route in _routes() if re.fullmatch(r"GET \S+/(health|metrics)", route)]


def _routes() -> list[str]:
    settings = load_settings(
        Tickettoken.profile, stage_types(load_stages()), env={"JWT_SECRET": SECRET}
    ).settings
    return [route.label for route in settings.routes]


def test_every_route_is_in_the_table() -> None:
    settings = load_settings(
        Tickettoken.profile, stage_types(load_stages()), env={"JWT_SECRET": SECRET}
    ).settings
    table = RouteTable.build(
        [
            Entry(
                parse_path(route.match.path),
                route.label,
                index,
                methods=frozenset(method.encode() for method in route.match.methods),
            )
            for index, route in enumerate(settings.routes)
        ]
    )

    def route_of(method: str, path: str) -> str:
        found = table.find(method.encode(), b"", path.encode(), b"", [])
        return str(found.value) if isinstance(found, Match) else ""

    assert untouched(ROWS, [route for route in _routes() if route not in _own_routes()], route_of) == []
