"""The two faces between bytes and the road: what the road asks of a client's stream, and a stream of the road.

An exchange speaks to a `Stream`, never to a transport, so that HTTP/2 can come as another kind of stream
(design decision 4). Back-pressure is per stream: `pause_request` and `Exchange.pause_reply` are its two halves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .fields import Field

if TYPE_CHECKING:
    import asyncio

    from .exchange import Exchange
    from .failure import Failure
    from .reply import Reply
    from .request import Request


class Stream(Protocol):
    """One request-reply pair on the client's side. All methods return at once and never raise."""

    peer: bytes  # the address at the other end, b"" on a Unix socket
    scheme: bytes  # b"http" or b"https"
    port: bytes  # the local port, b"" on a Unix socket

    def send_interim(self, status: int, fields: list[Field]) -> None:
        """A 1xx reply (RFC 9110 section 15.2), dropped for a client that would not understand it."""

    def send_head(self, reply: Reply, data: bytes, end: bool) -> None:
        """The final head with what is there of the body; `end` when that is all of it."""

    def send_data(self, data: bytes, end: bool, trailers: list[Field]) -> None:
        """More of the body; with `end`, its end and its trailers."""

    def abort(self) -> None:
        """Break off so that the client cannot take what it has for the whole (design decision 10)."""

    def pause_request(self) -> None:
        """Stop reading the request body until `resume_request`."""

    def resume_request(self) -> None:
        """Read on."""

    def open_tunnel(self, reply: Reply, rest: bytes) -> asyncio.Transport:
        """Send the 101 head and `rest`, give up HTTP, and hand out the transport (RFC 9110 section 7.8)."""


class Road(Protocol):
    """What a connection hands its requests to."""

    def begin(self, stream: Stream, request: Request, now: float) -> Exchange:
        """A request whose head is complete and well framed."""

    def refuse(self, stream: Stream, request: Request, failure: Failure, now: float) -> Exchange:
        """A request that cannot be served: it is answered, counted and logged like any other."""

    def body(self, x: Exchange, data: bytes, end: bool) -> None:
        """More of the request's body; with `end` the request is complete and its trailers are in place."""

    def broken(self, x: Exchange, failure: Failure) -> None:
        """The rest of the request cannot be read: too large, too slow, or malformed."""

    def gone(self, x: Exchange) -> None:
        """The client went away."""
