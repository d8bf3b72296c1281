"""Rows whose effect takes a real process: sockets, workers, children, the end, and what is printed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from portico.testing import Malformed, TookTooLong, Upstream, until
from tests.wired.process import PATIENCE_S, ProcessSite
from tests.wired.rows import UNSET, Probe, Row
from tests.wired.site import slow

HERE = {"gateway.listen": ["127.0.0.1:0"]}
APP = """
import os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    colour = os.environ.get("COLOUR", "none").encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(colour))]})
    await send({"type": "http.response.body", "body": colour})
"""


async def doors(site: ProcessSite) -> object:
    return site.port != 0, (site.folder / "door").is_socket()


async def workers(site: ProcessSite) -> object:
    return len(json.loads((await site.ask("/health/detailed")).body)["workers"])


async def control_sockets(site: ProcessSite) -> object:
    return [str(path.relative_to(site.folder)) for path in site.folder.rglob("control.sock")]


async def goes_on(site: ProcessSite) -> object:
    """Whether new connections are served once /ready has begun to fail."""
    site.end()
    refusals = 0
    while refusals < 3 and site.process.returncode is None:
        try:
            reply = await site.ask("/ready")
        except (OSError, Malformed, TookTooLong):
            break
        refusals += reply.status == 503
    return refusals == 3


async def last_reply(site: ProcessSite) -> object:
    backend = site.upstreams["backend"]
    asking = asyncio.create_task(site.ask())
    await until(lambda: backend.requests(), "the request at the service", PATIENCE_S)
    site.end()
    return (await asking).status


async def body(site: ProcessSite) -> object:
    return (await site.ask()).body


async def route_blamed(site: ProcessSite) -> object:
    await site.ask()
    await until(lambda: "a stage failed" in site.output, "a line about the fault", PATIENCE_S)
    lines = [json.loads(line) for line in site.output.splitlines() if line.startswith("{")]
    return [line["route"] for line in lines if line["msg"] == "a stage failed"]


async def user(site: ProcessSite) -> object:
    return site.printed("Demo user")


def row(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: dict[str, object] | None = None,
    **more: Any,
) -> Row:
    return Row(key, values, seen, probe, HERE | (given or {}), process=True, **more)


ROWS = (
    row("gateway.listen", (["127.0.0.1:0"], ["unix:<folder>/door"]), ((True, False), (False, True)), doors),
    row("gateway.workers", (1, 2), (1, 2), workers),
    row("gateway.data", (UNSET, "./here"), (["var/control.sock"], ["here/control.sock"]), control_sockets),
    row("gateway.shutdown.delay", (UNSET, "1s"), (False, True), goes_on),
    row(
        "gateway.shutdown.grace",
        (UNSET, "50ms"),
        (200, 503),
        last_reply,
        upstreams={"backend": lambda: Upstream(slow(1.0))},
    ),
    row(
        "services.*.env.*",
        (UNSET, "green"),
        (b"none", b"green"),
        body,
        {"services.backend.url": "asgi://wired_app:app"},
        at="services.backend.env.COLOUR",
        files={"wired_app.py": APP},
    ),
    row(
        "routes[].name",
        (UNSET, "everything"),
        (["/**"], ["everything"]),
        route_blamed,
        {"stages": ["tests.wired.plugs:Crashing"], "routes[0].crashing": True},
    ),
    row(
        "development.user.*",
        ("ada@example.com", "bob@example.com"),
        (["email: ada@example.com"], ["email: bob@example.com"]),
        user,
        at="development.user.email",
    ),
)
