"""Who is let in by the listener: the caps, for all and for one client."""

from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any, cast

from portico.exchange.memory import MemoryBudget
from portico.http.connection import Connection
from portico.http.listener import Listener


@dataclass(frozen=True)
class Limits:
    connections: int = 10
    connections_per_client: int | None = None
    handshakes: int = 10
    header_bytes: int = 1
    header_count: int = 1
    target: int = 1


@dataclass(frozen=True)
class Timeouts:
    handshake: float = 1.0
    header: float = 1.0
    body: float = 1.0
    keep_alive: float = 1.0


class Peer:
    """As much of a connection as the listener looks at when it counts."""

    def __init__(self, peer: bytes) -> None:
        self.peer = peer
        self.trusted = False


def listener_of(limits: Limits, *trusted: str) -> Listener:
    networks = [ip_network(each) for each in trusted]
    return Listener(cast(Any, None), limits, Timeouts(), networks, MemoryBudget(0))


def admitted(listener: Listener, *peers: bytes) -> list[bool]:
    return [listener.admit(cast(Connection, Peer(peer))) for peer in peers]


def test_one_client_may_have_all_connections_unless_there_is_a_cap() -> None:
    assert admitted(listener_of(Limits(connections=2)), b"10.0.0.1", b"10.0.0.1", b"10.0.0.2") == [
        True,
        True,
        False,
    ]


def test_cap_counts_by_address_and_forgets() -> None:
    listener = listener_of(Limits(connections_per_client=2))
    first = cast(Connection, Peer(b"10.0.0.1"))
    assert listener.admit(first)
    assert admitted(listener, b"10.0.0.1", b"10.0.0.1", b"10.0.0.2") == [True, False, True]
    assert listener.refused == 1
    listener.forget(first)
    listener.forget(first)  # a connection that is lost twice frees one place
    assert admitted(listener, b"10.0.0.1", b"10.0.0.1") == [True, False]


def test_a_network_of_ipv6_is_one_client() -> None:
    listener = listener_of(Limits(connections_per_client=1))
    peers = [b"2001:db8::1", b"2001:db8:0:0:ffff::1", b"2001:db8:0:1::1"]
    assert admitted(listener, *peers) == [True, False, True]


def test_proxies_and_unix_sockets_stand_for_many() -> None:
    listener = listener_of(Limits(connections_per_client=1), "10.1.0.0/16")
    assert admitted(listener, b"10.1.0.1", b"10.1.0.1", b"", b"") == [True] * 4
    assert admitted(listener_of(Limits(connections_per_client=1)), b"", b"") == [True, True]


def test_cap_holds_from_a_reload_on_for_those_who_are_there() -> None:
    listener = listener_of(Limits())
    assert admitted(listener, b"10.0.0.1") == [True]
    listener.configure(replace(Limits(), connections_per_client=1), Timeouts(), [])
    assert admitted(listener, b"10.0.0.1") == [False]


def test_nothing_is_kept_of_clients_that_have_left() -> None:
    listener = listener_of(Limits())
    for number in range(100):
        connection = cast(Connection, Peer(b"10.0.0.%d" % number))
        listener.admit(connection)
        listener.forget(connection)
    assert not listener._of_clients
