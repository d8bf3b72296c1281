"""Rows of the stage `user_details`: services that know users, and what of it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from portico.testing import Upstream
from tests.integration.user_directory import Users
from tests.wired.identity_rows import SECRET, SIGNED, token
from tests.wired.rows import UNSET, Probe, Row, Start
from tests.wired.site import Site


class Knowing(Upstream):
    """Knows ada, whose role it says is boss, and bob."""

    def __init__(self, pause_s: float = 0) -> None:
        said = {"role": "boss", "tenant_id": "t-1"}
        users = Users({("t-1", "ada"): {"id": "ada", **said}, ("t-1", "bob"): {"id": "bob", **said}}, pause_s)
        super().__init__(users.script)
        self.users = users


def bearer(user: str = "ada") -> dict[str, str]:
    return {"authorization": f"Bearer {token({'sub': user, 'tenant_id': 't-1', 'role': 'agent'})}"}


STARTS: Mapping[str, Start] = {"backend": Upstream, "auth": Knowing, "other": Knowing}
SLOW: Mapping[str, Start] = {"backend": Upstream, "auth": lambda: Knowing(0.4), "other": Knowing}


async def role(site: Site) -> object:
    return await site.received("x-user-role", bearer())


async def who_was_asked(site: Site) -> object:
    await site.ask("/", bearer())
    return [len(site.upstreams[name].users.asked) for name in ("auth", "other")]


async def path(site: Site) -> object:
    await site.ask("/", bearer())
    return site.upstreams["auth"].requests()[0].target


def asked(*users: str, pause_s: float = 0.02) -> Probe:
    async def probe(site: Site) -> object:
        for user in users:
            await site.ask("/", bearer(user))
            await asyncio.sleep(pause_s)
        return len(site.upstreams["auth"].users.asked)

    return probe


async def after_a_change(site: Site) -> object:
    """The role that counts when the answer is old, and the service slow: the old one, or nobody's."""
    await site.ask("/", bearer())
    site.upstreams["auth"].users.users["t-1", "ada"]["role"] = "chief"
    await asyncio.sleep(0.02)
    return await site.received("x-user-role", bearer())


async def while_away(site: Site) -> object:
    site.upstreams["auth"].users.status = 500
    return (await site.ask("/", bearer())).status


def both(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object] | None = None,
    upstreams: Mapping[str, Start] = STARTS,
) -> list[Row]:
    rows = []
    for section, place in (("defaults", "defaults"), ("routes[]", "routes[0]")):
        base: dict[str, object] = {
            **SIGNED,
            "services.auth": {"url": "<auth>", "breaker": "off"},
            "services.other": {"url": "<other>"},
            f"{place}.user_details.service": "auth",
            f"{place}.user_details.of": ["users"],
        }
        more = {f"{place}.user_details.{name}": value for name, value in (given or {}).items()}
        if key == "user_details":
            base = {name: value for name, value in base.items() if ".user_details." not in name}
        rows.append(
            Row(f"{section}.{key}", values, seen, probe, {**base, **more}, f"{place}.{key}", upstreams)
        )
    return rows


THERE = {"service": "auth", "of": ["users"]}
OTHERS = {"jwt": {"secret": SECRET[::-1]}}

ROWS = (
    *both("user_details", ("off", THERE), ("agent", "boss"), role),
    *both("user_details.service", ("auth", "other"), ([1, 0], [0, 1]), who_was_asked),
    *both("user_details.path", (UNSET, "/people/{user}"), (b"/users/ada", b"/people/ada"), path),
    *both("user_details.ttl", (UNSET, "1ms"), (1, 2), asked("ada", "ada")),
    *both("user_details.stale", (UNSET, "0s"), ("boss", "chief"), after_a_change, {"ttl": "1ms"}),
    *both("user_details.timeout", (UNSET, "50ms"), ("boss", "agent"), role, upstreams=SLOW),
    *both("user_details.entries", (UNSET, 1), (2, 3), asked("ada", "bob", "ada")),
    *both("user_details.away", (UNSET, "refuse"), (200, 503), while_away),
)
OF = tuple(
    Row(
        f"{section}.user_details.of",
        (["users"], ["others"]),
        ("boss", "agent"),
        role,
        {
            **SIGNED,
            "identity.others": OTHERS,
            "services.auth": {"url": "<auth>"},
            f"{place}.user_details.service": "auth",
        },
        f"{place}.user_details.of",
        STARTS,
    )
    for section, place in (("defaults", "defaults"), ("routes[]", "routes[0]"))
)
ROWS = (*ROWS, *OF)
