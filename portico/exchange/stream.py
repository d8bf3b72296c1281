"""The faces between bytes and the road: a client's stream, the road as a stream sees it, and as a call sees it.

An exchange speaks to a `Stream`, never to a transport, so that HTTP/2 can come as another kind of stream
(design decision 4). Back-pressure is per stream: `pause_request` and `Exchange.pause_reply` are its two halves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .fields import Field

if TYPE_CHECKING:
    import asyncio

    from .exchange import Exchange
    from .failure import Failure, Side
    from .reply import Reply
    from .request import Request


class Stream(Protocol):
    """One request-reply pair on the client's side. All methods return at once and never raise."""

    trusted: bool  # the connection comes from a trusted proxy

    def forwarded(self, request: Request) -> tuple[bytes, bytes]:
        """Who the client is, and the X-Forwarded family towards a service as HTTP/1.1 lines."""

    def send_interim(self, status: int, fields: list[Field]) -> None:
        """A 1xx reply (RFC 9110 section 15.2), dropped for a client that would not understand it."""

    def send_head(self, reply: Reply, data: bytes, end: bool, trailers: list[Field]) -> None:
        """The final head with what is there of the body; `end` when that is all of it."""

    def send_data(self, data: bytes, end: bool, trailers: list[Field]) -> None:
        """More of the body; with `end`, its end and its trailers."""

    def abort(self) -> None:
        """Break off so that the client cannot take what it has for the whole (design decision 10)."""

    def is_read(self) -> bool:
        """Whether the client has taken any of what it is sent since it became too slow, or this was last asked."""

    def pause_request(self) -> None:
        """Stop reading the request body until `resume_request`."""

    def resume_request(self) -> None:
        """Read on."""

    def open_tunnel(self, reply: Reply, tunnel: Tunnel) -> tuple[asyncio.Transport, bytes]:
        """Send the 101 head, give up HTTP, and hand out the transport and what the client has already sent."""


class Tunnel(Protocol):
    """What becomes of a connection after a 101: two byte streams and nothing else."""

    def client_data(self, data: bytes) -> None: ...
    def client_eof(self) -> None: ...
    def client_lost(self) -> None: ...
    def client_full(self) -> None: ...
    def client_drained(self) -> None: ...
    def close(self) -> None: ...
    def stuck(self) -> Side | None: ...
    def abort(self) -> None: ...


class Road(Protocol):
    """What a connection hands its requests to."""

    def begin(self, stream: Stream, request: Request, now: float) -> Exchange:
        """A request whose head is complete and well framed."""

    def refuse(self, stream: Stream, request: Request, failure: Failure, now: float) -> Exchange:
        """A request that cannot be served: it is answered, counted and logged like any other."""

    def body(self, x: Exchange) -> None:
        """There is more in `request.parts`, or the request has become complete."""

    def broken(self, x: Exchange, failure: Failure) -> None:
        """The rest of the request cannot be read: too large, too slow, or malformed."""

    def gone(self, x: Exchange) -> None:
        """The client went away."""


class Replies(Protocol):
    """Where a call to a service delivers what it gets. Each call ends in exactly one of: `end`, failed, crashed,
    switched."""

    def reply(
        self, x: Exchange, reply: Reply, data: bytes, end: bool, trailers: list[Field], now: float
    ) -> None:
        """The final head, with what came of the body in the same read."""

    def reply_data(self, x: Exchange, data: bytes, end: bool, trailers: list[Field], now: float) -> None:
        """More of the body; with `end`, its end and its trailers."""

    def interim(self, x: Exchange, status: int, fields: list[Field]) -> None:
        """A 1xx reply on the way."""

    def failed(self, x: Exchange, failure: Failure) -> None:
        """There will be no (more) reply."""

    def crashed(self, x: Exchange, error: BaseException) -> None:
        """A stage's filter failed; the call has been given up."""

    def switched(self, x: Exchange, reply: Reply, tunnel: Tunnel) -> tuple[asyncio.Transport, bytes] | None:
        """The service has agreed to change protocols: opens the client's end of the tunnel, None when a stage
        failed over it."""

    def tunnel_closed(self, x: Exchange, sent: int) -> None:
        """Both ends are closed, after so many bytes to the client."""
