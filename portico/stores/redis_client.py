"""Ways to reach Redis: alone, as the server that Sentinels call the master, or as a cluster.

The first two are a line of our own; Sentinels and clusters are asked by redis-py. Nothing is connected before it is
asked for, nothing is queued while there is no connection, and nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, cast

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from portico.config.values.stores import StoreAddress

from .redis_line import Lines, Place

CONNECT_S = 5.0
REPLY_S = 1.0  # or twice the time of a question: then a call is given up, and its connection closed


class Client(Protocol):
    """What there is to a Redis, as far as it is used: the names are redis-py's."""

    async def execute_command(self, *arguments: bytes) -> Any: ...
    async def ping(self) -> Any: ...
    async def get(self, name: bytes) -> Any: ...
    def scan_iter(self, *, match: bytes, count: int) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


def make_client(address: StoreAddress, timeout_s: float) -> Client:
    """A client that has not connected yet. `timeout_s`: how long a question may take."""
    reply_s = max(REPLY_S, 2 * timeout_s)
    if address.mode == "single":
        return Lines(address, CONNECT_S, reply_s)
    common: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_S,
        "socket_timeout": reply_s,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,  # not every server knows CLIENT SETINFO, and not every user may say it
    }
    if address.tls:
        common |= _tls(address)
    if address.mode == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        common |= {"username": address.username or None, "password": address.password or None}
        return _Cluster(RedisCluster(startup_nodes=nodes, **common))
    sentinel = Sentinel(address.nodes, sentinel_kwargs=common)  # type: ignore[no-untyped-call]  # so is redis-py

    async def find() -> Place:
        try:
            found: Place = await sentinel.discover_master(address.service)
        finally:
            for each in sentinel.sentinels:
                await each.aclose()  # they are asked once in a long while
        return found

    return Lines(address, CONNECT_S, reply_s, find)


class _Cluster:
    """redis-py's cluster, which wants names of commands as text."""

    def __init__(self, nodes: RedisCluster) -> None:
        self._nodes = nodes

    async def execute_command(self, *arguments: bytes) -> Any:
        return await self._nodes.execute_command(arguments[0].decode(), *arguments[1:])

    async def ping(self) -> Any:
        return await self._nodes.ping(target_nodes=RedisCluster.PRIMARIES)

    async def get(self, name: bytes) -> Any:
        return await self._nodes.get(name)

    def scan_iter(self, *, match: bytes, count: int) -> AsyncIterator[bytes]:
        return cast(AsyncIterator[bytes], self._nodes.scan_iter(match=match, count=count))

    async def aclose(self) -> None:
        await self._nodes.aclose()


def _tls(address: StoreAddress) -> dict[str, Any]:
    return {
        "ssl": True,
        "ssl_cert_reqs": "required" if address.verify else "none",
        "ssl_check_hostname": address.verify,
        "ssl_ca_certs": address.ca or None,
        "ssl_certfile": address.cert or None,
        "ssl_keyfile": address.key or None,
    }
