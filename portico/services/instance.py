"""One address of a service, and the live pool of connections to it.

An instance is known by where it is and how it is reached: the same address with the same settings in a new
configuration keeps its pool, and so its connections, across a reload (design decision 5).
"""

from __future__ import annotations

from portico.config.addresses import Address
from portico.http.pool import Pool


class Instance:
    """`prefix` goes before every path; `host_line` names the instance to itself (`host: tickets:3004`)."""

    __slots__ = ("host_line", "name", "pool", "prefix", "scheme")

    def __init__(self, address: Address, pool: Pool) -> None:
        self.name = str(address)
        self.prefix = address.base.encode()
        self.host_line = b"host: %b\r\n" % address.authority.encode()
        self.pool = pool
        self.scheme = b"https" if address.scheme == "https" else b"http"

    def __repr__(self) -> str:
        return f"<Instance {self.name} {self.pool!r}>"
