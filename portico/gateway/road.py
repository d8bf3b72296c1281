"""The road of every request: route, chain, service, and back. There is no other (design decision 1).

The life of an exchange:

  begin ── hooks in order ──────────────► forward ──► reply ──► (data …) ──► end
             │ a Reply or a Failure         │ failed                          ▲
             ▼                              ▼                                 │
           answered by the gateway, through the same reply hooks ─────────────┘

This file begins exchanges and hears what their clients do next. Hooks and the call are in `way_in`, replies and
failures in `way_back`, the end in `in_flight`; `patience` ends what takes too long, `bodies` keeps what must wait.
Everything is plain calls: an exchange whose stages do not wait and whose service has an idle connection makes no
task, no future and no timer.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, cast

from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import BODY_TOO_LARGE, CLIENT_GONE, METHOD_NOT_ALLOWED, NOT_FOUND, Failure
from portico.exchange.memory import MemoryBudget
from portico.exchange.request import Request
from portico.exchange.stream import Stream
from portico.routing.table import Match, Miss

from .bodies import gather, keep_waiting, unpark
from .in_flight import InFlight
from .patience import Patience
from .request_id import RequestIds
from .way_back import WayBack
from .way_in import WayIn

if TYPE_CHECKING:
    from .chain import Chain
    from .runtime import Runtime


class Road:
    """The exchanges of one worker. `runtime` is swapped whole at a reload; exchanges keep the one they began with."""

    def __init__(self, memory: MemoryBudget, clock: Clock) -> None:
        self.runtime: Runtime = None  # type: ignore[assignment]  # set before the first connection is accepted
        self.memory = memory
        self.in_flight = InFlight(memory)
        self.active = self.in_flight.active  # the same objects, for who looks at the road from outside
        self.tunnels = self.in_flight.tunnels
        self.back = WayBack(self.in_flight, clock)
        self.patience = Patience(self.in_flight, self.back)
        self._way_in = WayIn(self.back, memory)
        self._clock = clock
        self._ids = RequestIds()

    # -- the stream's side

    def begin(self, stream: Stream, request: Request, now: float) -> Exchange:
        runtime = self.runtime
        x = Exchange(stream, request, now)
        x.runtime = runtime
        x.client, x.forwarded = stream.forwarded(request)
        x.request_id = self._ids.of(request)
        found: Match | Miss
        if request.method == b"OPTIONS":
            found = _find_options(runtime, request)
        else:
            found = runtime.table.find(
                request.method, request.host, request.path, request.query, request.fields
            )
        chain: Chain
        failure: Failure | None = None
        if isinstance(found, Miss):
            chain, failure = self._missed(runtime, found)
        else:
            chain = cast("Chain", found.value)
            x.params = found.params
        x.chain = chain
        x.route = chain.label
        x.deadline = now + chain.timeout_s
        if chain.total_s is not None:
            x.latest = now + chain.total_s
        if stream.trusted:
            self._heed_deadline(x, request, now)
        self.active.add(x)
        if failure is None and (request.length or request.body_bytes) > chain.body_limit:
            failure = BODY_TOO_LARGE  # announced, or chunked and here already
        if failure is not None:
            self.back.failed(x, failure)
        elif chain.plain:
            self._way_in.run(x, chain)
        else:
            self._way_in.run_from(x, 0)
        return x

    def refuse(self, stream: Stream, request: Request, failure: Failure, now: float) -> Exchange:
        runtime = self.runtime
        x = Exchange(stream, request, now)
        x.runtime = runtime
        x.client, x.forwarded = stream.forwarded(request)
        x.request_id = self._ids.of(request)
        x.chain = runtime.unrouted
        x.route = x.chain.label
        x.deadline = now + x.chain.timeout_s
        self.active.add(x)
        self.back.failed(x, failure)
        return x

    def body(self, x: Exchange) -> None:
        if x.ended:
            return
        request = x.request
        chain: Chain = x.chain
        if request.body_bytes > chain.body_limit:
            self.back.broken(x, BODY_TOO_LARGE)
            return
        x.deadline = monotonic() + (x.idle_s if x.head_sent else chain.timeout_s)
        if x.attempt is not None:
            x.attempt.send()
        failure: Failure | None = None
        if x.parked_at >= 0:
            failure = gather(x, self.memory)
            if failure is None and request.complete:
                self._way_in.run_from(x, unpark(x))
                return
        elif request.parts:
            failure = keep_waiting(x, self.memory)
        if failure is not None:
            self.back.broken(x, failure)

    def broken(self, x: Exchange, failure: Failure) -> None:
        self.back.broken(x, failure)

    def gone(self, x: Exchange) -> None:
        if x.ended:
            return
        x.failure = CLIENT_GONE
        self.in_flight.give_up(x)
        self.in_flight.end(x, monotonic())

    def call(self, x: Exchange, chain: Chain, timeout_s: float) -> None:
        """The gateway's own call: an exchange that nobody's connection has brought (`calls`)."""
        x.runtime = self.runtime
        x.request_id = self._ids.of(x.request)
        x.chain = chain
        x.route = chain.label
        x.deadline = x.latest = x.now + timeout_s
        self.active.add(x)
        self._way_in.run(x, chain)

    # -- how it begins

    @staticmethod
    def _missed(runtime: Runtime, miss: Miss) -> tuple[Chain, Failure | None]:
        if not miss.allowed:
            return runtime.unrouted, NOT_FOUND
        allow = (b"allow", b", ".join(miss.allowed))
        return runtime.unrouted, METHOD_NOT_ALLOWED.saying(METHOD_NOT_ALLOWED.text, allow)

    def _heed_deadline(self, x: Exchange, request: Request, now: float) -> None:
        """A trusted caller's X-Request-Deadline (epoch ms) may shorten the time, never lengthen it."""
        told = request.header(b"x-request-deadline")
        if told is not None and told.isdigit() and len(told) <= 15:
            x.latest = min(x.latest, int(told) / 1000.0 - self._clock.offset)


def _find_options(runtime: Runtime, request: Request) -> Match | Miss:
    """A CORS pre-flight goes where the request would go that it asks for; `*` is about the gateway itself."""
    table = runtime.table
    if request.path == b"*":
        return Match(runtime.asterisk, None)
    asked = request.header(b"access-control-request-method")
    if asked:
        return table.find_preflight(asked, request.host, request.path, request.query, request.fields)
    return table.find(request.method, request.host, request.path, request.query, request.fields)
