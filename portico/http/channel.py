"""One HTTP/1.1 connection to a service: sends a request, reads its reply, goes back to the pool.

Like the client's connection, parser callbacks only record, and the channel acts when `feed_data` has returned.
What the parser lets through and we refuse of a reply (docs/framing.md): codings other than one `chunked`, chunked
in HTTP/1.0, other protocols and versions, statuses outside 100 to 599, heads and interim replies without end. A reply
to HEAD ends at its head whatever its Content-Length says, which the parser does not know: it is thrown away with
what it believes. A body that ends with the connection is complete only if the connection ends in order.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

import httptools

from portico.exchange.failure import BAD_REPLY, CONNECTION_RESET
from portico.exchange.fields import Field, tokens
from portico.exchange.reply import BODILESS, Reply

from .reply_head import (
    CODING,
    CONNECTION,
    DATE,
    FIELDS,
    HEAD_BYTES,
    INTERIMS,
    LENGTH,
    NAMES,
    announces_body,
    patience_s,
)
from .tls import ended_in_order
from .wire import empty_line_end

if TYPE_CHECKING:
    from .caller import Caller
    from .pool import Pool
    from .tunnel import Tunnel


class Channel:
    """A connection to one instance. `uses` counts the requests it has carried.

    An asyncio.Protocol in all but its bases: as a class of its own it compiles to one without a dictionary.
    """

    __slots__ = (
        "_complete",
        "_delivered",
        "_fields",
        "_head_only",
        "_head_wire",
        "_interims",
        "_keep_alive_s",
        "_keeps",
        "_parser",
        "_parts",
        "_plain",
        "_pool",
        "_reply",
        "_request_done",
        "_seen",
        "_special",
        "_surplus",
        "_tail",
        "_trailers",
        "_transport",
        "_trouble",
        "_tunnel",
        "caller",
        "closed",
        "expires",
        "uses",
    )

    def __init__(self, pool: Pool) -> None:
        # The connection's.
        self._pool = pool
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self._parser: httptools.HttpResponseParser | None = None
        self._tunnel: Tunnel | None = None
        self._keep_alive_s = pool.idle_s
        self.closed = False
        self.expires = 0.0  # when the pool gives it up, while it is idle
        self.uses = 0
        # The exchange's.
        self.caller: Caller | None = None
        self._head_only = False  # the request was HEAD
        self._request_done = False
        self._seen = False  # any byte of the reply
        self._plain = False  # the next head is known to be HTTP/1.1
        self._head_wire = 0
        self._interims = 0
        # What the parser has recorded.
        self._fields: list[Field] = []
        self._special: list[tuple[int, bytes]] = []  # (kind, value) of those that say how the reply ends
        self._reply: Reply | None = None
        self._delivered = False
        self._parts: list[bytes] = []
        self._trailers: list[Field] = []
        self._complete = False
        self._keeps = True
        self._surplus = False
        self._trouble = ""
        self._tail = b""  # of a reply to HEAD: the last bytes received

    # -- the caller's side

    def send(self, caller: Caller, head: bytes, end: bool, head_only: bool) -> None:
        """Begin an exchange: `head` is the whole head with what there is of the body, `end` if that is all."""
        self.caller = caller
        self.uses += 1
        self._head_only = head_only
        self._request_done = end
        self._seen = self._delivered = self._complete = self._surplus = False
        self._keeps = True
        self._head_wire = self._interims = 0
        self._tail = b""
        self._transport.write(head)

    def send_body(self, data: bytes, end: bool) -> None:
        """More of the request's body, framed."""
        if data:
            self._transport.write(data)
        if end:
            self._request_done = True

    def pause(self) -> None:
        """Stop reading the reply."""
        if not self.closed:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self.closed:
            self._transport.resume_reading()

    def abandon(self) -> None:
        """The caller is no longer interested: nothing else can use what is half read."""
        self.caller = None
        self._close()

    def become_tunnel(self, tunnel: Tunnel) -> None:
        """After `on_switch`: the bytes belong to `tunnel` from now on."""
        self._tunnel = tunnel

    @property
    def transport(self) -> asyncio.Transport:
        """For a tunnel."""
        return self._transport

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._parser = None  # it holds our bound methods: without this every channel is a cycle for gc
        self._pool.lost(self)
        if self._tunnel is not None:
            self._tunnel.service_lost()
            self._tunnel = None
            return
        caller, self.caller = self.caller, None
        if caller is None:
            return
        reply = self._reply
        if exc is None and reply is not None and reply.close_delimited and ended_in_order(self._transport):
            caller.on_data(b"", True, [], monotonic())
        else:
            caller.on_broken(CONNECTION_RESET.because(str(exc or "closed")), not self._seen)

    def eof_received(self) -> bool:
        if self._tunnel is not None:
            self._tunnel.service_eof()
            return self._transport.can_write_eof()
        if self.caller is None:
            self.closed = True  # before `connection_lost` is called, a request could still be given to it
        return False

    def pause_writing(self) -> None:
        if self._tunnel is not None:
            self._tunnel.service_full()
        elif self.caller is not None:
            self.caller.on_full()

    def resume_writing(self) -> None:
        if self._tunnel is not None:
            self._tunnel.service_drained()
        elif self.caller is not None:
            self.caller.on_drained()

    def data_received(self, data: bytes) -> None:
        if self.caller is None:
            self._unasked(data)
            return
        if not self._seen:
            self._seen = True
            self._plain = data.startswith(b"HTTP/1.1 ")
            if not self._plain and data[:1] != b"H":
                self._trouble = "another protocol"  # the parser takes RTSP and ICE, too, and does not tell
        rest = b""
        try:
            if self._head_only:
                self._feed_heads(data)
            else:
                self._parser.feed_data(data)  # type: ignore[union-attr]
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            # An error behind a complete reply is surplus: it costs the connection, not the reply.
            if self._complete:
                self._surplus = True
            elif not self._trouble:
                self._trouble = str(error)
        reply = self._reply
        if not self._complete:
            # Bytes that are no body: of a head, of chunk heads and their extensions, of trailers.
            self._head_wire = 0 if self._parts else self._head_wire + len(data)
            if self._head_wire > HEAD_BYTES and not self._trouble:
                self._trouble = "a head without end" if reply is None else "framing without end"
        if self._trouble:
            self._give_up()
        elif reply is not None:
            self._hand_on(reply, rest)

    def _feed_heads(self, data: bytes) -> None:
        """Of a reply to HEAD the parser gets heads only, one by one: what it makes of bytes behind the last tells
        nothing, since it waits for a body there (to it `5 CRLF` is the head of a chunk)."""
        start = 0
        while start < len(data):
            if self._complete:
                self._surplus = True
                return
            end = empty_line_end(self._tail, data, start)
            piece = data[start:end]
            self._tail = (self._tail + piece)[-3:]
            self._parser.feed_data(piece)  # type: ignore[union-attr]
            start = end

    def _unasked(self, data: bytes) -> None:
        """Bytes that are no reply: a tunnel's, or nobody's, which must not become the next caller's reply."""
        if self._tunnel is not None:
            self._tunnel.service_data(data)
        else:
            self._close()

    # -- parsing: callbacks record

    def on_message_begin(self) -> None:
        if self._complete:
            self._surplus = True
        self._fields = []
        if self._special:
            self._special = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._complete:
            return  # a second reply's, which nobody asked for
        raw, value = value, value.rstrip(b" \t")  # no part of it (RFC 9110 section 5.5), and llhttp leaves it
        if self._reply is not None:
            if len(self._trailers) >= FIELDS:
                self._trouble = "too many trailers"
                raise ValueError(self._trouble)  # stops the parser
            known, kind = NAMES[name]
            if kind:
                # The parser heeds Connection and codings here, too, and would read no next reply.
                self._keeps = False
            self._trailers.append((known, value))
            return
        known, kind = NAMES[name]
        self._fields.append((known, value))
        if kind:
            self._special.append((kind, value))
            if kind == CODING and b"\t" in raw:
                self._trouble = "a tab in Transfer-Encoding"  # which keeps the parser from seeing `chunked`

    def on_headers_complete(self) -> None:
        if self._complete or self._trouble:
            return
        parser: httptools.HttpResponseParser = self._parser  # type: ignore[assignment]
        status = parser.get_status_code()
        version = "1.1"
        if self._plain:
            self._plain = False  # known of the first head only
        else:
            version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._trouble = f"version {version}"
        elif status > 599 or status < 100:
            self._trouble = f"status {status}"
        elif len(self._fields) > FIELDS:
            self._trouble = "too many fields"
        elif status < 200 and status != 101:
            self._interims += 1
            if self._interims > INTERIMS:
                self._trouble = "interim replies without end"
            elif announces_body(self._fields):
                # RFC 9110 section 15.2: it has none. The parser reads one, which would stand in the final reply.
                self._trouble = "an interim reply with a body"
            elif self.caller is not None:
                self.caller.on_interim(status, self._fields)
        else:
            self._take_head(status, version, parser.should_keep_alive())

    def _take_head(self, status: int, version: str, keep_alive: bool) -> None:
        """The final head: settle how its body ends (RFC 9112 section 6.3)."""
        fields = self._fields
        reply = Reply(status, fields)
        reply.from_service = True
        chunked = False
        for kind, value in self._special:
            if kind == LENGTH:
                reply.length = int(value)  # the parser has refused anything but one run of digits
            elif kind == CONNECTION:
                if value != b"keep-alive":
                    reply.options += tuple(tokens(value))
            elif kind == CODING:
                if chunked or value.strip().lower() != b"chunked" or version == "1.0":
                    self._trouble = "a transfer coding other than chunked"
                    return
                chunked = True
            elif kind == DATE:
                reply.dated = True
            else:
                self._keep_alive_s = patience_s(value, self._pool.idle_s)
        if self._head_only:
            self._complete = status != 101
            if reply.length is None and not chunked:
                # The parser takes it for a reply whose body ends with the connection.
                keep_alive = version == "1.1" and b"close" not in reply.options
        elif not chunked and reply.length is None and status not in BODILESS:
            reply.close_delimited = True
            keep_alive = False
        self._keeps = keep_alive
        self._reply = reply

    def on_body(self, data: bytes) -> None:
        if self._complete:
            self._surplus = True
        else:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        if self._reply is not None:
            self._complete = True

    # -- acting

    def _hand_on(self, reply: Reply, rest: bytes) -> None:
        """Pass on what was recorded. With the end the channel is given back first: the caller's next request may
        take this very connection."""
        caller: Caller = self.caller  # type: ignore[assignment]
        if reply.status == 101:
            self.caller = None
            self._forget_reply()
            caller.on_switch(reply, rest)
            return
        parts = self._parts
        data = b"" if not parts else parts[0] if len(parts) == 1 else b"".join(parts)
        end = self._complete
        first = not self._delivered
        trailers = self._trailers
        now = monotonic()
        if end:
            self._finish(now)
        else:
            self._delivered = True
            self._parts = []
        if first:
            caller.on_reply(reply, data, end, trailers, now)
        elif data or end:
            caller.on_data(data, end, trailers, now)

    def _give_up(self) -> None:
        """The reply cannot be trusted."""
        caller: Caller = self.caller  # type: ignore[assignment]
        trouble, self._trouble = self._trouble, ""
        self.caller = None
        self._forget_reply()
        self._close()
        caller.on_broken(BAD_REPLY.because(trouble), False)

    def _finish(self, now: float) -> None:
        self.caller = None
        self._forget_reply()
        if not self._keeps or self._surplus or not self._request_done or self.closed:
            self._close()
            return
        if self._head_only:
            # The parser may still wait for a body that a reply to HEAD does not have.
            self._parser = httptools.HttpResponseParser(self)
        self._pool.release(self, now + self._keep_alive_s)

    def _forget_reply(self) -> None:
        self._reply = None
        if self._parts:
            self._parts = []
        if self._trailers:
            self._trailers = []

    def _close(self) -> None:
        self.closed = True
        self._transport.abort()

    def close(self) -> None:
        """Close an idle channel in order."""
        self.closed = True
        self._transport.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "busy" if self.caller is not None else "idle"
        return f"<Channel {self._pool.address} {state}, {self.uses} requests>"
