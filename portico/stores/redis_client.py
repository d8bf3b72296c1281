"""Connections to Redis by redis-py, for each way in which it may run: alone, with Sentinels, as a cluster.

Nothing is connected before it is asked for, nothing is queued while there is no connection, and nothing is asked
twice. RESP2, which every server speaks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, cast

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import (
    AbstractConnection,
    BlockingConnectionPool,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from portico.config.values.stores import StoreAddress

CONNECT_S = 5.0
REPLY_S = 1.0  # or twice the time of a question: then a call is given up, and its connection closed
_CONNECTIONS = 8


class Client(Protocol):
    """What redis-py's clients have in common, as far as it is used."""

    async def execute_command(self, *arguments: Any) -> Any: ...
    async def ping(self) -> Any: ...
    async def get(self, name: bytes) -> Any: ...
    def scan_iter(self, *, match: bytes, count: int) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


def make_client(address: StoreAddress, timeout_s: float) -> Client:
    """A client that has not connected yet. `timeout_s`: how long a question may take."""
    common: dict[str, Any] = {
        "username": address.username or None,
        "password": address.password or None,
        "socket_connect_timeout": CONNECT_S,
        "socket_timeout": max(REPLY_S, 2 * timeout_s),
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,  # not every server knows CLIENT SETINFO, and not every user may say it
    }
    if address.mode == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        cluster = RedisCluster(startup_nodes=nodes, ssl=address.tls, **_tls(address), **common)
        return cast(Client, cluster)
    common["db"] = address.database
    if address.mode == "sentinel":
        secure = {"ssl": True, **_tls(address)} if address.tls else {}
        sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py has not typed it
            address.nodes,
            sentinel_kwargs={"socket_connect_timeout": 1.0, "socket_timeout": 1.0, "protocol": 2, **secure},
            **common,
            **secure,
        )
        return cast(Client, sentinel.master_for(address.service))
    kind: type[AbstractConnection] = Connection
    if address.socket:
        kind = UnixDomainSocketConnection
        common["path"] = address.socket
    else:
        common["host"], common["port"] = address.nodes[0]
        common["socket_keepalive"] = True
    if address.tls:
        kind = SSLConnection
        common |= _tls(address)
    pool = BlockingConnectionPool(_CONNECTIONS, timeout=None, connection_class=kind, **common)
    return cast(Client, Redis.from_pool(pool))


def _tls(address: StoreAddress) -> dict[str, Any]:
    if not address.tls:
        return {}
    return {
        "ssl_cert_reqs": "required" if address.verify else "none",
        "ssl_check_hostname": address.verify,
        "ssl_ca_certs": address.ca or None,
        "ssl_certfile": address.cert or None,
        "ssl_keyfile": address.key or None,
    }
