"""From the end of a chain to a service and back: one `Forward` per route, one `Attempt` per call.

A call passes the breaker, picks an instance, takes a connection, sends the request with the fields that the service
may believe, and hands the reply to the road. An instance that cannot be reached is passed over. Every call is
judged by the breaker exactly once: by the status of its reply, by its failure, or not at all when the client gave
it up.

A kept-alive connection may close under a request (RFC 9112 section 9.3.1). When that happens before any byte of
the reply, on a connection that had been used before, an idempotent request whose body is still at hand goes out
once more on another one; anything else fails, since the service may have acted.
"""

from __future__ import annotations

import math
from time import monotonic

from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import (
    BAD_REPLY,
    BREAKER_OPEN,
    DEADLINE_PASSED,
    POOL_EXHAUSTED,
    REPLY_TIMEOUT,
    Failure,
    Side,
)
from portico.exchange.fields import HOP_BY_HOP, Field, Keep, Matcher, render
from portico.exchange.reply import Reply
from portico.exchange.request import Request
from portico.exchange.stream import Replies
from portico.http.channel import Channel
from portico.http.reserved import is_reserved
from portico.http.tunnel import Tunnel
from portico.http.wire import chunk, last_chunk
from portico.rules import REFUSED, Breaker

from .instance import Instance
from .service import Service

REPLAY_BYTES = 65536  # a body up to this size is kept until the reply begins
# RFC 9110 section 9.2.2. QUERY: RFC 10008.
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"QUERY", b"PROPFIND", b"REPORT"})

# Written by the gateway for every request, whatever the client sent.
_OURS = frozenset({b"host", b"expect", b"x-request-id"})


def request_fields(allow: frozenset[str] | None = None, drop: frozenset[str] = frozenset()) -> Keep:
    """Which of a client's fields reach the service (requirements 1.6); names may end in `*`.

    `allow` None: all that are not reserved. Reserved fields never pass, whatever is allowed.
    """
    return Keep(_Passing(allow, drop))


class _Passing:
    __slots__ = ("_allowed", "_dropped")

    def __init__(self, allow: frozenset[str] | None, drop: frozenset[str]) -> None:
        self._allowed = None if allow is None else Matcher(allow)
        self._dropped = Matcher(drop)

    def __call__(self, name: bytes) -> bool:
        # Underscores count as hyphens, as in `reserved`: Transfer_Encoding must not frame anything anywhere.
        plain = name.replace(b"_", b"-")
        if plain in HOP_BY_HOP or plain in _OURS or is_reserved(name) or self._dropped(name):
            return False
        return self._allowed is None or self._allowed(name)


class Forward:
    """How one route calls its service."""

    __slots__ = ("_clock", "_name", "_own_host", "keep", "replies", "service")

    def __init__(
        self, service: Service, keep: Keep, own_host: bool, name: bytes, clock: Clock, replies: Replies
    ) -> None:
        self.service = service
        self.replies = replies
        self.keep = keep
        self._own_host = own_host
        self._name = name  # the gateway's, in Via (RFC 9110 section 7.6.3)
        self._clock = clock

    def begin(self, x: Exchange, now: float) -> None:
        """Call the service. The outcome, also an immediate one, arrives through `replies`."""
        service = self.service
        breaker = service.breaker
        ticket = REFUSED
        if breaker is not None:
            ticket = breaker.admit(now)
            if ticket == REFUSED:
                self._refuse(x, breaker, now)
                return
        instances = service.instances
        instance = instances[0] if len(instances) == 1 else service.pick(instances)
        attempt = Attempt(self, x, instance, ticket)
        x.attempt = attempt
        x.attempts += 1
        channel = instance.pool.checkout(now)
        if channel is not None:
            attempt.on_channel(channel)
        else:
            attempt.wait()

    def _refuse(self, x: Exchange, breaker: Breaker, now: float) -> None:
        """An open breaker answers at once, and says when it will try again."""
        seconds = max(1, math.ceil(breaker.retry_after(now)))
        text = f"Service unavailable: {self.service.name}"
        self.replies.failed(
            x, BREAKER_OPEN.saying(text, (b"retry-after", b"%d" % seconds)).because("breaker open")
        )

    def head(self, x: Exchange, instance: Instance, framing: bytes, complete: bool) -> bytes:
        """The request's head towards an instance."""
        request = x.request
        keep = self.keep
        fields = request.fields
        if request.options:
            options = request.options
            fields = [field for field in fields if field[0] not in options]
        target = request.path
        if instance.prefix:
            target = instance.prefix + target
        if request.query:
            target = b"%b?%b" % (target, request.query)
        host = instance.host_line
        if not self._own_host and request.authority:
            host = b"host: %b\r\n" % request.authority
        more = b""
        if x.identity is not None:
            more = x.identity.lines
        if x.forward is not None:
            more += render(x.forward)
        if complete:
            # While the client still sends, its deadline moves on: nothing true could be said.
            deadline = x.deadline if x.deadline < x.latest else x.latest
            more += b"x-request-deadline: %d\r\n" % int(self._clock.wall(deadline) * 1000.0)
        elif request.expects_continue and x.body is None:
            more += b"expect: 100-continue\r\n"
        if request.upgrade:
            more += b"connection: upgrade\r\nupgrade: %b\r\n" % request.upgrade
        elif request.wants_trailers:
            more += b"te: trailers\r\nconnection: te\r\n"
        return b"".join(
            (
                request.method,
                b" ",
                target,
                b" HTTP/1.1\r\n",
                host,
                render([field for field in fields if keep[field[0]]]),
                framing,
                b"x-request-id: ",
                x.request_id,
                b"\r\nx-gateway-forwarded: true\r\nvia: ",
                request.version,
                b" ",
                self._name,
                b"\r\n",
                x.forwarded,
                more,
                b"\r\n",
            )
        )


def _not_agreed(request: Request, reply: Reply) -> str:
    """Why a 101 opens no tunnel: a client believes it only if it names what was asked for (RFC 9110 section 7.8), and
    without `Connection: upgrade` the parser takes what follows for another reply."""
    if not request.upgrade:
        return "a 101 that nobody asked for"
    protocol = (reply.header(b"upgrade") or b"").strip().lower()
    if protocol != request.upgrade or b"upgrade" not in reply.options:
        return "a 101 that does not say to what"
    return ""


class Attempt:
    """One call, from the pool to the end of the reply. It is the `Caller` of its channel."""

    __slots__ = (
        "_channel",
        "_chunked",
        "_forward",
        "_full",
        "_instance",
        "_paused",
        "_replay",
        "_resent",
        "_ticket",
        "_tried",
        "_waiting",
        "_x",
    )

    def __init__(self, forward: Forward, x: Exchange, instance: Instance, ticket: int) -> None:
        self._forward = forward
        self._x = x
        self._instance = instance
        self._ticket = ticket  # the breaker's, REFUSED once its verdict is told
        self._channel: Channel | None = None
        self._tried = 0  # instances that could not be reached
        self._waiting = False
        self._chunked = False
        self._paused = False
        self._full = False  # the service does not read what it is sent
        self._resent = False
        self._replay: bytes | None = None  # the whole body, as long as it could be sent again

    # -- getting a connection

    def wait(self) -> None:
        """Get in line for a connection."""
        self._waiting = True
        failure = self._instance.pool.wait(self)
        if failure is not None:
            self._waiting = False
            if failure is POOL_EXHAUSTED:
                failure = failure.because(f"every connection to {self._instance.name} is in use")
            self._fail(failure)

    def on_channel(self, channel: Channel) -> None:
        self._waiting = False
        self._channel = channel
        x = self._x
        request = x.request
        complete = request.complete
        framing = data = b""
        if not complete or request.body_bytes or request.chunked or x.body:
            try:
                data, framing = self._begin_body(x, request, complete)
            except Exception as error:  # noqa: BLE001  # a filter's bug ends its own exchange only
                self._crash(error)
                return
        elif request.length is not None:
            framing = b"content-length: 0\r\n"
            self._replay = b""
        else:
            self._replay = b""
        head = self._forward.head(x, self._instance, framing, complete)
        if not complete:
            x.stream.resume_request()  # before we send: that may be as much as to make us pause it again
        channel.send(self, head + data if data else head, complete, request.method == b"HEAD")
        if x.paused:
            self.pause()

    def _begin_body(self, x: Exchange, request: Request, complete: bool) -> tuple[bytes, bytes]:
        """(what there is of the body, framed; the fields that frame it)."""
        data = self._replay if self._resent else self._next_piece()
        if data is None:
            data = b""
        elif complete and len(data) <= REPLAY_BYTES:
            self._replay = data
        if x.body is not None or (complete and not request.trailers):
            return data, b"content-length: %d\r\n" % len(data)
        if request.chunked or (x.request_filters and request.length):
            self._chunked = True
            return self._frame(data, complete), b"transfer-encoding: chunked\r\n"
        if request.length is None:
            return data, b""
        return data, b"content-length: %d\r\n" % request.length

    def on_no_channel(self, failure: Failure) -> None:
        self._waiting = False
        instances = self._forward.service.instances
        self._tried += 1
        if self._tried >= len(instances) or failure.side is not Side.SERVICE:
            self._fail(failure)
            return
        # Nothing has been sent, so the next instance may have the request, whatever its method.
        self._instance = instances[(instances.index(self._instance) + 1) % len(instances)]
        channel = self._instance.pool.checkout(monotonic())
        if channel is not None:
            self.on_channel(channel)
        else:
            self.wait()

    # -- the road's side

    def send(self) -> None:
        """Pass on what has come of the body. Before there is a connection it stays with the request."""
        channel = self._channel
        if channel is None:
            return
        end = self._x.request.complete
        try:
            data = self._next_piece()
        except Exception as error:  # noqa: BLE001  # a filter's bug ends its own exchange only
            self._crash(error)
            return
        if self._chunked:
            data = self._frame(data, end)
        channel.send_body(data, end)

    def pause(self) -> None:
        if self._channel is not None and not self._paused:
            self._paused = True
            self._channel.pause()

    def resume(self) -> None:
        if self._channel is not None and self._paused:
            self._paused = False
            self._channel.resume()

    def cancel(self) -> None:
        self._judge(None)
        self._let_go()

    def waits_for_client(self) -> bool:
        request = self._x.request
        if request.complete or self._channel is None or self._full:
            return False
        return not request.expects_continue or request.body_bytes > 0  # else the service has to say: go on

    def expire(self, now: float) -> Failure:
        if self._waiting:
            # The line for a connection was too long: the service has not seen this request.
            self._judge(None)
            failure = DEADLINE_PASSED.because(f"no free connection to {self._instance.name}")
        elif self.waits_for_client():
            self._judge(None)
            failure = DEADLINE_PASSED.because("the client was still sending")
        else:
            failure = REPLY_TIMEOUT.because(f"{self._instance.name} did not answer in time")
            self._judge(failure)
        self._let_go()
        return failure

    # -- the channel's side

    def on_reply(self, reply: Reply, data: bytes, end: bool, trailers: list[Field], now: float) -> None:
        self._replay = None
        ticket = self._ticket
        if ticket != REFUSED:
            self._ticket = REFUSED
            service = self._forward.service
            breaker: Breaker = service.breaker  # type: ignore[assignment]  # it gave the ticket
            if service.failing[reply.status]:
                breaker.failure(ticket, now)
            else:
                breaker.success(ticket, now)
        if end:
            self._channel = None
            self._x.attempt = None
        self._forward.replies.reply(self._x, reply, data, end, trailers, now)

    def on_data(self, data: bytes, end: bool, trailers: list[Field], now: float) -> None:
        if end:
            self._channel = None
            self._x.attempt = None
        self._forward.replies.reply_data(self._x, data, end, trailers, now)

    def on_interim(self, status: int, fields: list[Field]) -> None:
        self._forward.replies.interim(self._x, status, fields)

    def on_switch(self, reply: Reply, rest: bytes) -> None:
        channel, self._channel = self._channel, None
        x = self._x
        if channel is None:
            return
        trouble = _not_agreed(x.request, reply)
        if trouble:
            channel.abandon()
            self._fail(BAD_REPLY.because(trouble))
            return
        self._judge(None, well=True)
        tunnel = Tunnel(channel.transport, self._tunnel_closed)
        x.attempt = None
        client = self._forward.replies.switched(x, reply, tunnel)
        if client is None:
            channel.abandon()
            return
        channel.become_tunnel(tunnel)
        tunnel.open(*client, rest)

    def _tunnel_closed(self, tunnel: Tunnel) -> None:
        self._forward.replies.tunnel_closed(self._x, tunnel.to_client)

    def on_broken(self, failure: Failure, silent: bool) -> None:
        channel, self._channel = self._channel, None
        if silent and channel is not None and channel.uses > 1 and self._may_resend():
            self._resent = True
            self.wait()
            return
        self._fail(failure)

    def on_full(self) -> None:
        self._full = True
        self._x.stream.pause_request()

    def on_drained(self) -> None:
        self._full = False
        self._x.stream.resume_request()

    # -- within

    def _may_resend(self) -> bool:
        return (
            not self._resent
            and self._replay is not None
            and not self._x.request.upgrade
            and self._x.request.method in IDEMPOTENT
        )

    def _next_piece(self) -> bytes:
        """What has come of the body since last time, filtered."""
        x = self._x
        request = x.request
        parts = request.parts
        if parts:
            request.parts = []
        data = b"" if not parts else parts[0] if len(parts) == 1 else b"".join(parts)
        if x.body is not None:
            data = x.body
        for stage_filter in x.request_filters:
            data = stage_filter.feed(data) if data else data
            if request.complete:
                data += stage_filter.end()
        return data

    def _frame(self, data: bytes, end: bool) -> bytes:
        framed = chunk(data) if data else b""
        if not end:
            return framed
        trailers = self._x.request.trailers
        if trailers:
            keep = self._forward.keep
            trailers = [field for field in trailers if keep[field[0]]]
        return framed + last_chunk(trailers)

    def _crash(self, error: Exception) -> None:
        self.cancel()
        self._forward.replies.crashed(self._x, error)

    def _fail(self, failure: Failure) -> None:
        self._judge(failure)
        self._channel = None
        self._x.attempt = None
        self._forward.replies.failed(self._x, failure)

    def _judge(self, failure: Failure | None, *, well: bool = False) -> None:
        """Tell the breaker, once. Only the service's own failures count."""
        ticket, self._ticket = self._ticket, REFUSED
        breaker = self._forward.service.breaker
        if ticket == REFUSED or breaker is None:
            return
        if well:
            breaker.success(ticket, monotonic())
        elif failure is not None and failure.side is Side.SERVICE:
            breaker.failure(ticket, monotonic(), timed_out=failure.status == 504)
        else:
            breaker.release(ticket, monotonic())

    def _let_go(self) -> None:
        self._x.attempt = None
        if self._waiting:
            self._waiting = False
            self._instance.pool.leave(self)
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.abandon()

    def __repr__(self) -> str:
        state = "waiting" if self._waiting else "calling"
        return f"<Attempt {self._forward.service.name} {self._instance.name} {state}>"
