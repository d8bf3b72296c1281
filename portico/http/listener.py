"""What the client connections of one worker share: the road, the limits, the trusted proxies, and their number.

The limits can change at a reload; a connection reads them when it needs them. `sweep` is the only clock of all
connections: one pass per tick instead of a timer per request.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Protocol

from portico.exchange.memory import MemoryBudget
from portico.exchange.stream import Road

from .client_side import LINGER_S
from .connection import Connection
from .door import Handshakes
from .entrance import Entrance, SecureConnection
from .forwarded import Network, is_trusted
from .phase import Phase
from .unsent import SlowReaders


class Limits(Protocol):
    """Bounds on what a client may send, in bytes where not counts."""

    @property
    def connections(self) -> int: ...
    @property
    def connections_per_client(self) -> int | None: ...
    @property
    def handshakes(self) -> int: ...
    @property
    def header_bytes(self) -> int: ...
    @property
    def header_count(self) -> int: ...
    @property
    def target(self) -> int: ...


class Timeouts(Protocol):
    """Patience with a client, in seconds."""

    @property
    def handshake(self) -> float: ...
    @property
    def header(self) -> float: ...
    @property
    def body(self) -> float: ...
    @property
    def keep_alive(self) -> float: ...


class Listener:
    """The client side of a worker. `refused` counts connections beyond the cap, `accepted` all others.

    `entrances` are what stands behind the addresses, in their order.
    """

    def __init__(
        self, road: Road, limits: Limits, timeouts: Timeouts, trusted: Sequence[Network], memory: MemoryBudget
    ) -> None:
        self.road = road
        self.memory = memory
        self.slow_readers = SlowReaders(memory)
        self.connections: set[Connection] = set()
        self.handshakes = Handshakes()
        self.entrances: Sequence[Entrance] = ()
        self._trusts: list[object] = []
        self._of_clients: dict[bytes, int] = {}  # connections by client
        self.draining = False
        self.accepted = 0
        self.refused = 0
        self.configure(limits, timeouts, trusted)

    def configure(self, limits: Limits, timeouts: Timeouts, trusted: Sequence[Network]) -> None:
        """Also after a reload; connections that are open keep whom they trust."""
        self.trusted = trusted
        self.header_bytes = limits.header_bytes
        self.header_count = limits.header_count
        self.target_bytes = limits.target
        self.body_s = timeouts.body
        self.handshakes.most = limits.handshakes
        self.handshakes.patience_s = timeouts.handshake
        self._most = limits.connections
        self._most_per_client = limits.connections_per_client
        self._patience: dict[int, float] = {
            Phase.IDLE: timeouts.keep_alive,
            Phase.HEAD: timeouts.header,
            Phase.BODY: timeouts.body,
            Phase.FLUSH: timeouts.body,
            Phase.LINGER: LINGER_S,
            Phase.TUNNEL: timeouts.body,
            Phase.CLOSED: timeouts.body,
        }

    def enter_by(self, entrances: Sequence[Entrance]) -> None:
        """From now on. Whom only authorities have let in that are not trusted any more leaves after its reply."""
        self.entrances = entrances
        self._trusts = [entrance.tls.trust for entrance in entrances if entrance.tls is not None]
        for connection in list(self.connections):
            if isinstance(connection, SecureConnection) and not self.trusts(connection):
                connection.close_when_idle()

    def trusts(self, connection: SecureConnection) -> bool:
        """Whether an entrance still believes the authorities that this connection was verified by."""
        return connection.trust is None or connection.trust in self._trusts

    def admit(self, connection: Connection) -> bool:
        """Count a new connection in, unless there are too many, at all or of this client."""
        connection.trusted = is_trusted(connection.peer, self.trusted)
        client = _client_of(connection.peer)
        theirs = self._of_clients.get(client, 0)
        most = self._most_per_client
        # A proxy stands for many clients, and so does a Unix socket, whose peers have no address.
        greedy = most is not None and theirs >= most and client and not connection.trusted
        if greedy or len(self.connections) >= self._most:
            self.refused += 1
            return False
        self.accepted += 1
        self.connections.add(connection)
        self._of_clients[client] = theirs + 1
        return True

    def has_room(self, beside: int = 0) -> bool:
        """Whether one more connection can come, beside so many that are about to."""
        return len(self.connections) + beside < self._most

    def forget(self, connection: Connection) -> None:
        """Count a connection out."""
        if connection in self.connections:
            self.connections.remove(connection)
            client = _client_of(connection.peer)
            left = self._of_clients[client] - 1
            if left:
                self._of_clients[client] = left
            else:
                del self._of_clients[client]

    def sweep(self, now: float) -> None:
        """Expire what has waited too long; start the clocks that were left at 0."""
        patience = self._patience
        expired = []
        for connection in self.connections:
            limit = patience.get(connection.phase)
            if limit is None:
                continue
            if connection.deadline == 0.0:
                connection.deadline = now + limit
            elif connection.deadline < now:
                expired.append(connection)
        for connection in expired:
            connection.expire()

    def drain(self) -> None:
        """From now on every reply ends its connection."""
        self.draining = True

    def waiting(self) -> bool:
        """Whether any connection is between requests, or has not brought its first."""
        return len(self.handshakes) > 0 or any(
            connection.phase <= Phase.HEAD for connection in self.connections
        )

    def close_idle(self) -> None:
        """Close what waits for a next request; the others close after their reply."""
        for connection in list(self.connections):
            connection.close_when_idle()

    def close(self) -> None:
        """Break off every connection that is left."""
        self.handshakes.close()
        for connection in list(self.connections):
            connection.close()

    def __repr__(self) -> str:
        return f"<Listener {len(self.connections)} connections, {self.refused} refused>"


def _client_of(peer: bytes) -> bytes:
    """Whom an address belongs to: in IPv6 a client has a whole network of them (RFC 6177), and is that /64."""
    return IPv6Address(peer.decode()).packed[:8] if b":" in peer else peer
