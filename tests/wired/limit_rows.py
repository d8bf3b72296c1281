"""Rows of rate limits: who is refused, and how replies tell of it. No window here ends while a test runs."""

from __future__ import annotations

from collections.abc import Mapping

from tests.wired.rows import UNSET, Probe, Row
from tests.wired.site import Site

ONCE = {"allow": "1/h", "per": "ip"}
TWICE = {"allow": "2/h", "per": "ip"}
LIMITED = {"routes[0].rate_limit": [ONCE]}


def statuses(*colours: str) -> Probe:
    """Of requests whose `x-colour` has these values."""

    async def probe(site: Site) -> object:
        return [(await site.ask("/", {"x-colour": colour})).status for colour in colours]

    return probe


async def policy(site: Site) -> object:
    return (await site.ask()).get(b"ratelimit-policy")


async def limit_fields(site: Site) -> object:
    return sorted(name for name, _ in (await site.ask()).fields if b"ratelimit" in name)


def both(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    limit: Mapping[str, str],
) -> list[Row]:
    """A row of `defaults` and one of a route for a key of a limit."""
    return [
        Row(
            f"{section}.rate_limit[].{key}",
            values,
            seen,
            probe,
            {f"{place}.rate_limit": [dict(limit)]},
            at=f"{place}.rate_limit[0].{key}",
        )
        for section, place in (("defaults", "defaults"), ("routes[]", "routes[0]"))
    ]


THREE = statuses("", "", "")

ROWS = (
    Row(
        "gateway.rate_limits.headers",
        (UNSET, "x"),
        (
            [b"ratelimit", b"ratelimit-policy"],
            [b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset"],
        ),
        limit_fields,
        LIMITED,
    ),
    Row("gateway.rate_limits.enabled", (UNSET, False), ([200, 429, 429], [200, 200, 200]), THREE, LIMITED),
    Row(
        "gateway.rate_limits.keys",
        (UNSET, 1),
        ([200, 200, 429], [200, 200, 200]),
        statuses("green", "red", "green"),
        {"routes[0].rate_limit": [{"allow": "1/h", "per": "header:X-Colour"}]},
    ),
    Row("defaults.rate_limit", (UNSET, [ONCE]), ([200, 200, 200], [200, 429, 429]), THREE),
    Row(
        "routes[].rate_limit",
        (UNSET, "off"),
        ([200, 429, 429], [200, 200, 200]),
        THREE,
        {"defaults.rate_limit": [ONCE]},
    ),
    *both("allow", ("1/h", "2/h"), ([200, 429, 429], [200, 200, 429]), THREE, ONCE),
    *both("per", ("ip", "header:X-Colour"), ([200, 429], [200, 200]), statuses("green", "red"), ONCE),
    *both("burst", (UNSET, 1), ([200, 200, 429], [200, 429, 429]), THREE, TWICE),
    *both("name", (UNSET, "mine"), (b'"ip";q=1;w=3600', b'"mine";q=1;w=3600'), policy, ONCE),
    *both("mode", (UNSET, "report"), ([200, 429, 429], [200, 200, 200]), THREE, ONCE),
)
