"""The client's side of a connection, whatever is said on it: who it is, what it is kept waiting with, how it is left.

Bytes that come too early are held, within a bound and the worker's memory budget. How far the client has read what it
was sent is watched: who is slow is waited for, who takes nothing is reset.

Lingering: a reply that ends before its request is followed by reading and throwing away, because closing at once
would make the kernel reset the connection and the client lose the reply (RFC 9112 section 9.6).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from portico.exchange.request import Request

from .forwarded import from_trusted, lines_for
from .phase import CLOSED, FLUSH, HEAD, LINGER, TUNNEL
from .unsent import READ_BYTES, reset, unsent_bytes

if TYPE_CHECKING:
    from .listener import Listener

HELD = 65536  # bytes of later requests held while a reply is pending; beyond that the client is not read
LINGER_S = 2.0
LINGER_BYTES = 1 << 20
# Bytes that wait here, once the kernel takes no more: a client with any at all is a slow reader.
WRITE_BUFFER = 1


class ClientSide:
    """What a connection knows of its client. The listener's sweep reads `phase` and `deadline` (monotonic seconds)."""

    __slots__ = (
        "_discarded",
        "_full",
        "_held",
        "_listener",
        "_port",
        "_reserved",
        "_road_is_full",
        "_scheme",
        "_transport",
        "_unsent",
        "deadline",
        "forwarded_for",
        "forwarded_lines",
        "peer",
        "phase",
        "trusted",
    )

    def __init__(self, listener: Listener, scheme: bytes) -> None:
        self._listener = listener
        self._scheme = scheme
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self._port = b""
        self.peer = b""
        self.trusted = False  # the peer is a trusted proxy
        self.forwarded_for: bytes | None = None  # the authority that `forwarded_lines` was rendered for
        self.forwarded_lines = b""
        self.phase = HEAD  # a connection that never speaks gets the patience of a slow head
        self.deadline = 0.0  # 0: the next sweep starts the clock
        self._held = b""
        self._reserved = 0  # bytes of the memory budget that `_held` has
        self._discarded = 0  # bytes thrown away while lingering
        self._road_is_full = False
        self._full = False  # the client does not read what it is sent
        self._unsent = 0  # bytes that waited for it when somebody last looked

    # -- who it is

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            # A v4 client of a dual-stack socket is shown as itself (RFC 4291 section 2.5.5.2), without a zone.
            self.peer = peer[0].removeprefix("::ffff:").partition("%")[0].encode()
            self._port = b"%d" % transport.get_extra_info("sockname")[1]

    def forwarded(self, request: Request) -> tuple[bytes, bytes]:
        if self.trusted:
            return from_trusted(self.peer, request, self._scheme, self._port, self._listener.trusted)
        if self.forwarded_for != request.authority:
            self.forwarded_for = request.authority
            self.forwarded_lines = lines_for(
                self.peer, self.peer, self._scheme, request.authority, self._port
            )
        return self.peer, self.forwarded_lines

    # -- what it sends

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
            if not self._road_is_full and self.phase != CLOSED:
                self._transport.resume_reading()
        return held

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

    # -- what it reads

    def pause_writing(self) -> None:
        self._full = True
        self._unsent = unsent_bytes(self._transport)
        # Beside what TLS has not taken, its transport holds up to two reads, of which it does not tell.
        most = READ_BYTES if self._scheme == b"http" else 3 * READ_BYTES
        self._listener.slow_readers.add(self._transport, max(most, self._transport.get_write_buffer_size()))

    def resume_writing(self) -> None:
        self._full = False
        self._listener.slow_readers.remove(self._transport)

    def _watch_unsent(self) -> None:
        self._unsent = unsent_bytes(self._transport)
        self.deadline = 0.0

    def is_read(self) -> bool:
        before, self._unsent = self._unsent, unsent_bytes(self._transport)
        return self._unsent < before

    # -- how it is left

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = CLOSED
        if self._full:
            self._listener.slow_readers.remove(self._transport)
        self._take_held()

    def expire(self) -> None:
        """The deadline of the phase has passed."""
        if self.phase in (FLUSH, CLOSED):
            if self.is_read():
                self.deadline = 0.0  # slow, but it reads
            else:
                self._reset()
        elif self.phase != TUNNEL or self._transport.is_closing():
            self._close()
        else:
            self.deadline = 0.0  # a tunnel may be silent; only its end is watched

    def _linger(self) -> None:
        self.phase = LINGER
        self.deadline = 0.0
        self._take_held()
        if self._road_is_full:
            self.resume_request()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _throw_away(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > LINGER_BYTES:
            self._close()

    def _close(self) -> None:
        """Close after what is written; `expire` sees to it that this comes to an end."""
        self.phase = CLOSED
        self._watch_unsent()
        self._transport.close()

    def _reset(self) -> None:
        reset(self._transport)

    def close(self) -> None:
        """Break off."""
        self._transport.abort()
