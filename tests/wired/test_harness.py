"""The harness itself can fail: on a key that does nothing, one that does something else, a row or key too many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wired.harness import Dead, Wrong, all_keys, check, unmatched
from tests.wired.rows import REFUSED, UNSET, Row, put
from tests.wired.site import Site
from tests.wired.table import ROWS

KEY = "gateway.endpoints.live"


async def status(site: Site) -> object:
    return (await site.ask("/live")).status


LIVE = Row(KEY, (UNSET, "/elsewhere"), (200, 404), status, given={"routes[0].match": "/a"})


async def test_a_row_that_is_right_passes() -> None:
    await check(LIVE)


async def test_equal_values_are_found_out() -> None:
    with pytest.raises(Dead, match=f"{KEY}: .* and '/live' both give 200"):
        await check(replace(LIVE, values=(UNSET, "/live")))


async def test_a_probe_that_sees_nothing_is_found_out() -> None:
    async def blind(site: Site) -> object:
        return (await site.ask("/a")).status

    with pytest.raises(Dead):
        await check(replace(LIVE, probe=blind))


async def test_another_difference_than_the_row_says_is_found_out() -> None:
    with pytest.raises(Wrong, match="saw 200 and 404"):
        await check(replace(LIVE, seen=(404, 200)))


async def test_a_refused_configuration_is_no_effect_unless_the_row_says_so() -> None:
    refused = replace(LIVE, values=(UNSET, "no path"))
    with pytest.raises(Wrong, match="REFUSED"):
        await check(refused)
    await check(replace(refused, seen=(200, REFUSED)))


async def test_a_row_writes_its_own_key_and_no_other() -> None:
    with pytest.raises(ValueError, match="no place of the key"):
        await check(replace(LIVE, at="gateway.endpoints.health"))


def test_rows_and_keys_must_match() -> None:
    keys = all_keys()
    assert unmatched(ROWS[1:], keys) == [f"no row for {ROWS[0].key}"]
    assert unmatched(ROWS, [*keys, "gateway.new"]) == ["no row for gateway.new"]
    assert unmatched([*ROWS, replace(LIVE, key="gateway.old")], keys) == ["no key gateway.old"]
    assert unmatched([*ROWS, LIVE], keys) == [f"2 rows for {KEY}"]


def test_a_key_is_written_where_it_stands() -> None:
    tree = {"routes": [{"match": "/"}], "logs": {"level": "info"}}
    put(tree, "routes[0].limits.body", 5)
    put(tree, "routes[1]", {"match": "/b"})
    put(tree, "logs.level", UNSET)
    assert tree == {"routes": [{"match": "/", "limits": {"body": 5}}, {"match": "/b"}], "logs": {}}
