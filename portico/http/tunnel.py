"""Two byte streams after a 101: what one end sends the other gets, at the pace of the slower one.

Each end keeps its protocol object and passes what it hears here. A half-close is passed on as a half-close; the
loss of one end closes the other. A tunnel may be silent for as long as its ends wish (requirements 1.10); an end
that takes nothing of what waits for it is found by `stuck`, which the road asks now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from portico.exchange.failure import Side

from .unsent import unsent_bytes


class Tunnel:
    """`to_service` and `to_client` count bytes. `closed` is called once, when both ends are gone."""

    __slots__ = (
        "_client",
        "_closed",
        "_halves",
        "_lost",
        "_service",
        "_taken_by_client",
        "_taken_by_service",
        "to_client",
        "to_service",
    )

    def __init__(self, service: asyncio.Transport, closed: Callable[[Tunnel], None]) -> None:
        self._service = service
        self._client: asyncio.Transport | None = None
        self._closed = closed
        self._lost = 0  # ends that are gone
        self._halves = 0  # directions that have ended
        # Bytes, when somebody last asked; None when nothing waited.
        self._taken_by_client: int | None = None
        self._taken_by_service: int | None = None
        self.to_client = 0
        self.to_service = 0

    def open(self, client: asyncio.Transport, from_client: bytes, from_service: bytes) -> None:
        """Join the ends; what each has already sent goes first."""
        self._client = client
        if from_client:
            self.client_data(from_client)
        if from_service:
            self.service_data(from_service)

    def client_data(self, data: bytes) -> None:
        self.to_service += len(data)
        self._service.write(data)

    def service_data(self, data: bytes) -> None:
        self.to_client += len(data)
        if self._client is not None:
            self._client.write(data)

    def client_eof(self) -> None:
        self._half_closed()
        if self._service.can_write_eof():
            self._service.write_eof()
        else:
            self._service.close()

    def service_eof(self) -> None:
        self._half_closed()
        if self._client is None:
            return
        if self._client.can_write_eof():
            self._client.write_eof()
        else:
            self._client.close()

    def client_full(self) -> None:
        self._service.pause_reading()

    def client_drained(self) -> None:
        self._service.resume_reading()

    def service_full(self) -> None:
        if self._client is not None:
            self._client.pause_reading()

    def service_drained(self) -> None:
        if self._client is not None:
            self._client.resume_reading()

    def client_lost(self) -> None:
        self._service.close()
        self._one_lost()

    def service_lost(self) -> None:
        if self._client is not None:
            self._client.close()
        self._one_lost()

    def _half_closed(self) -> None:
        self._halves += 1
        if self._halves == 2:
            self.close()

    def _one_lost(self) -> None:
        self._lost += 1
        if self._lost == 2:
            self._closed(self)

    def close(self) -> None:
        """End both sides, after what is buffered."""
        self._service.close()
        if self._client is not None:
            self._client.close()

    def stuck(self) -> Side | None:
        """Which end has taken nothing since this was last asked although something waited for it all the time."""
        before, self._taken_by_service = self._taken_by_service, _taken(self._service, self.to_service)
        if before is not None and before == self._taken_by_service:
            return Side.SERVICE
        if self._client is not None:
            before, self._taken_by_client = self._taken_by_client, _taken(self._client, self.to_client)
            if before is not None and before == self._taken_by_client:
                return Side.CLIENT
        return None

    def abort(self) -> None:
        """End both sides at once."""
        self._service.abort()
        if self._client is not None:
            self._client.abort()

    def __repr__(self) -> str:
        return f"<Tunnel {self.to_service} bytes to the service, {self.to_client} to the client>"


def _taken(transport: asyncio.Transport, written: int) -> int | None:
    """How many bytes of so many have been taken, None when none are left."""
    left = unsent_bytes(transport)
    return written - left if left else None
