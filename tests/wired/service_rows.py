"""Rows of `services`: where they are, how long they may take, when they are left alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from portico.testing import Upstream, until
from portico.testing.upstream import Link
from tests.wired.rows import REFUSED, UNSET, Probe, Row
from tests.wired.site import CLOCK, Site, as_asked, clock, halting, saying, slow, whole
from tests.wired.tls import AUTHORITY, CLIENT_KEY, OTHER_KEY, SERVER_NAME, issued, pem, tls_service


class Silent(Upstream):
    """Accepts connections on which nobody ever says anything, not even in TLS."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


async def silent(link: Link) -> None:
    await link.gone()


TWO = {"backend": lambda: Upstream(saying("one")), "other": lambda: Upstream(saying("two"))}
AS_ASKED = {"backend": lambda: Upstream(as_asked)}
ASKED_BY_CLOCK = AS_ASKED | {"clock": clock}


async def said(site: Site) -> object:
    return [(await site.ask()).get(b"x-said") for _ in range(2)]


async def status(site: Site) -> object:
    return (await site.ask()).status


async def detail(site: Site) -> object:
    return json.loads((await site.ask()).body)["detail"]


async def host(site: Site) -> object:
    return await site.received("host") == "gateway.test"


async def client_shown(site: Site) -> object:
    return (await site.ask()).get(b"x-client")


async def connections_for_two(site: Site) -> object:
    await asyncio.gather(site.ask(), site.ask())
    return len(site.backend.links)


async def connections_after_a_moment(site: Site) -> object:
    await site.ask()
    await site.moment()
    await site.ask()
    return len(site.backend.links)


async def in_line(site: Site) -> object:
    first = asyncio.create_task(site.ask())
    await until(lambda: site.backend.requests(), "the first request at the service")
    second = await site.ask()
    return (await first).status, second.status


async def two_probes(site: Site) -> object:
    """The service fails once, and is then asked for two things at a time."""
    await site.ask("/500")
    await site.moment()
    first = asyncio.create_task(site.ask("/slow/200"))
    await until(lambda: len(site.backend.requests()) == 2, "the first probe at the service")
    second = await site.ask("/slow/200")
    return (await first).status, second.status


def one_by_one(*targets: str) -> Probe:
    """Requests, with a moment where there is no target."""

    async def probe(site: Site) -> object:
        statuses = []
        for target in targets:
            if target:
                statuses.append((await site.ask(target)).status)
            else:
                await site.moment()
        return statuses

    return probe


def breaker(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    **given: object,
) -> Row:
    """A row of a breaker with these other settings."""
    place = "services.backend.breaker"
    return Row(
        f"services.*.breaker.{key}",
        values,
        seen,
        probe,
        given={**CLOCK, **{f"{place}.{name}": value for name, value in given.items()}},
        upstreams=ASKED_BY_CLOCK,
    )


TLS_FILES = {
    "ca.pem": AUTHORITY,
    "one.pem": issued("one.test", CLIENT_KEY),
    "two.pem": issued("two.test", CLIENT_KEY),
    "key.pem": pem(CLIENT_KEY),
    "other.pem": pem(OTHER_KEY),
}
CA = {"services.backend.tls.ca": "<folder>/ca.pem"}
NAMED = {"services.backend.tls.server_name": SERVER_NAME}


def tls(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object],
) -> Row:
    """A row of a service behind TLS."""
    upstreams = {"backend": tls_service}
    return Row(f"services.*.tls.{key}", values, seen, probe, given, upstreams=upstreams, files=TLS_FILES)


ROWS = (
    Row("services.*.url", ("<backend>", "<other>"), ([b"one"] * 2, [b"two"] * 2), said, upstreams=TWO),
    Row(
        "services.*.instances",
        (["<backend>"], ["<backend>", "<other>"]),
        ([b"one", b"one"], [b"one", b"two"]),
        said,
        given={"services.backend.url": UNSET},
        upstreams=TWO,
    ),
    Row(
        "services.*.timeout",
        (UNSET, "100ms"),
        (200, 504),
        status,
        upstreams={"backend": lambda: Upstream(slow(0.5))},
    ),
    Row(
        "services.*.idle",
        (UNSET, "50ms"),
        ("whole", "broken off"),
        whole,
        upstreams={"backend": lambda: Upstream(halting)},
    ),
    Row(
        "services.*.total",
        (UNSET, "off"),
        ("broken off", "whole"),
        whole,
        given={"defaults.total": "200ms"},
        upstreams={"backend": lambda: Upstream(halting)},
    ),
    Row(
        "services.*.connect",
        (UNSET, "100ms"),
        ("The request was not finished in time", "The service did not answer in time"),
        detail,
        given={"services.backend.timeout": "600ms"},
        upstreams={"backend": lambda: Silent(silent)},
    ),
    Row("services.*.host", (UNSET, "client"), (False, True), host),
    Row(
        "services.*.pool.connections",
        (2, 1),
        (2, 1),
        connections_for_two,
        upstreams={"backend": lambda: Upstream(slow(0.2))},
    ),
    Row(
        "services.*.pool.idle",
        ("30s", "50ms"),
        (1, 2),
        connections_after_a_moment,
        given=CLOCK,
        upstreams={"backend": Upstream, "clock": clock},
    ),
    Row(
        "services.*.pool.queue",
        (1, 0),
        ((200, 200), (200, 503)),
        in_line,
        given={"services.backend.pool.connections": 1},
        upstreams={"backend": lambda: Upstream(slow(0.3))},
    ),
    Row(
        "services.*.breaker",
        ("off", {"consecutive": 1}),
        ([500, 200], [500, 503]),
        one_by_one("/500", "/200"),
        upstreams=AS_ASKED,
    ),
    breaker(
        "errors",
        ("100%", "50%"),
        ([200, 500, 200], [200, 500, 503]),
        one_by_one("/200", "/500", "/200"),
        volume=2,
    ),
    breaker("volume", (3, 2), ([500, 500, 200], [500, 500, 503]), one_by_one("/500", "/500", "/200")),
    breaker(
        "window",
        ("10s", "50ms"),
        ([500, 500, 503], [500, 500, 200]),
        one_by_one("/500", "", "/500", "/200"),
        volume=2,
    ),
    breaker(
        "reset",
        ("30s", "50ms"),
        ([500, 503], [500, 200]),
        one_by_one("/500", "", "/200"),
        consecutive=1,
    ),
    breaker(
        "consecutive",
        ("off", 2),
        ([500, 500, 200], [500, 500, 503]),
        one_by_one("/500", "/500", "/200"),
    ),
    breaker("probes", (1, 2), ((200, 503), (200, 200)), two_probes, consecutive=1, reset="50ms"),
    breaker(
        "statuses", ("500-599", 429), ([429, 200], [429, 503]), one_by_one("/429", "/200"), consecutive=1
    ),
    tls("verify", (True, False), (502, 200), status, {}),
    tls("ca", (UNSET, "<folder>/ca.pem"), (502, 200), status, NAMED),
    tls("server_name", (UNSET, SERVER_NAME), (502, 200), status, CA),
    tls(
        "cert",
        ("<folder>/one.pem", "<folder>/two.pem"),
        (b"one.test", b"two.test"),
        client_shown,
        CA | NAMED | {"services.backend.tls.key": "<folder>/key.pem"},
    ),
    tls(
        "key",
        ("<folder>/key.pem", "<folder>/other.pem"),
        (b"one.test", REFUSED),
        client_shown,
        CA | NAMED | {"services.backend.tls.cert": "<folder>/one.pem"},
    ),
)
