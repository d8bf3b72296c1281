"""Where the microseconds of a request go: the road in one process, without sockets, part by part.

Real connection, channel, chain and parser; only the two transports are stand-ins that throw bytes away. Each figure
is the fastest tenth of many single calls: what the code costs when nothing disturbs it. System calls and the event
loop come on top; `python -m bench` measures the whole.

    python -m bench.parts
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, cast

import uvloop

from portico.config import load_settings_text
from portico.exchange.exchange import Exchange
from portico.exchange.request import Request
from portico.gateway.check import Nobody
from portico.gateway.gateway import Gateway
from portico.http.channel import Channel
from portico.http.connection import Connection
from portico.http.framing import check
from portico.stages import load_stages, stage_types

from .claims import SECRET, make_token

REPLY = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 06:40:02 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 157\r\nConnection: keep-alive\r\n\r\n" + b"x" * 157
)
CONFIGURATION = """
version: 1
logs: {{access: "{access}", format: json}}
identity: {{users: {{jwt: {{secret: "{secret}", issuer: bench, type: access, require: [tenant_id]}}}}}}
roles: {{agent: {{permissions: ["tickets:*"]}}}}
services: {{tickets: {{url: "http://127.0.0.1:1", breaker: {breaker}}}}}
defaults: {{security_headers: {headers}{limits}}}
routes: [{{match: "/api/v1/tickets/**", service: tickets, authenticate: {authenticate}{authorize}}}]
"""
OFF = {
    "access": "off",
    "breaker": '"off"',
    "headers": '"off"',
    "authenticate": "none",
    "authorize": "",
    "limits": "",
}
LIMITS = ", rate_limit: [{allow: 1000000/s, per: ip}, {allow: 1000000/s, per: user}]"
STEPS: list[tuple[str, dict[str, str]]] = [
    ("nothing on (request id, header rules, metrics, deadlines)", {}),
    ("+ security headers", {"headers": "{}"}),
    ("+ breaker", {"breaker": "{}"}),
    ("+ JWT, verified before", {"authenticate": "users"}),
    ("+ role and permission", {"authorize": ', authorize: {GET: "tickets:view"}'}),
    ("+ two limits, by address and by user", {"limits": LIMITS}),
    ("+ JSON access log to a file", {"access": "FILE"}),
]


class Nowhere:
    """A transport whose bytes nobody reads."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 3000)}.get(name, default)

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_write_buffer_limits(self, high: int) -> None: ...
    def pause_reading(self) -> None: ...


class Bench:
    """One gateway with one client connection and one idle connection to its service."""

    def __init__(self, gateway: Gateway) -> None:
        assert gateway.listener is not None
        self.gateway = gateway
        self.pool = gateway.services.pools()[0]
        self.pool.idle_s = 1e9
        self.client = Connection(gateway.listener, b"http")
        self.client.connection_made(cast(asyncio.Transport, Nowhere()))
        self.channel = Channel(self.pool)
        self.channel.connection_made(cast(asyncio.Transport, Nowhere()))
        self.pool.release(self.channel, 1e18)
        self.request = (
            b"GET /api/v1/tickets/7 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n"
            b"Authorization: Bearer %b\r\n\r\n" % make_token().encode()
        )

    def exchange(self) -> None:
        """One request and its reply."""
        self.client.data_received(self.request)
        self.channel.data_received(REPLY)


async def made(folder: str, **choices: str) -> Bench:
    """A bench for one configuration."""
    values = OFF | choices | {"secret": SECRET}
    if values["access"] == "FILE":
        values["access"] = f"{folder}/access.log"
    loaded = load_settings_text(CONFIGURATION.format(**values), stage_types(load_stages()))
    gateway = Gateway(cluster=Nobody(), worker=0)
    await gateway.prepare(loaded.settings, {})
    gateway.commit()
    return Bench(gateway)


def cost_us(call: Callable[[], Any], times: int = 20_000) -> float:
    """Microseconds of one call: the fastest tenth of many single ones, since others use this machine too."""
    clock = time.perf_counter
    took = []
    for _ in range(times):
        start = clock()
        call()
        took.append(clock() - start)
    took.sort()
    return took[times // 10] * 1e6


async def main() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        choices: dict[str, str] = {}
        before = 0.0
        bench = await made(folder)
        print("| features, one on top of the other | µs per request | more |\n| --- | --- | --- |")
        for name, more in STEPS:
            choices |= more
            bench = await made(folder, **choices)
            bench.exchange()
            cost = cost_us(bench.exchange)
            print(f"| {name} | {cost:.1f} | {cost - before:.1f} |")
            before = cost
        print()
        parts(bench)


def parts(bench: Bench) -> None:
    """The parts of the last configuration's road."""
    gateway, client, channel = bench.gateway, bench.client, bench.channel
    table = gateway.road.runtime.table
    client._reader.feed(bench.request)
    request: Request = client._reader.queue.pop()
    chain = cast(Any, table.find(b"GET", b"api.example.com", request.path, b"", request.fields)).value
    caught: list[Any] = []

    class Caller:
        def on_reply(self, *reply: Any) -> None:
            caught.append(reply)

    def feed() -> None:
        client._reader.feed(bench.request)
        client._reader.queue.clear()

    def channel_alone() -> None:
        caught.clear()
        channel.send(cast(Any, Caller()), b"", True, False)
        channel.data_received(REPLY)

    ins, backs = [], []
    for _ in range(20_000):
        start = time.perf_counter()
        client.data_received(bench.request)
        middle = time.perf_counter()
        channel.data_received(REPLY)
        ins.append(middle - start)
        backs.append(time.perf_counter() - middle)
    # Made now: the limits remember later requests, and would refuse one from before them.
    exchange = Exchange(client, request, time.monotonic())
    exchange.chain, exchange.route, exchange.runtime = chain, chain.label, gateway.road.runtime
    rows = [
        ("the way in, to the service's socket", sorted(ins)[2000] * 1e6),
        ("of that: parse and judge the request", cost_us(feed)),
        ("of that: framing rules, path, host", cost_us(lambda: check(request, bench.request, False))),
        (
            "of that: find the route",
            cost_us(lambda: table.find(b"GET", request.host, request.path, b"", request.fields)),
        ),
        ("of that: the stages' hooks", cost_us(lambda: [hook(exchange) for hook in chain.requests])),
        ("the way back, to the client's socket and the log", sorted(backs)[2000] * 1e6),
        ("of that: parse and judge the reply", cost_us(channel_alone)),
    ]
    print("| part of the last row | µs |\n| --- | --- |")
    for name, cost in rows:
        print(f"| {name} | {cost:.2f} |")


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
