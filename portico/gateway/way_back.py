"""From a service or a hook back to the client: every reply and every failure, through the chain's `on_reply` hooks.

The gateway's own replies pass the same hooks in the same order. Once a head has been sent, a failure can only break
off (design decision 10). A stage's bug ends its own exchange only: the trace goes to the log, never to a client.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING

from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import INTERNAL, Failure
from portico.exchange.fields import Field
from portico.exchange.reply import Reply
from portico.exchange.stream import Tunnel

from .in_flight import InFlight, about

if TYPE_CHECKING:
    from .chain import Chain

log = logging.getLogger("portico")

# The line for a time in tenths of a millisecond, up to what most replies take.
_RESPONSE_TIMES = tuple(b"\r\nx-response-time: %d.%dms\r\n" % divmod(tenths, 10) for tenths in range(1000))

_FOREVER = float("inf")


class WayBack:
    """The `Replies` of every call, and what hooks and the road itself answer."""

    def __init__(self, in_flight: InFlight, clock: Clock) -> None:
        self._in_flight = in_flight
        self._clock = clock

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
                (b"date", self._clock.date)
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
            self._in_flight.give_up(x)
            self.crashed(x, error)
            return
        x.head_sent = True
        x.reply_bytes = len(data)
        x.idle_s = chain.idle_s if end or not _is_event_stream(reply) else _FOREVER
        x.deadline = now + x.idle_s
        x.stream.send_head(reply, data, end, trailers)
        if end:
            self._in_flight.end(x, now)

    def reply_data(self, x: Exchange, data: bytes, end: bool, trailers: list[Field], now: float) -> None:
        if x.ended:
            return
        if x.reply_filters:
            try:
                data = _pass(x, data, end)
            except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
                self._in_flight.give_up(x)
                self.crashed(x, error)
                return
        if trailers:
            keep = x.chain.keep_reply
            trailers = [field for field in trailers if keep[field[0]]]
        x.reply_bytes += len(data)
        x.deadline = now + x.idle_s
        x.stream.send_data(data, end, trailers)
        if end:
            self._in_flight.end(x, now)

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
            self._in_flight.end(x, monotonic())
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
        self._in_flight.tunnels[x] = tunnel
        return x.stream.open_tunnel(reply, tunnel)

    def tunnel_closed(self, x: Exchange, sent: int) -> None:
        self._in_flight.tunnels.pop(x, None)
        x.reply_bytes = sent
        self._in_flight.end(x, monotonic())

    def crashed(self, x: Exchange, error: BaseException) -> None:
        """An exception in a stage is a bug: the trace goes to the log, one 500 to this client, nothing else."""
        log.error("a stage failed", extra=about(x), exc_info=error)
        self.failed(x, INTERNAL)

    # -- the gateway's own replies

    def answer(self, x: Exchange, outcome: Reply | Failure) -> None:
        """A hook has decided: no service is called."""
        if isinstance(outcome, Failure):
            self.failed(x, outcome)
        else:
            self._send_own(x, outcome)

    def broken(self, x: Exchange, failure: Failure) -> None:
        """A failure while others may still be at work: they are stopped."""
        if x.ended:
            return
        self._in_flight.give_up(x)
        self.failed(x, failure)

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
            log.exception("a stage failed on a reply of the gateway", extra=about(x))
            x.failure = INTERNAL
            reply = x.runtime.errors.render(x, INTERNAL)  # without the hooks: one of them would fail again
            self._sign(x, reply, now)
            body = reply.body or b""
        x.head_sent = True
        x.reply_bytes = 0 if x.request.method == b"HEAD" else len(body)
        x.stream.send_head(reply, body, True, [])
        self._in_flight.end(x, now)

    def _sign(self, x: Exchange, reply: Reply, now: float) -> None:
        """What every reply of the gateway has."""
        reply.fields.append((b"date", self._clock.date))
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


def _own_lines(x: Exchange, now: float) -> bytes:
    """What every reply says of its exchange (requirements 1.8)."""
    tenths = int((now - x.now) * 10_000.0 + 0.5)
    if 0 <= tenths < 1000:
        return b"x-request-id: " + x.request_id + _RESPONSE_TIMES[tenths]
    return b"x-request-id: %b\r\nx-response-time: %.1fms\r\n" % (x.request_id, tenths / 10.0)


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
