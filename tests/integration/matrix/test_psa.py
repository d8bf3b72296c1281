"""The platform `psa` as `psa.md` says: every row, asked of the running gateway with each role."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from portico.config import load_settings
from portico.routing import Entry, RouteTable, parse_path
from portico.routing.table import Match
from portico.stages import load_stages, stage_types
from tests.integration.matrix.table import Caller, Maker, Row, bearer, differences, nobody, read, untouched
from tests.integration.profile.running import PROFILE, Platform
from tests.integration.samples.running import SECRET

ROWS = read(Path(__file__).with_name("psa.md"))

# column → (role, tenant)
MEMBERS = {role: (role, "demo") for role in ("user", "agent", "manager", "admin")} | {
    "stranger": ("admin", "elsewhere")
}

pytestmark = pytest.mark.xdist_group("platform-children")


@pytest.fixture(scope="module")
def callers(with_children: Platform) -> dict[str, Caller]:
    found: dict[str, Caller] = {"none": nobody}
    for column, (role, tenant) in MEMBERS.items():
        with with_children.member(role, tenant) as member:
            assert member.bearer is not None
            found[column] = bearer(member.bearer)
    return found


@pytest.fixture(scope="module")
def things(with_children: Platform) -> dict[str, Maker]:
    def made(column: str, path: str, body: dict[str, str]) -> str:
        with with_children.member(*MEMBERS[column]) as member:
            return str(member.post(path, body)["id"])

    return {
        "ticket": lambda column: made("admin", "/tickets", {"title": "theirs"}),
        "own-ticket": lambda column: made(column, "/tickets", {"title": "my own"}),
        "company": lambda column: made("admin", "/crm/companies", {"name": uuid4().hex}),
        "word": lambda column: uuid4().hex,
    }


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_everybody_gets_what_the_table_says(
    row: Row, with_children: Platform, callers: dict[str, Caller], things: dict[str, Maker]
) -> None:
    assert differences(row, with_children.address, callers, things) == []


def test_every_route_is_in_the_table() -> None:
    settings = load_settings(PROFILE, stage_types(load_stages()), env={"JWT_SECRET": SECRET}).settings
    entries = [
        Entry(
            parse_path(route.match.path),
            route.label,
            index,
            methods=frozenset(method.encode() for method in route.match.methods),
        )
        for index, route in enumerate(settings.routes)
    ]
    table = RouteTable.build(entries)

    def route_of(method: str, path: str) -> str:
        found = table.find(method.encode(), b"", path.encode(), b"", [])
        return str(found.value) if isinstance(found, Match) else ""

    assert untouched(ROWS, [route.label for route in settings.routes], route_of) == []
