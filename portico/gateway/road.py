"""The road of every request: route, chain, service, and back. There is no other (design decision 1).

The life of an exchange:

  begin ── hooks in order ──────────────► forward ──► reply ──► (data …) ──► end
             │ a Reply or a Failure         │ failed                          ▲
             ▼                              ▼                                 │
           answered by the gateway, through the same reply hooks ─────────────┘

Everything here is plain calls: an exchange whose stages do not wait and whose service has an idle connection makes
no task, no future and no timer. Only a stage that waits gets a task, and only the sweep looks at deadlines: they
run to the reply's head, then from piece to piece (requirements 5.3).
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import (
    BODY_TOO_LARGE,
    CLIENT_GONE,
    CLIENT_SLOW,
    DEADLINE_PASSED,
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    OVERLOADED,
    REPLY_TIMEOUT,
    SHUTTING_DOWN,
    Failure,
    Side,
)
from portico.exchange.fields import Field
from portico.exchange.memory import MemoryBudget
from portico.exchange.reply import Reply
from portico.exchange.request import Request
from portico.exchange.stage import Outcome
from portico.exchange.stream import Stream, Tunnel
from portico.routing.table import Match, Miss

if TYPE_CHECKING:
    from .chain import Chain
    from .runtime import Runtime

log = logging.getLogger("portico")

# Unread body that may wait with the request while a stage or a connection is waited for.
PENDING_BYTES = 65536

# A request id from outside is believed when it can go into a log line and a header as it is.
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._~+/=-]{8,128}").fullmatch

# The line for a time in tenths of a millisecond, up to what most replies take.
_RESPONSE_TIMES = tuple(b"\r\nx-response-time: %d.%dms\r\n" % divmod(tenths, 10) for tenths in range(1000))
# The last two digits of a request id.
_LAST_DIGITS = tuple(b"%02x" % number for number in range(256))

_FOREVER = float("inf")


class Road:
    """The exchanges of one worker. `runtime` is swapped whole at a reload; exchanges keep the one they began with."""

    def __init__(self, memory: MemoryBudget, clock: Clock) -> None:
        self.runtime: Runtime = None  # type: ignore[assignment]  # set before the first connection is accepted
        self.memory = memory
        self.clock = clock
        self.active: set[Exchange] = set()
        self.tunnels: dict[Exchange, Tunnel] = {}
        self._emptied: asyncio.Event | None = None  # while somebody waits for the last exchange to end
        self._id_prefix = b"req_" + os.urandom(6).hex().encode()
        self._id_block = b""  # all but the last two digits, which count from 0 to 255
        self._id_count = 0

    # -- the stream's side

    def begin(self, stream: Stream, request: Request, now: float) -> Exchange:
        runtime = self.runtime
        x = Exchange(stream, request, now)
        x.runtime = runtime
        x.client, x.forwarded = stream.forwarded(request)
        x.request_id = self._request_id(request)
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
            self.failed(x, failure)
        elif chain.plain:
            self._run(x, chain)
        else:
            self._run_from(x, 0)
        return x

    def refuse(self, stream: Stream, request: Request, failure: Failure, now: float) -> Exchange:
        runtime = self.runtime
        x = Exchange(stream, request, now)
        x.runtime = runtime
        x.client, x.forwarded = stream.forwarded(request)
        x.request_id = self._request_id(request)
        x.chain = runtime.unrouted
        x.route = x.chain.label
        x.deadline = now + x.chain.timeout_s
        self.active.add(x)
        self.failed(x, failure)
        return x

    def body(self, x: Exchange) -> None:
        if x.ended:
            return
        request = x.request
        chain: Chain = x.chain
        if request.body_bytes > chain.body_limit:
            self.broken(x, BODY_TOO_LARGE)
            return
        x.deadline = monotonic() + (x.idle_s if x.head_sent else chain.timeout_s)
        if x.attempt is not None:
            x.attempt.send()
        if x.parked_at < 0:
            if request.parts:
                self._keep_waiting_body(x)
        elif self._gather(x) and request.complete:
            index, x.parked_at = x.parked_at, -1
            x.body, x.gathered = bytes(x.gathered or b""), None
            self._run_from(x, index)

    def broken(self, x: Exchange, failure: Failure) -> None:
        if x.ended:
            return
        self._give_up(x)
        self.failed(x, failure)

    def gone(self, x: Exchange) -> None:
        if x.ended:
            return
        x.failure = CLIENT_GONE
        self._give_up(x)
        self._end(x, monotonic())

    # -- along the chain

    def _run(self, x: Exchange, chain: Chain) -> None:
        """The common case: nothing waits."""
        try:
            for hook in chain.requests:
                outcome = hook(x)
                if outcome is not None:
                    self._answer(x, outcome)
                    return
        except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
            self.crashed(x, error)
            return
        self._deliver(x, chain, x.now)

    def _run_from(self, x: Exchange, index: int) -> None:
        """The same for a chain in which a hook may wait, or wants the body first."""
        chain: Chain = x.chain
        hooks, waits = chain.requests, chain.waits
        try:
            while index < len(hooks):
                if index == chain.body_at and x.body is None and not self._has_body(x, index, chain):
                    return
                if waits[index]:
                    loop = asyncio.get_running_loop()
                    x.task = loop.create_task(self._await(x, index), name=f"stage of {chain.label.name}")
                    return
                outcome = hooks[index](x)
                if outcome is not None:
                    self._answer(x, outcome)
                    return
                index += 1
        except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
            self.crashed(x, error)
            return
        self._deliver(x, chain, monotonic())

    async def _await(self, x: Exchange, index: int) -> None:
        try:
            outcome: Outcome = await x.chain.requests[index](x)
            x.task = None
            if x.ended:
                return
            if outcome is not None:
                self._answer(x, outcome)
                return
        except asyncio.CancelledError as error:
            if x.task is not None:  # not by the road: what the stage waited for was cancelled
                x.task = None
                self.crashed(x, error)
            raise
        except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
            x.task = None
            self.crashed(x, error)
            return
        self._run_from(x, index + 1)

    def _has_body(self, x: Exchange, index: int, chain: Chain) -> bool:
        """Whether the whole body is here; if not, park the exchange until it is."""
        request = x.request
        if request.length is not None and request.length > chain.body_max:
            self.failed(x, BODY_TOO_LARGE)
            return False
        if request.complete:
            if request.body_bytes > chain.body_max:
                self.failed(x, BODY_TOO_LARGE)
                return False
            x.body = b"".join(request.parts)
            request.parts = []
            return True
        x.parked_at = index
        x.gathered = bytearray()
        if request.expects_continue:
            request.expects_continue = False
            x.stream.send_interim(100, [])
        if self._gather(x):
            x.stream.resume_request()  # a stage before this one may have taken so long that it was paused
        return False

    def _gather(self, x: Exchange) -> bool:
        """Put together what has come of a body that a hook waits for. False when the exchange has failed over it.

        At once, and not at the end: a client may send its body in pieces so small that their number weighs more
        than they do.
        """
        gathered = cast(bytearray, x.gathered)
        parts, x.request.parts = x.request.parts, []
        gathered += b"".join(parts)
        if len(gathered) > x.chain.body_max:
            self.broken(x, BODY_TOO_LARGE)
            return False
        return self._reserve(x, len(gathered))

    def _keep_waiting_body(self, x: Exchange) -> None:
        """Account for body that nobody can take yet."""
        waiting = sum(map(len, x.request.parts))
        if self._reserve(x, waiting) and waiting > PENDING_BYTES:
            x.stream.pause_request()

    def _reserve(self, x: Exchange, size: int) -> bool:
        """Have so many bytes of the memory budget, or fail the exchange and say False."""
        more = size - x.reserved
        if more > 0:
            if not self.memory.take(more):
                self.broken(x, OVERLOADED)
                return False
            x.reserved += more
        return True

    def _deliver(self, x: Exchange, chain: Chain, now: float) -> None:
        if chain.request_filters:
            try:
                made = [make(x) for make in chain.request_filters]
            except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
                self.crashed(x, error)
                return
            x.request_filters = tuple([one for one in made if one is not None])
        forward = chain.forward
        if forward is None:
            self.failed(x, NOT_FOUND)
        elif x.latest < now or x.deadline < now:
            self.failed(x, DEADLINE_PASSED)
        else:
            forward.begin(x, now)

    def _answer(self, x: Exchange, outcome: Reply | Failure) -> None:
        if isinstance(outcome, Failure):
            self.failed(x, outcome)
        else:
            self._send_own(x, outcome)

    # -- the service's side

    def reply(
        self, x: Exchange, reply: Reply, data: bytes, end: bool, trailers: list[Field], now: float
    ) -> None:
        chain: Chain = x.chain
        keep = chain.keep_reply
        fields = [field for field in reply.fields if keep[field[0]]]
        if reply.options:
            options = reply.options
            fields = [field for field in fields if field[0] not in options]
        if not reply.dated:
            fields.append(
                (b"date", self.clock.date)
            )  # RFC 9110 section 6.6.1: who forwards it says when it came
        reply.fields = fields
        reply.lines = _own_lines(x, now)
        reply.constant = chain.constant
        x.reply = reply
        if trailers:
            trailers = [field for field in trailers if keep[field[0]]]
        try:
            for hook in chain.replies:
                hook(x, reply)
            if chain.reply_filters:
                data = self._filter_reply(x, reply, data, end)
        except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
            self._give_up(x)
            self.crashed(x, error)
            return
        x.head_sent = True
        x.reply_bytes = len(data)
        x.idle_s = chain.idle_s if end or not _is_event_stream(reply) else _FOREVER
        x.deadline = now + x.idle_s
        x.stream.send_head(reply, data, end, trailers)
        if end:
            self._end(x, now)

    def reply_data(self, x: Exchange, data: bytes, end: bool, trailers: list[Field], now: float) -> None:
        if x.ended:
            return
        if x.reply_filters:
            try:
                data = _pass(x, data, end)
            except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
                self._give_up(x)
                self.crashed(x, error)
                return
        if trailers:
            keep = x.chain.keep_reply
            trailers = [field for field in trailers if keep[field[0]]]
        x.reply_bytes += len(data)
        x.deadline = now + x.idle_s
        x.stream.send_data(data, end, trailers)
        if end:
            self._end(x, now)

    def interim(self, x: Exchange, status: int, fields: list[Field]) -> None:
        if not x.ended and not x.head_sent:
            if status == 100:
                x.request.expects_continue = False  # now it is the client's turn
            keep = x.chain.keep_reply
            x.stream.send_interim(status, [field for field in fields if keep[field[0]]])

    def failed(self, x: Exchange, failure: Failure) -> None:
        if x.ended:
            return
        x.attempt = None
        x.failure = failure
        if x.head_sent:
            x.stream.abort()
            self._end(x, monotonic())
            return
        self._send_own(x, x.runtime.errors.render(x, failure))

    def switched(self, x: Exchange, reply: Reply, tunnel: Tunnel) -> tuple[asyncio.Transport, bytes] | None:
        keep = x.chain.keep_reply
        options = reply.options
        reply.fields = [field for field in reply.fields if keep[field[0]] and field[0] not in options]
        reply.fields += [
            (b"connection", b"upgrade"),
            (b"upgrade", x.request.upgrade),
        ]
        reply.lines = _own_lines(x, monotonic())
        reply.constant = x.chain.constant
        x.reply = reply
        try:
            for hook in x.chain.replies:
                hook(x, reply)
        except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
            self.crashed(x, error)
            return None
        x.head_sent = True
        x.deadline, x.latest = monotonic() + x.chain.idle_s, _FOREVER
        self.tunnels[x] = tunnel
        return x.stream.open_tunnel(reply, tunnel)

    def tunnel_closed(self, x: Exchange, sent: int) -> None:
        self.tunnels.pop(x, None)
        x.reply_bytes = sent
        self._end(x, monotonic())

    # -- the gateway's own replies

    def _send_own(self, x: Exchange, reply: Reply) -> None:
        now = monotonic()
        self._sign(x, reply, now)
        body = reply.body or b""
        try:
            for hook in x.chain.replies:
                hook(x, reply)
            if x.chain.reply_filters:
                body = self._filter_reply(x, reply, body, True)
        except Exception:
            log.exception("a stage failed on a reply of the gateway", extra=_about(x))
            x.failure = INTERNAL
            reply = x.runtime.errors.render(x, INTERNAL)  # without the hooks: one of them would fail again
            self._sign(x, reply, now)
            body = reply.body or b""
        x.head_sent = True
        x.reply_bytes = 0 if x.request.method == b"HEAD" else len(body)
        x.stream.send_head(reply, body, True, [])
        self._end(x, now)

    def _sign(self, x: Exchange, reply: Reply, now: float) -> None:
        """What every reply of the gateway has."""
        reply.fields.append((b"date", self.clock.date))
        reply.lines = _own_lines(x, now)
        reply.constant = x.chain.constant
        x.reply = reply

    def _filter_reply(self, x: Exchange, reply: Reply, data: bytes, end: bool) -> bytes:
        made = [make(x, reply) for make in x.chain.reply_filters]
        x.reply_filters = tuple([one for one in made if one is not None])
        if not x.reply_filters:
            return data
        reply.length = None
        return _pass(x, data, end)

    def crashed(self, x: Exchange, error: BaseException) -> None:
        """An exception in a stage is a bug: the trace goes to the log, one 500 to this client, nothing else."""
        log.error("a stage failed", extra=_about(x), exc_info=error)
        self.failed(x, INTERNAL)

    # -- ends

    def _give_up(self, x: Exchange) -> None:
        """Stop whatever is under way for this exchange."""
        task, x.task = x.task, None
        if task is not None:
            task.cancel()
        attempt, x.attempt = x.attempt, None
        if attempt is not None:
            attempt.cancel()

    def _end(self, x: Exchange, now: float) -> None:
        if x.ended:
            return
        x.ended = True
        x.finished = now
        self.active.discard(x)
        if x.reserved:
            self.memory.give(x.reserved)
            x.reserved = 0
        if self._emptied is not None and not self.active:
            self._emptied.set()
        for hook in x.chain.ends:
            try:
                hook(x)
            except Exception:
                log.exception("a stage failed at the end of an exchange", extra=_about(x))

    async def empty(self, within_s: float) -> bool:
        """Wait until nothing is in flight; False when that took too long."""
        if self.active:
            self._emptied = asyncio.Event()
            try:
                await asyncio.wait_for(self._emptied.wait(), within_s)
            except TimeoutError:
                return False
            finally:
                self._emptied = None
        return True

    def sweep(self, now: float) -> None:
        """End what has waited too long."""
        late = [x for x in self.active if x.deadline < now or x.latest < now]
        for x in late:
            self._expire(x, now)

    def _expire(self, x: Exchange, now: float) -> None:
        if x.ended or (now <= x.latest and self._is_clients_turn(x)):
            return
        tunnel = self.tunnels.get(x)
        if tunnel is not None:
            self._watch_tunnel(x, tunnel, now)
            return
        if x.paused and x.head_sent and now <= x.latest and (not x.deadline or x.stream.is_read()):
            x.deadline = now + x.chain.idle_s  # slow, but it reads
            return
        task, x.task = x.task, None
        if task is not None:
            task.cancel()
        attempt, x.attempt = x.attempt, None
        if x.paused and attempt is not None:
            attempt.cancel()
            self.failed(x, CLIENT_SLOW)
        else:
            self.failed(x, DEADLINE_PASSED if attempt is None else attempt.expire(now))

    def _watch_tunnel(self, x: Exchange, tunnel: Tunnel, now: float) -> None:
        """A tunnel may be silent, but who takes nothing of what waits for it, for so long, is gone or a trap."""
        side = tunnel.stuck()
        if side is None:
            x.deadline = now + x.chain.idle_s
        else:
            x.failure = CLIENT_SLOW if side is Side.CLIENT else REPLY_TIMEOUT.because("it stopped reading")
            tunnel.abort()

    @staticmethod
    def _is_clients_turn(x: Exchange) -> bool:
        """Whether only the client keeps us waiting. Its connection has a clock for that, and no service is to blame:
        whoever stops in the middle of an upload would else open the breakers of others."""
        if x.request.complete or x.head_sent:
            return False
        return x.parked_at >= 0 or (x.attempt is not None and x.attempt.waits_for_client())

    def end_tunnels(self, generation: int) -> None:
        """A configuration has been replaced for long enough: end the tunnels that still hold it or an older one."""
        for x, tunnel in list(self.tunnels.items()):
            if x.runtime.generation <= generation:
                tunnel.close()

    def cut(self) -> None:
        """The grace period is over: end everything that is left."""
        for x in list(self.active):
            tunnel = self.tunnels.get(x)
            if tunnel is not None:
                tunnel.close()
            else:
                self._give_up(x)
                self.failed(x, SHUTTING_DOWN)

    @staticmethod
    def _missed(runtime: Runtime, miss: Miss) -> tuple[Chain, Failure | None]:
        if not miss.allowed:
            return runtime.unrouted, NOT_FOUND
        allow = (b"allow", b", ".join(miss.allowed))
        return runtime.unrouted, METHOD_NOT_ALLOWED.saying(METHOD_NOT_ALLOWED.text, allow)

    def _request_id(self, request: Request) -> bytes:
        told = request.told_id
        if told and _WELL_FORMED(told):
            return told
        count = self._id_count
        self._id_count = count + 1
        last = count & 255
        if last == 0:
            self._id_block = b"%b%04x" % (self._id_prefix, count >> 8)
        return self._id_block + _LAST_DIGITS[last]

    def _heed_deadline(self, x: Exchange, request: Request, now: float) -> None:
        """A trusted caller's X-Request-Deadline (epoch ms) may shorten the time, never lengthen it."""
        told = request.header(b"x-request-deadline")
        if told is not None and told.isdigit() and len(told) <= 15:
            x.latest = min(x.latest, int(told) / 1000.0 - self.clock.offset)


def _own_lines(x: Exchange, now: float) -> bytes:
    """What every reply says of its exchange (requirements 1.8)."""
    tenths = int((now - x.now) * 10_000.0 + 0.5)
    if 0 <= tenths < 1000:
        return b"x-request-id: " + x.request_id + _RESPONSE_TIMES[tenths]
    return b"x-request-id: %b\r\nx-response-time: %.1fms\r\n" % (x.request_id, tenths / 10.0)


def _find_options(runtime: Runtime, request: Request) -> Match | Miss:
    """A CORS pre-flight goes where the request would go that it asks for; `*` is about the gateway itself."""
    table = runtime.table
    if request.path == b"*":
        return Match(runtime.asterisk, None)
    asked = request.header(b"access-control-request-method")
    if asked:
        return table.find_preflight(asked, request.host, request.path, request.query, request.fields)
    return table.find(request.method, request.host, request.path, request.query, request.fields)


def _is_event_stream(reply: Reply) -> bool:
    """Server-sent events are silent for as long as nothing happens: that is no idle service (requirements 1.10)."""
    kind = reply.header(b"content-type")
    return kind is not None and kind.lower().startswith(b"text/event-stream")


def _pass(x: Exchange, data: bytes, end: bool) -> bytes:
    """A piece of the reply through its filters."""
    for one in x.reply_filters:
        data = one.feed(data) if data else data
        if end:
            data += one.end()
    return data


def _about(x: Exchange) -> dict[str, Any]:
    return {"requestId": x.request_id.decode("latin-1"), "route": x.route.name}
