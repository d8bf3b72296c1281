"""One call to a service: a connection, the request, the reply.

An instance that cannot be reached is passed over. Every call is judged by the breaker exactly once: by the status of
its reply, by its failure, or not at all when the client gave it up.

A kept-alive connection may close under a request (RFC 9112 section 9.3.1). When that happens before any byte of
the reply, on a connection that had been used before, an idempotent request whose body is still at hand goes out
once more on another one; anything else fails, since the service may have acted.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from portico.exchange.exchange import Exchange
from portico.exchange.failure import (
    BAD_REPLY,
    DEADLINE_PASSED,
    POOL_EXHAUSTED,
    REPLY_TIMEOUT,
    Failure,
    Side,
)
from portico.exchange.fields import Field
from portico.exchange.reply import Reply
from portico.exchange.request import Request
from portico.http.channel import Channel
from portico.http.tunnel import Tunnel
from portico.http.wire import chunks
from portico.rules import REFUSED, Breaker

from .instance import Instance

if TYPE_CHECKING:
    from .forward import Forward

REPLAY_BYTES = 65536  # a body up to this size is kept until the reply begins
# RFC 9110 section 9.2.2. QUERY: RFC 10008.
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"QUERY", b"PROPFIND", b"REPORT"})


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
        whole = self._replay if complete else None
        if whole is None and not x.request_filters:
            whole = x.body
        head = self._forward.head(x, self._instance, framing, complete, whole)
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
        trailers = self._x.request.trailers
        if trailers:
            keep = self._forward.keep
            trailers = [field for field in trailers if keep[field[0]]]
        return chunks(data, end, trailers)

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


def _not_agreed(request: Request, reply: Reply) -> str:
    """Why a 101 opens no tunnel: a client believes it only if it names what was asked for (RFC 9110 section 7.8), and
    without `Connection: upgrade` the parser takes what follows for another reply."""
    if not request.upgrade:
        return "a 101 that nobody asked for"
    protocol = (reply.header(b"upgrade") or b"").strip().lower()
    if protocol != request.upgrade or b"upgrade" not in reply.options:
        return "a 101 that does not say to what"
    return ""
