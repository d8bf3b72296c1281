"""The peers: every proxy that can be measured, and how one is chosen and started.

`PEERS` lists them in the order of the table. `chosen` reads what a person wrote (groups like `portico` and names like
`portico-bare`), `started` runs one in front of a service. How to add one stands in bench/README.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import PROXY_CORE, Broken, cpu_s, free_port, memory_bytes, running, tree

from . import caddy, haproxy, nginx
from .envoy import envoy
from .node import node
from .peer import LeftOut, Peer, Setup
from .portico import portico
from .python_proxies import AIOHTTP, STARLETTE

__all__ = ["PEERS", "LeftOut", "Peer", "Running", "Setup", "chosen", "started"]

PEERS: list[Peer] = [
    nginx.PEER,
    haproxy.PEER,
    caddy.PEER,
    portico("nothing", compiled=True),
    portico("nothing"),
    envoy("nothing"),
    node("fastify", "nothing"),
    node("express", "nothing"),
    AIOHTTP,
    STARLETTE,
    portico("everything", compiled=True),
    portico("everything"),
    envoy("everything"),
    node("fastify", "everything"),
    node("express", "everything"),
]


@dataclass(frozen=True, slots=True)
class Running:
    """A started peer. `pid` is its first process: signals go there (SIGHUP reloads Portico and nginx)."""

    peer: Peer
    version: str
    setup: Setup
    pid: int

    @property
    def name(self) -> str:
        return self.peer.name

    @property
    def port(self) -> int:
        return self.setup.port

    @property
    def configuration(self) -> Path:
        """Its configuration file, in a folder of its own."""
        return self.setup.folder / self.peer.file

    def pids(self) -> list[int]:
        """Its processes that live now, the first one before its children: their CPU time and memory count."""
        return tree(self.pid)

    def cpu_s(self) -> float:
        """User and system time of its processes so far, in seconds."""
        return cpu_s(self.pids())

    def memory_bytes(self) -> int:
        """Memory of its processes now; what they share counts once."""
        return memory_bytes(self.pids())


def chosen(words: list[str]) -> list[Peer]:
    """The peers of these names and groups, in the order of the table; all for no words. Raises `ValueError`."""
    known = {word for peer in PEERS for word in (peer.name, peer.group)}
    if unknown := [word for word in words if word not in known]:
        raise ValueError(f"no peer {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    return [peer for peer in PEERS if not words or {peer.name, peer.group} & set(words)]


@contextmanager
def started(
    peer: Peer,
    service_port: int,
    folder: Path,
    *,
    version: str = "",
    cores: str = PROXY_CORE,
    workers: int = 1,
    routes: int = 1,
) -> Iterator[Running]:
    """This peer on a free port in front of a service, pinned to cores, from when its port accepts.

    `folder` must be new: the peer keeps its configuration, access log and state in it. Raises `Broken`.
    """
    if (workers, routes) != (1, 1) and not peer.grows:
        raise Broken(f"{peer.name} is not prepared for {workers} workers and {routes} routes")
    folder.mkdir(parents=True)
    setup = Setup(folder, free_port(), service_port, workers, routes)
    (folder / peer.file).write_text(peer.configure(setup), encoding="utf-8")
    with running(
        peer.command(setup),
        port=setup.port,
        cores=cores,
        log=folder / "output.log",
        environment=peer.environment(setup),
        folder=folder,
    ) as pid:
        yield Running(peer, version, setup, pid)
