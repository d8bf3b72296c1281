"""A client's HTTP/1.1 connection: bytes in, requests onto the road, replies out, one at a time and in order.

Theory. A `reader` records requests; when it has returned the connection acts. Requests whose head is complete wait in
its queue; the first becomes `_current` and is handed to the road. While it is being answered, what the client sends
belongs either to its body (goes on to the road) or to a later request (is held, unparsed, up to HELD bytes, so that
the end of the connection is still noticed). When the reply has ended, the connection goes on with the queue, then with
what it holds; or it closes, because the message said so, because the request was not read to its end, or because the
gateway is draining. What it waits for is its `phase`; what can be said of any client is in `client_side`.

A client that does not read gets no further reply: one that has ended while the transport was full is FLUSHed before
the next request begins, or pipelined requests would fill the memory with what nobody takes.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from portico.exchange.failure import REQUEST_TIMEOUT, Failure
from portico.exchange.fields import Field, render
from portico.exchange.reply import BODILESS, Reply
from portico.exchange.request import Request

from .client_side import ClientSide
from .phase import BODY, CLOSED, FLUSH, HEAD, IDLE, LINGER, REPLY, TUNNEL, Phase
from .reader import RequestReader
from .wire import STATUS_LINES, chunks

if TYPE_CHECKING:
    from portico.exchange.exchange import Exchange
    from portico.exchange.stream import Tunnel

    from .listener import Listener

SLICE = 8192  # bytes fed to the parser at once: a 256 KiB read can hold 10,000 pipelined requests


class Connection(ClientSide):
    """One client connection, and the `Stream` of its current exchange.

    An asyncio.Protocol in all but its bases: with none but ours it compiles to a class without a dictionary.
    """

    __slots__ = (
        "_advancing",
        "_chunked",
        "_close_after",
        "_close_delimited",
        "_current",
        "_reader",
        "_tunnel",
        "_x",
    )

    def __init__(self, listener: Listener, scheme: bytes) -> None:
        super().__init__(listener, scheme)
        # The connection's.
        self._reader = RequestReader(listener, scheme)
        self._advancing = False
        # The exchange's.
        self._current: Request | None = None
        self._x: Exchange | None = None
        self._tunnel: Tunnel | None = None
        self._close_after = False
        self._chunked = False
        self._close_delimited = False

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._listener.admit(self):
            self.phase = CLOSED
            self._reset()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._listener.forget(self)
        self._reader.close()
        if self._tunnel is not None:
            self._tunnel.client_lost()
            self._tunnel = None
        x, self._x, self._current = self._x, None, None
        if x is not None and not x.ended:
            self._listener.road.gone(x)

    def eof_received(self) -> bool:
        if self._tunnel is not None:
            self._tunnel.client_eof()
            return True
        # A client that has shut its side down while it waits is taken to be gone (docs/framing.md).
        return False

    def data_received(self, data: bytes) -> None:
        phase = self.phase
        if phase <= BODY:
            if len(data) <= SLICE:
                rest = self._reader.feed(data)
                if rest:
                    self._hold(rest)
                self._advance()
            else:
                self._feed_slices(data)
        elif phase in (REPLY, FLUSH):
            self._hold(data)
        elif phase == TUNNEL:
            self._tunnel.client_data(data)  # type: ignore[union-attr]
        elif phase == LINGER:
            self._throw_away(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._tunnel is not None:
            self._tunnel.client_full()
        elif self._x is not None:
            self._x.pause_reply()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._tunnel is not None:
            self._tunnel.client_drained()
        elif self._x is not None:
            self._x.resume_reply()
        elif self.phase == FLUSH:
            self._next()

    # -- feeding

    def _feed_slices(self, data: bytes) -> None:
        """Feed a long read piece by piece, and hold what belongs to requests behind the current one."""
        start, size = 0, len(data)
        while start < size:
            if self.phase > BODY:
                rest = data[start:]
                if self.phase != CLOSED:
                    self.data_received(rest)
                return
            request = self._reader.reading
            step = SLICE
            if request is not None and request.length is not None:
                # Inside a body of known length nothing but body can follow: no need for small steps.
                step = max(step, min(request.length - request.body_bytes, 65536))
            rest = self._reader.feed(data[start : start + step])
            start += step
            if rest:
                self._hold(rest)
            self._advance()

    # -- acting

    def _advance(self) -> None:
        """Act on what was recorded: pass body on, begin the next request, answer what cannot be read."""
        x = self._x
        if x is not None:
            if self.phase == BODY:
                self._pass_body(x)
            return
        if self._advancing:
            return
        self._advancing = True
        try:
            while True:
                if self._current is not None:
                    # What was held while another reply was pending comes before what will be received.
                    if self.phase != BODY or not self._held or self._x is None:
                        break
                    self._feed_held()
                    self._pass_body(self._x)
                elif self.phase > HEAD:
                    break
                elif self._reader.queue:
                    self._begin(self._reader.queue.popleft())
                elif self._reader.failure is not None:
                    self._refuse(self._reader.failure)
                elif self._held:
                    self._feed_held()
                else:
                    break
        finally:
            self._advancing = False
        if self._x is not None:
            if self.phase == BODY:
                self._pass_body(self._x)
        elif self._reader.reading is not None and self.phase == IDLE:
            self.phase = HEAD
            self.deadline = 0.0

    def _feed_held(self) -> None:
        held = self._take_held()
        rest = self._reader.feed(held[:SLICE])
        self._hold(rest + held[SLICE:])

    def _turn_to(self, request: Request, now: float) -> None:
        self._current = request
        self._close_after = not request.keep_alive or self._listener.draining
        self._chunked = self._close_delimited = False
        if request.complete:
            self.phase = REPLY
        else:
            self.phase = BODY
            self.deadline = now + self._listener.body_s

    def _begin(self, request: Request) -> None:
        now = monotonic()
        self._turn_to(request, now)
        if request.refusal is None:
            x = self._listener.road.begin(self, request, now)
        else:
            x = self._listener.road.refuse(self, request, request.refusal, now)
        if self._current is request:  # else the reply has ended already
            self._x = x
            if self._full:
                x.pause_reply()  # an interim reply was one too many

    def _refuse(self, failure: Failure) -> None:
        """Answer bytes that never became a request; the connection ends with that."""
        self._reader.failure = None
        request = self._reader.reading or Request()
        request.keep_alive = False
        request.refusal = failure
        self._begin(request)

    def _pass_body(self, x: Exchange) -> None:
        """Tell the road of new pieces of the body, or that no more can be had."""
        request = x.request
        if request.complete:
            self.phase = REPLY
            self._listener.road.body(x)
        elif self._reader.failure is not None and self._reader.reading is request:
            self._close_after = True
            self._listener.road.broken(x, self._reader.failure)
        elif request.parts:
            self.deadline = monotonic() + self._listener.body_s
            self._listener.road.body(x)

    # -- the stream of the current exchange

    def send_interim(self, status: int, fields: list[Field]) -> None:
        # RFC 9110 section 15.2: never to an HTTP/1.0 client.
        if self._current is not None and self._current.version == b"1.1":
            self._transport.write(b"%b%b\r\n" % (STATUS_LINES[status], render(fields)))

    def send_head(self, reply: Reply, data: bytes, end: bool, trailers: list[Field]) -> None:
        request = self._current
        if request is None:
            return
        status = reply.status
        failure = reply.failure
        if not request.complete or (failure is not None and failure.close):
            self._close_after = True
        length = reply.length
        framing = b""
        if request.method == b"HEAD" or status in BODILESS:
            if length is not None and status >= 200 and status != 204:
                framing = b"content-length: %d\r\n" % length
            data = b""
            end = True
        elif length is not None:
            framing = b"content-length: %d\r\n" % length
        elif end and not trailers:
            framing = b"content-length: %d\r\n" % len(data)
        elif request.version == b"1.1":
            framing = b"transfer-encoding: chunked\r\n"
            self._chunked = True
            data = chunks(data, end, trailers)
        else:
            self._close_delimited = self._close_after = True
        if self._close_after:
            framing += b"connection: close\r\n"
        elif request.version == b"1.0":
            framing += b"connection: keep-alive\r\n"
        self._transport.write(
            b"".join(
                (
                    STATUS_LINES[status],
                    render(reply.fields),
                    reply.lines,
                    reply.constant.lines,
                    framing,
                    b"\r\n",
                    data,
                )
            )
        )
        if end:
            self._reply_ended(request)

    def send_data(self, data: bytes, end: bool, trailers: list[Field]) -> None:
        request = self._current
        if request is None:
            return
        if self._chunked:
            data = chunks(data, end, trailers)
        if data:
            self._transport.write(data)
        if end:
            self._reply_ended(request)

    def _reply_ended(self, request: Request) -> None:
        self._x = self._current = None
        if self._close_after:
            if request.complete and not self._held:
                self._close()
            else:
                self._linger()
            return
        if self._road_is_full:
            self.resume_request()
        if self._full:
            self.phase = FLUSH
            self._watch_unsent()
        else:
            self._next()

    def _next(self) -> None:
        """The reply is over: on to the next request."""
        if self._close_after:
            self._close()
            return
        self.phase = HEAD if self._reader.reading is not None else IDLE
        self.deadline = 0.0
        if self._reader.queue or self._held or self._reader.failure is not None:
            self._advance()

    def abort(self) -> None:
        self.phase = CLOSED
        self._x = self._current = None
        if self._close_delimited:
            # Only a reset tells the client that a body which ends with the connection was not whole.
            self._reset()
        else:
            self._close()

    def open_tunnel(self, reply: Reply, tunnel: Tunnel) -> tuple[asyncio.Transport, bytes]:
        self._transport.write(
            b"".join((STATUS_LINES[101], render(reply.fields), reply.lines, reply.constant.lines, b"\r\n"))
        )
        self._tunnel = tunnel
        self.phase = TUNNEL
        self.deadline = 0.0
        return self._transport, self._take_held()

    # -- time and shutdown, for the listener

    def expire(self) -> None:
        if self.phase == HEAD and self._reader.reading is not None:
            self._reader.fail(REQUEST_TIMEOUT)
            self._advance()
        elif self.phase == BODY and self._x is not None:
            request = self._x.request
            if request.expects_continue and not request.body_bytes:
                self.deadline = 0.0  # nobody has told it to go on
                return
            self._reader.fail(REQUEST_TIMEOUT)
            self._pass_body(self._x)
        else:
            super().expire()

    def close_when_idle(self) -> None:
        """Draining: close now if nothing is under way, else after the reply."""
        self._close_after = True
        if self.phase == IDLE or (self.phase == HEAD and self._reader.reading is None):
            self._close()

    def __repr__(self) -> str:
        return f"<Connection {self.peer.decode('latin-1')} {Phase(self.phase).name} {len(self._held)} bytes held>"
