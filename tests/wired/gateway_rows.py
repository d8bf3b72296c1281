"""Rows of `gateway`, `logs`, and of what stands at the top of a file."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from portico.testing import Client, Ending, Malformed, Upstream, until
from portico.testing.upstream import switching
from portico.testing.waiting import PATIENCE_S
from tests.wired.rows import REFUSED, UNSET, Row
from tests.wired.site import CLOCK, Site, as_asked, clock, request, slow

ONLY_A = {"routes[0].match": "/a"}
CLOCKED = {"backend": Upstream, "clock": clock}


async def status(site: Site) -> object:
    return (await site.ask("/a")).status


async def status_elsewhere(site: Site) -> object:
    return (await site.ask("/elsewhere")).status


async def error(site: Site) -> object:
    reply = await site.ask("/nowhere")
    return reply.get(b"content-type"), sorted(json.loads(reply.body))


async def error_text(site: Site) -> object:
    return json.loads((await site.ask("/nowhere")).body)["detail"]


async def name(site: Site) -> object:
    return json.loads((await site.ask("/health/detailed")).body)["service"]


async def health(site: Site) -> object:
    return sorted(json.loads((await site.ask("/health")).body))


async def client_address(site: Site) -> object:
    return await site.received("x-real-ip", {"x-forwarded-for": "203.0.113.9"})


async def second_connection(site: Site) -> object:
    async with await Client.connect(site.port) as first:
        first.send(request("/a"))
        await first.final_reply()
        async with await Client.connect(site.port) as second:
            second.send(request("/a"))
            try:
                return (await second.final_reply()).status
            except Malformed:
                return second.ending


async def long_header(site: Site) -> object:
    return (await site.ask("/a", {"x-long": "x" * 4096})).status


async def many_headers(site: Site) -> object:
    return (await site.ask("/a", {f"x-{number}": "x" for number in range(8)})).status


async def long_target(site: Site) -> object:
    return (await site.ask("/a?" + "x" * 400)).status


async def long_body(site: Site) -> object:
    return (await site.ask("/a", method="POST", body=b"x" * 400)).status


async def body_in_line(site: Site) -> object:
    """A body that has to wait for a connection, since another request has the only one."""
    async with await Client.connect(site.port) as first:
        first.send(request("/a"))
        await until(lambda: site.backend.requests(), "the first request at the service")
        reply = await site.ask("/a", method="POST", body=b"x" * 20_000)
        await first.final_reply()
        return reply.status


async def slow_head(site: Site) -> object:
    return await _in_two(site, request("/a"), 20)


async def slow_body(site: Site) -> object:
    message = request("/a", method="POST", body=b"abcdef")
    return await _in_two(site, message, len(message) - 3)


async def _in_two(site: Site, message: bytes, at: int) -> object:
    async with await Client.connect(site.port) as client:
        client.send(message[:at])
        await site.moment()
        client.send(message[at:])
        return (await client.final_reply()).status


async def two_requests(site: Site) -> object:
    async with await Client.connect(site.port) as client:
        client.send(request("/a"))
        await client.final_reply()
        await site.moment()
        if client.ending is not None:
            return client.ending
        client.send(request("/a"))
        return (await client.final_reply()).status


async def tunnel_after_reload(site: Site) -> object:
    async with await Client.connect(site.port) as client:
        client.send(
            request("/a", {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-key": "k"})
        )
        assert (await client.reply()).status == 101
        await site.reload()
        await site.moment()
        if client.ending is not None:
            return "ended"
        client.send(b"more")
        return await client.at_least(4)


async def ready_when_broken(site: Site) -> object:
    return await site.statuses("/503", "/ready")


async def naps_noticed(site: Site) -> object:
    """Two stages block the loop, the second for so long that it is noticed in any case."""
    await site.statuses("/a", "/long")
    async with asyncio.timeout(PATIENCE_S):
        while 'portico_loop_stalls_total{stage="sleeping"}' not in (figures := await _figures(site)):
            pass
    return 'portico_loop_stalls_total{stage="napping"}' in figures


async def _figures(site: Site) -> str:
    return (await site.ask("/metrics")).body.decode()


async def signed(site: Site) -> object:
    return (await site.ask("/a")).get(b"x-signed")


def endpoint(key: str, path: str) -> Row:
    async def probe(site: Site) -> object:
        return (await site.ask(path)).status, (await site.ask("/elsewhere")).status

    return Row(
        f"gateway.endpoints.{key}", (UNSET, "/elsewhere"), ((200, 404), (404, 200)), probe, given=ONLY_A
    )


# -- logs

LOGGED = {"logs.access": "<folder>/access.log", "logs.format": "json"}
AS_ASKED = {"backend": lambda: Upstream(as_asked)}


async def levels(site: Site) -> object:
    await site.statuses("/200", "/503")
    return [line["level"] for line in await site.log("/503")]


async def form(site: Site) -> object:
    await site.statuses("/200")
    return ["\x1b[" in line.get("text", "") for line in await site.log("/200")]


async def access_file(site: Site) -> object:
    await site.ask("/200")
    return (site.folder / "access.log").exists()


async def contexts(site: Site) -> object:
    await site.statuses("/200", "/metrics")
    lines = await site.log("/metrics")
    return [line["context"] for line in lines if line["url"] == "/200"]


async def logged_headers(site: Site) -> object:
    await site.ask("/200", {"x-colour": "green"})
    return [_headers(line).get("x-colour") for line in await site.log("/200")]


def _headers(line: dict[str, Any]) -> dict[str, Any]:
    found = line.get("requestHeaders", {})
    assert isinstance(found, dict)
    return found


ROWS = (
    Row("version", (1, 2), (200, REFUSED), status),
    Row(
        "include",
        (UNSET, ["more.yaml"]),
        (404, 200),
        status_elsewhere,
        given=ONLY_A,
        files={
            "more.yaml": "version: 1\nroutes: [{match: /elsewhere, service: backend, authenticate: none}]\n"
        },
    ),
    Row("stages", (UNSET, ["tests.wired.plugs:Signed"]), (None, b"yes"), signed),
    Row("gateway.name", ("one", "two"), ("one", "two"), name),
    Row(
        "gateway.errors",
        ("problem", {"body": {"said": "{code}"}}),
        (
            (b"application/problem+json", ["code", "detail", "instance", "status", "title", "type"]),
            (b"application/json", ["said"]),
        ),
        error,
        given=ONLY_A,
    ),
    Row(
        "gateway.errors.body",
        ({"said": "{code}"}, {"number": "{status}"}),
        ((b"application/json", ["said"]), (b"application/json", ["number"])),
        error,
        given=ONLY_A,
    ),
    Row(
        "gateway.errors.content_type",
        (UNSET, "text/json"),
        ((b"application/json", ["said"]), (b"text/json", ["said"])),
        error,
        given=ONLY_A | {"gateway.errors.body": {"said": "{code}"}},
    ),
    Row(
        "gateway.errors.texts.*",
        (UNSET, "Not here"),
        ("Resource not found", "Not here"),
        error_text,
        # Another one, since errors cannot be empty.
        given=ONLY_A | {"gateway.errors.texts.FORBIDDEN": "No"},
        at="gateway.errors.texts.NOT_FOUND",
    ),
    Row("gateway.trusted_proxies", (UNSET, ["127.0.0.0/8"]), ("127.0.0.1", "203.0.113.9"), client_address),
    Row("gateway.limits.connections", (2, 1), (200, Ending.RST), second_connection),
    Row("gateway.limits.connections_per_client", (UNSET, 1), (200, Ending.RST), second_connection),
    Row("gateway.limits.header_bytes", (UNSET, "1KiB"), (200, 431), long_header),
    Row("gateway.limits.header_count", (UNSET, 4), (200, 431), many_headers),
    Row("gateway.limits.target", (UNSET, 100), (200, 414), long_target),
    Row("gateway.limits.body", (UNSET, 100), (200, 413), long_body),
    Row(
        "gateway.limits.memory",
        (UNSET, 1000),
        (200, 503),
        body_in_line,
        given={"services.backend.pool.connections": 1},
        upstreams={"backend": lambda: Upstream(slow(0.3))},
    ),
    Row("gateway.timeouts.header", (UNSET, "50ms"), (200, 408), slow_head, given=CLOCK, upstreams=CLOCKED),
    Row("gateway.timeouts.body", (UNSET, "50ms"), (200, 408), slow_body, given=CLOCK, upstreams=CLOCKED),
    Row(
        "gateway.timeouts.keep_alive",
        (UNSET, "50ms"),
        (200, Ending.FIN),
        two_requests,
        given=CLOCK,
        upstreams=CLOCKED,
    ),
    Row(
        "gateway.drain_timeout",
        (UNSET, "50ms"),
        (b"more", "ended"),
        tunnel_after_reload,
        given=CLOCK,
        upstreams=CLOCKED | {"backend": lambda: Upstream(switching)},
    ),
    endpoint("live", "/live"),
    endpoint("health", "/health"),
    endpoint("detail", "/health/detailed"),
    endpoint("ready", "/ready"),
    endpoint("metrics", "/metrics"),
    Row("gateway.health.body", ({"a": "{status}"}, {"b": "{name}"}), (["a"], ["b"]), health),
    Row(
        "gateway.ready.require",
        (UNSET, ["backend"]),
        ([503, 200], [503, 503]),
        ready_when_broken,
        given={"services.backend.breaker.consecutive": 1},
        upstreams=AS_ASKED,
    ),
    Row(
        "gateway.stall",
        ("200ms", "1200ms"),
        (True, False),
        naps_noticed,
        given={
            "stages": ["tests.wired.plugs:Napping", "tests.wired.plugs:Sleeping"],
            "routes[0].napping": "400ms",
            "routes[1]": {
                "match": "/long",
                "service": "backend",
                "authenticate": "none",
                "sleeping": "1700ms",
            },
        },
    ),
    Row("logs.level", (UNSET, "error"), (["info", "error"], ["error"]), levels, LOGGED, upstreams=AS_ASKED),
    Row("logs.format", ("json", "color"), ([False], [True]), form, LOGGED, upstreams=AS_ASKED),
    Row("logs.access", (LOGGED["logs.access"], "off"), (True, False), access_file, upstreams=AS_ASKED),
    Row(
        "logs.requests",
        (UNSET, True),
        (["response"], ["request", "response"]),
        contexts,
        LOGGED,
        upstreams=AS_ASKED,
    ),
    Row("logs.headers", (UNSET, True), ([None], ["green"]), logged_headers, LOGGED, upstreams=AS_ASKED),
    Row(
        "logs.slow",
        (UNSET, "50ms"),
        (["response"], ["response", "performance"]),
        contexts,
        LOGGED,
        upstreams={"backend": lambda: Upstream(slow(0.2))},
    ),
    Row(
        "logs.redact",
        (UNSET, ["x-colour"]),
        (["green"], ["[redacted]"]),
        logged_headers,
        LOGGED | {"logs.headers": True},
        upstreams=AS_ASKED,
    ),
)
