"""One request on the road of a compiled configuration, up to the door of its service: what `portico explain` shows.

Everything is the real thing, from the parser to the stages' hooks and the form of an error, except the two ends: the
client is a transport that keeps what it is sent, and the service is never called. A stage that needs the request's
body is passed over, since there is none. No log line and no audit line is written.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, cast

from portico.config import Loaded
from portico.config.values import write
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.memory import MemoryBudget
from portico.exchange.reply import Reply
from portico.exchange.stage import Hooks, Outcome
from portico.gateway.chain import Chain, Link
from portico.gateway.check import Nobody
from portico.gateway.gateway import SWEEP_S, Gateway
from portico.gateway.road import Road
from portico.gateway.runtime import Runtime
from portico.http.connection import Connection
from portico.http.listener import Listener
from portico.observe.audit import Audit
from portico.observe.log import Log
from portico.observe.writer import LogWriter
from portico.routing import Entry, RouteTable
from portico.services.forward import Forward

CLIENT = ("127.0.0.1", 50_000)

PASSED, REFUSED, ANSWERED, FAILED, NEEDS_BODY = "passes", "refuses", "answers", "fails", "needs the body"


@dataclass(slots=True)
class Verdict:
    """What a stage said; `text` is why, for the operator and never for the client."""

    word: str
    text: str = ""


@dataclass(slots=True)
class Rehearsal:
    """How far a request came.

    `runtime` is what was compiled, `chain` one of its chains, None for a request that no route took. `verdicts` are
    those of the stages that were asked, by their place in the chain. `head` is the request's head as the service would
    get it, `received` the reply that the client would get: one of them is empty. `sent` is what the client sent.
    """

    sent: bytes
    runtime: Runtime
    x: Exchange
    chain: Chain | None
    verdicts: dict[int, Verdict]
    head: bytes
    received: bytes


def rehearse(loaded: Loaded, request: bytes) -> Rehearsal:
    """Send the bytes of a request down the road."""
    return asyncio.run(_WatchedRoad(_silent_road(loaded), loaded).play(request))


def _silent_road(loaded: Loaded) -> Road:
    """The configuration compiled in a gateway that tells nobody what it sees."""
    gateway = Gateway(cluster=Nobody(), worker=0)
    gateway.live.put("audit", Audit(Log(LogWriter(os.devnull))))
    compiler = gateway.compiler(loaded.settings, {}, loaded.marks)
    for _ in compiler.steps():
        pass
    gateway.road.runtime = compiler.commit()
    return gateway.road


class _WatchedRoad:
    """A road with watchers along it."""

    def __init__(self, road: Road, loaded: Loaded) -> None:
        settings = loaded.settings.gateway
        self._runtime = runtime = road.runtime
        road.memory.size = settings.limits.memory
        self._road = road
        self._listener = Listener(
            road,
            settings.limits,
            settings.timeouts,
            settings.trusted_proxies,
            MemoryBudget(settings.limits.memory),
        )
        served = [entry for entry in settings.listen if entry.redirect is None]
        self._scheme = b"https" if served and served[0].tls is not None else b"http"
        self._port = next((entry.where.port for entry in served if not entry.where.unix), 0)
        self._over = asyncio.Event()
        self._x: Exchange | None = None
        self._head = b""
        self._verdicts: dict[int, Verdict] = {}
        self._originals: dict[Chain, Chain | None] = {}
        road.runtime = replace(
            runtime,
            table=RouteTable.build(self._watched_entry(entry) for entry in runtime.table.entries),
            unrouted=self._watched(runtime.unrouted, None),
            asterisk=self._watched(runtime.asterisk, runtime.asterisk),
        )

    async def play(self, request: bytes) -> Rehearsal:
        """The whole way of one request."""
        client = _Client(self._port, self._over)
        connection = Connection(self._listener, self._scheme)
        connection.connection_made(client)
        connection.data_received(request)
        while not self._over.is_set():
            try:
                await asyncio.wait_for(self._over.wait(), SWEEP_S)
            except TimeoutError:
                self._road.patience.sweep(monotonic())  # a stage may wait, but not for ever
        x = self._x
        assert x is not None, "a request that was answered or forwarded has an exchange"
        chain = self._originals[x.chain]
        return Rehearsal(request, self._runtime, x, chain, self._verdicts, self._head, client.received)

    def _watched_entry(self, entry: Entry) -> Entry:
        chain = cast(Chain, entry.value)
        return replace(entry, value=self._watched(chain, chain))

    def _watched(self, chain: Chain, original: Chain | None) -> Chain:
        """A copy of the chain that tells us of its hooks' verdicts and ends at the service's door."""
        watched = copy.copy(chain)
        hooks = [
            self._watch(place, link)
            for place, link in enumerate(chain.links)
            if link.hooks.on_request is not None
        ]
        watched.requests = tuple(hooks)
        watched.plain = False
        watched.body_at = -1
        watched.ends = (self._ended,)  # nobody counts or logs a rehearsal
        if chain.forward is not None:
            watched.forward = cast(Forward, _Door(chain.forward, self._arrived))
        self._originals[watched] = original
        return watched

    def _watch(self, place: int, link: Link) -> Callable[[Exchange], Any]:
        hooks = link.hooks
        hook = hooks.on_request
        needed = hooks.needs_body
        # Who is asked for before anything else must be answered, or what follows would be told of nobody.
        with_no_body = needed is not None and link.key == "authenticate"

        def pass_over(x: Exchange) -> None:
            self._verdicts[place] = Verdict(NEEDS_BODY, f"up to {write(needed or 0, 'size')}")

        def ask(x: Exchange) -> Outcome | Awaitable[Outcome]:
            self._verdicts[place] = Verdict(FAILED)
            if with_no_body:
                x.body = b""
            try:
                outcome = hook(x)  # type: ignore[misc]  # only links with a hook are watched
            except Exception as error:
                self._failed(place, error)
                raise
            if outcome is None or isinstance(outcome, Reply | Failure):
                return self._decided(place, outcome, hooks, x)
            return wait(x, outcome)

        async def wait(x: Exchange, pending: Awaitable[Outcome]) -> Outcome:
            self._verdicts[place] = Verdict(FAILED, "did not decide in time")
            try:
                outcome = await pending
            except Exception as error:
                self._failed(place, error)
                raise
            return self._decided(place, outcome, hooks, x)

        if needed is not None and not with_no_body:
            return pass_over
        return ask

    def _decided(self, place: int, outcome: Outcome, hooks: Hooks, x: Exchange) -> Outcome:
        if outcome is None:
            self._verdicts[place] = Verdict(PASSED, "" if hooks.reason is None else hooks.reason(x))
        elif isinstance(outcome, Failure):
            why = f": {outcome.detail}" if outcome.detail else ""
            self._verdicts[place] = Verdict(REFUSED, f"{outcome.status} {outcome.code}{why}")
        else:
            self._verdicts[place] = Verdict(ANSWERED, str(outcome.status))
        return outcome

    def _failed(self, place: int, error: Exception) -> None:
        self._verdicts[place] = Verdict(FAILED, f"{type(error).__name__}: {error}")

    def _ended(self, x: Exchange) -> None:
        self._x = x

    def _arrived(self, x: Exchange, head: bytes) -> None:
        self._x, self._head = x, head
        self._over.set()


class _Door:
    """Stands where a route calls its service: shows what would be sent, and sends nothing."""

    def __init__(self, forward: Forward, arrived: Callable[[Exchange, bytes], None]) -> None:
        self._forward = forward
        self._arrived = arrived

    def begin(self, x: Exchange, now: float) -> None:
        """The request has come through."""
        request = x.request
        framing = b""
        if request.chunked:
            framing = b"transfer-encoding: chunked\r\n"
        elif request.length is not None:
            framing = b"content-length: %d\r\n" % request.length
        instance = self._forward.service.instances[0]
        self._arrived(x, self._forward.head(x, instance, framing, request.complete))


class _Client(asyncio.Transport):
    """A client's connection that keeps what it is sent. `over` is set when there is something, or the end."""

    def __init__(self, port: int, over: asyncio.Event) -> None:
        super().__init__({"peername": CLIENT, "sockname": ("127.0.0.1", port)})
        self.received = b""
        self._over = over

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Keep it."""
        self.received += data
        self._over.set()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """All is read at once."""

    def get_write_buffer_size(self) -> int:
        """All is read at once."""
        return 0

    def can_write_eof(self) -> bool:
        """There is nobody to see it."""
        return False

    def close(self) -> None:
        """The gateway ends the connection."""
        self._over.set()

    abort = close

    def pause_reading(self) -> None:
        """Everything was read at once."""

    resume_reading = pause_reading
