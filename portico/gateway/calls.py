"""The gateway's own calls to services, as `exchange.call` promises them to stages and proofs.

A call is an exchange on the road like a client's, behind a chain without stages: what reads the reply is not a
connection but whoever waits for the answer. If nobody waits any more, it is given up like that of a client who left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from portico.exchange.call import ANSWER_BYTES, Answer, CallFailedError
from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import BAD_REPLY
from portico.exchange.fields import Field
from portico.exchange.reply import Reply
from portico.exchange.request import Request
from portico.exchange.stream import Tunnel
from portico.services.forward import Forward, request_fields
from portico.services.service import Service

from .chain import Chain, Label

if TYPE_CHECKING:
    from .road import Road

# Behind a proof, and in no metric: a call is part of the request that waits for it.
_TEMPLATE = "none"
# Between head and body; what bounds a call is the time that it is given in all.
_PATIENT_S = 3600.0
_MARK: Field = (b"x-gateway-internal", b"true")


class ServiceCall:
    """Calls to one service; an `exchange.call.Call`."""

    __slots__ = ("_chain", "_road", "name")

    def __init__(self, service: Service, gateway: str, clock: Clock, road: Road) -> None:
        self.name = service.name
        self._road = road
        forward = Forward(service, request_fields(), service.own_host, gateway.encode(), clock, road.back)
        self._chain = Chain(
            Label(f"call {service.name}", _TEMPLATE, service.name),
            (),
            forward=forward,
            body_limit=ANSWER_BYTES,
            timeout_s=0.0,
            idle_s=_PATIENT_S,
            total_s=None,
        )

    async def __call__(
        self,
        method: str,
        target: str,
        fields: Sequence[Field] = (),
        body: bytes = b"",
        *,
        timeout_s: float = 5.0,
        most_bytes: int = ANSWER_BYTES,
    ) -> Answer:
        """As `exchange.call.Call` says."""
        answering = _Answering(most_bytes)
        x = Exchange(answering, _request(method, target, body), monotonic())
        x.forward = [*fields, _MARK]
        self._road.call(x, self._chain, timeout_s)
        try:
            await answering.ended
        finally:
            if not x.ended:
                self._road.gone(x)
        reply = answering.reply
        if x.failure is not None or reply is None:
            raise CallFailedError(x.failure or BAD_REPLY)
        if answering.size > most_bytes:
            raise CallFailedError(BAD_REPLY.because(f"an answer of more than {most_bytes} bytes"))
        return Answer(reply.status, reply.fields, b"".join(answering.parts))

    def __repr__(self) -> str:
        return f"<ServiceCall {self.name}>"


def _request(method: str, target: str, body: bytes) -> Request:
    request = Request()
    request.method = method.encode("ascii")
    request.target = target.encode("ascii")
    request.path, _, request.query = request.target.partition(b"?")
    if body:
        request.parts.append(body)
        request.length = request.body_bytes = len(body)
    request.head_complete = request.complete = True
    return request


class _Answering:
    """The `Stream` of a call: gathers the answer. `ended` is done when there will be no more of it."""

    __slots__ = ("_most", "ended", "parts", "reply", "size", "trusted")

    def __init__(self, most: int) -> None:
        self.trusted = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reply: Reply | None = None
        self.parts: list[bytes] = []
        self.size = 0
        self._most = most

    def send_head(self, reply: Reply, data: bytes, end: bool, trailers: list[Field]) -> None:
        self.reply = reply
        self.send_data(data, end, trailers)

    def send_data(self, data: bytes, end: bool, trailers: list[Field]) -> None:
        self.size += len(data)
        if self.size <= self._most:
            self.parts.append(data)
        if end or self.size > self._most:
            self.abort()

    def abort(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def forwarded(self, request: Request) -> tuple[bytes, bytes]:
        return b"", b""

    def send_interim(self, status: int, fields: list[Field]) -> None:
        """Nobody waits for those."""

    def is_read(self) -> bool:
        return True

    def pause_request(self) -> None:
        """The whole body is there."""

    def resume_request(self) -> None:
        """The whole body is there."""

    def open_tunnel(self, reply: Reply, tunnel: Tunnel) -> tuple[asyncio.Transport, bytes]:
        raise AssertionError("a call never asks for another protocol")
