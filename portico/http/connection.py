"""A client's HTTP/1.1 connection: bytes in, requests onto the road, replies out, one at a time and in order.

Theory. A `reader` records requests; when it has returned the connection acts. Requests whose head
is complete wait in its queue; the first becomes `_current` and is handed to the road. While it is being answered,
what the client sends belongs either to its body (goes on to the road) or to a later request (is held, unparsed,
up to HELD bytes, so that the end of the connection is still noticed). When the reply has ended, the connection
goes on with the queue, then with what it holds; or it closes, because the message said so, because the request
was not read to its end, or because the gateway is draining.

  phase     waits for                      patience
  IDLE      the first byte of a request    timeouts.keep_alive
  HEAD      the end of a head              timeouts.header, from its first byte
  BODY      more of the request's body     timeouts.body, from the last piece
  REPLY     the road                       the exchange's own deadline
  FLUSH     the client to read its reply   timeouts.body, as long as it reads nothing
  LINGER    the client to notice the end   LINGER_S, LINGER_BYTES
  TUNNEL    nothing: the bytes are another protocol's
  CLOSED    what is written to be sent     timeouts.body, as long as the client reads nothing

Lingering: a reply that ends before its request is followed by reading and throwing away, because closing at once
would make the kernel reset the connection and the client lose the reply (RFC 9112 section 9.6).

A client that does not read gets no further reply: one that has ended while the transport was full is FLUSHed before
the next request begins, or pipelined requests would fill the memory with what nobody takes.
"""

from __future__ import annotations

import asyncio
import enum
from time import monotonic
from typing import TYPE_CHECKING, cast

from portico.exchange.failure import REQUEST_TIMEOUT, Failure
from portico.exchange.fields import Field, render
from portico.exchange.reply import BODILESS, Reply
from portico.exchange.request import Request

from .forwarded import from_trusted, lines_for
from .reader import RequestReader
from .unsent import READ_BYTES, reset, unsent_bytes
from .wire import STATUS_LINES, chunk, last_chunk

if TYPE_CHECKING:
    from portico.exchange.exchange import Exchange
    from portico.exchange.stream import Tunnel

    from .listener import Listener

SLICE = 8192  # bytes fed to the parser at once: a 256 KiB read can hold 10,000 pipelined requests
HELD = 65536  # bytes of later requests held while a reply is pending; beyond that the client is not read
LINGER_S = 2.0
LINGER_BYTES = 1 << 20
WRITE_BUFFER = (
    1  # bytes that wait here, once the kernel takes no more: a client with any at all is a slow reader
)


class Phase(enum.IntEnum):
    """What the connection waits for."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    REPLY = 3
    FLUSH = 4
    LINGER = 5
    TUNNEL = 6
    CLOSED = 7


# Plain numbers for the path of every request: a member of an Enum costs more to name than to compare.
_IDLE, _HEAD, _BODY, _REPLY = int(Phase.IDLE), int(Phase.HEAD), int(Phase.BODY), int(Phase.REPLY)
_FLUSH, _LINGER, _TUNNEL, _CLOSED = int(Phase.FLUSH), int(Phase.LINGER), int(Phase.TUNNEL), int(Phase.CLOSED)


class Connection:
    """One client connection, and the `Stream` of its current exchange.

    An asyncio.Protocol in all but its bases: as a class of its own it compiles to one without a dictionary.
    """

    __slots__ = (
        "_advancing",
        "_chunked",
        "_close_after",
        "_close_delimited",
        "_current",
        "_discarded",
        "_full",
        "_held",
        "_listener",
        "_port",
        "_reader",
        "_reserved",
        "_road_is_full",
        "_scheme",
        "_transport",
        "_tunnel",
        "_unsent",
        "_x",
        "deadline",
        "forwarded_for",
        "forwarded_lines",
        "peer",
        "phase",
        "trusted",
    )

    def __init__(self, listener: Listener, scheme: bytes) -> None:
        # The connection's.
        self._listener = listener
        self._scheme = scheme
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self._reader = RequestReader(listener, scheme)
        self._port = b""
        self.peer = b""
        self.trusted = False  # the peer is a trusted proxy
        self.forwarded_for: bytes | None = None  # the authority that `forwarded_lines` was rendered for
        self.forwarded_lines = b""
        self.phase = _HEAD  # a connection that never speaks gets the patience of a slow head
        self.deadline = 0.0  # 0: the next sweep starts the clock
        self._held = b""
        self._reserved = 0  # bytes of the memory budget that `_held` has
        self._discarded = 0  # bytes thrown away while lingering
        self._advancing = False
        self._road_is_full = False
        self._full = False  # the client does not read what it is sent
        self._unsent = 0  # bytes that waited for it when somebody last looked
        # The exchange's.
        self._current: Request | None = None
        self._x: Exchange | None = None
        self._tunnel: Tunnel | None = None
        self._close_after = False
        self._chunked = False
        self._close_delimited = False

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            # A v4 client of a dual-stack socket is shown as itself (RFC 4291 section 2.5.5.2), without a zone.
            self.peer = peer[0].removeprefix("::ffff:").partition("%")[0].encode()
            self._port = b"%d" % transport.get_extra_info("sockname")[1]
        if not self._listener.admit(self):
            self.phase = _CLOSED
            self._reset()

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = _CLOSED
        self._listener.forget(self)
        if self._full:
            self._listener.slow_readers.remove(self._transport)
        self._reader.close()
        self._take_held()
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
        if phase <= _BODY:
            if len(data) <= SLICE:
                rest = self._reader.feed(data)
                if rest:
                    self._hold(rest)
                self._advance()
            else:
                self._feed_slices(data)
        elif phase in (_REPLY, _FLUSH):
            self._hold(data)
        elif phase == _TUNNEL:
            self._tunnel.client_data(data)  # type: ignore[union-attr]
        elif phase == _LINGER:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self._close()

    def pause_writing(self) -> None:
        self._full = True
        self._unsent = unsent_bytes(self._transport)
        # Beside what TLS has not taken, its transport holds up to two reads, of which it does not tell.
        most = READ_BYTES if self._scheme == b"http" else 3 * READ_BYTES
        self._listener.slow_readers.add(self._transport, max(most, self._transport.get_write_buffer_size()))
        if self._tunnel is not None:
            self._tunnel.client_full()
        elif self._x is not None:
            self._x.pause_reply()

    def resume_writing(self) -> None:
        self._full = False
        self._listener.slow_readers.remove(self._transport)
        if self._tunnel is not None:
            self._tunnel.client_drained()
        elif self._x is not None:
            self._x.resume_reply()
        elif self.phase == _FLUSH:
            self._next()

    # -- feeding

    def _feed_slices(self, data: bytes) -> None:
        """Feed a long read piece by piece, and hold what belongs to requests behind the current one."""
        start, size = 0, len(data)
        while start < size:
            if self.phase > _BODY:
                rest = data[start:]
                if self.phase != _CLOSED:
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
            if self.phase == _BODY:
                self._pass_body(x)
            return
        if self._advancing:
            return
        self._advancing = True
        try:
            while True:
                if self._current is not None:
                    # What was held while another reply was pending comes before what will be received.
                    if self.phase != _BODY or not self._held or self._x is None:
                        break
                    self._feed_held()
                    self._pass_body(self._x)
                elif self.phase > _HEAD:
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
            if self.phase == _BODY:
                self._pass_body(self._x)
        elif self._reader.reading is not None and self.phase == _IDLE:
            self.phase = _HEAD
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
            self.phase = _REPLY
        else:
            self.phase = _BODY
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
            self.phase = _REPLY
            self._listener.road.body(x)
        elif self._reader.failure is not None and self._reader.reading is request:
            self._close_after = True
            self._listener.road.broken(x, self._reader.failure)
        elif request.parts:
            self.deadline = monotonic() + self._listener.body_s
            self._listener.road.body(x)

    def _hold(self, data: bytes) -> None:
        """Keep bytes of later requests, within the bound and the worker's memory budget."""
        if not data:
            return
        self._held += data
        if self._listener.memory.take(len(data)):
            self._reserved += len(data)
            if len(self._held) <= HELD:
                return
        self._transport.pause_reading()

    def _take_held(self) -> bytes:
        held, self._held = self._held, b""
        if held:
            self._listener.memory.give(self._reserved)
            self._reserved = 0
            if not self._road_is_full and self.phase != _CLOSED:
                self._transport.resume_reading()
        return held

    # -- the stream of the current exchange

    def forwarded(self, request: Request) -> tuple[bytes, bytes]:
        if self.trusted:
            return from_trusted(self.peer, request, self._scheme, self._port, self._listener.trusted)
        if self.forwarded_for != request.authority:
            self.forwarded_for = request.authority
            self.forwarded_lines = lines_for(
                self.peer, self.peer, self._scheme, request.authority, self._port
            )
        return self.peer, self.forwarded_lines

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
            data = self._as_chunks(data, end, trailers)
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
            data = self._as_chunks(data, end, trailers)
        if data:
            self._transport.write(data)
        if end:
            self._reply_ended(request)

    @staticmethod
    def _as_chunks(data: bytes, end: bool, trailers: list[Field]) -> bytes:
        if not end:
            return chunk(data) if data else b""
        return chunk(data) + last_chunk(trailers) if data else last_chunk(trailers)

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
            self.phase = _FLUSH
            self._watch_unsent()
        else:
            self._next()

    def _next(self) -> None:
        """The reply is over: on to the next request."""
        if self._close_after:
            self._close()
            return
        self.phase = _HEAD if self._reader.reading is not None else _IDLE
        self.deadline = 0.0
        if self._reader.queue or self._held or self._reader.failure is not None:
            self._advance()

    def _linger(self) -> None:
        self.phase = _LINGER
        self.deadline = 0.0
        self._take_held()
        if self._road_is_full:
            self.resume_request()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def abort(self) -> None:
        self.phase = _CLOSED
        self._x = self._current = None
        if self._close_delimited:
            # Only a reset tells the client that a body which ends with the connection was not whole.
            self._reset()
        else:
            self._close()

    def _close(self) -> None:
        """Close after what is written; `expire` sees to it that this comes to an end."""
        self.phase = _CLOSED
        self._watch_unsent()
        self._transport.close()

    def _watch_unsent(self) -> None:
        self._unsent = unsent_bytes(self._transport)
        self.deadline = 0.0

    def is_read(self) -> bool:
        before, self._unsent = self._unsent, unsent_bytes(self._transport)
        return self._unsent < before

    def _reset(self) -> None:
        reset(self._transport)

    def pause_request(self) -> None:
        if not self._road_is_full:
            self._road_is_full = True
            self.deadline = float("inf")
            self._transport.pause_reading()

    def resume_request(self) -> None:
        if self._road_is_full:
            self._road_is_full = False
            self.deadline = 0.0
            self._transport.resume_reading()

    def open_tunnel(self, reply: Reply, tunnel: Tunnel) -> tuple[asyncio.Transport, bytes]:
        self._transport.write(
            b"".join((STATUS_LINES[101], render(reply.fields), reply.lines, reply.constant.lines, b"\r\n"))
        )
        self._tunnel = tunnel
        self.phase = _TUNNEL
        self.deadline = 0.0
        return self._transport, self._take_held()

    # -- time and shutdown, for the listener

    def expire(self) -> None:
        """The deadline of the phase has passed."""
        if self.phase == _HEAD and self._reader.reading is not None:
            self._reader.fail(REQUEST_TIMEOUT)
            self._advance()
        elif self.phase == _BODY and self._x is not None:
            request = self._x.request
            if request.expects_continue and not request.body_bytes:
                self.deadline = 0.0  # nobody has told it to go on
                return
            self._reader.fail(REQUEST_TIMEOUT)
            self._pass_body(self._x)
        elif self.phase in (_FLUSH, _CLOSED):
            if self.is_read():
                self.deadline = 0.0  # slow, but it reads
            else:
                self._reset()
        elif self.phase != _TUNNEL or self._transport.is_closing():
            self._close()
        else:
            self.deadline = 0.0  # a tunnel may be silent; only its end is watched

    def close_when_idle(self) -> None:
        """Draining: close now if nothing is under way, else after the reply."""
        self._close_after = True
        if self.phase == _IDLE or (self.phase == _HEAD and self._reader.reading is None):
            self._close()

    def close(self) -> None:
        """Break off."""
        self._transport.abort()

    def __repr__(self) -> str:
        return f"<Connection {self.peer.decode('latin-1')} {Phase(self.phase).name} {len(self._held)} bytes held>"
