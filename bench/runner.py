"""What a scenario works with: the chosen peers, the service, a token, and how long to measure.

    with bench.start(peer) as running:      # pinned, its answer checked
        load = bench.wrk(running)           # one turn; raises Broken for any answer but a good one

A peer that cannot be installed is not in `peers` but in `left_out`, with the reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .answers import check_answer, check_features
from .load import Load, wrk
from .peers import LeftOut, Peer, Running, started
from .processes import PROXY_CORE
from .service import PATH, Service

CONNECTIONS = 50


@dataclass(slots=True)
class Bench:
    """One run. `folder` is in tmpfs and goes away with the run."""

    folder: Path
    service: Service
    token: str
    peers: list[Peer]
    rounds: int = 5
    seconds: int = 4
    versions: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def chosen(self, *names: str) -> list[Peer]:
        """Those of the run's peers whose name or group is among these, in the order of the table."""
        return [peer for peer in self.peers if {peer.name, peer.group} & set(names)]

    def portico(self) -> list[Peer]:
        """The Portico that goals are held to: compiled, or as it is where that could not be built."""
        return self.chosen("portico-compiled") or self.chosen("portico")

    @contextmanager
    def start(
        self, peer: Peer, *, cores: str = PROXY_CORE, workers: int = 1, routes: int = 1
    ) -> Iterator[Running]:
        """A peer in front of the service, after its answer to a small GET was checked, and that those which have
        everything on let no stranger pass. Raises `Broken`."""
        folder = self.folder / f"{next(self._numbers)}-{peer.name}"
        with started(
            peer,
            self.service.port,
            folder,
            version=self.versions.get(peer.name, ""),
            cores=cores,
            workers=workers,
            routes=routes,
        ) as running:
            check_answer(running.port, self.token)
            if peer.features == "everything":
                check_features(running.port, self.token)
            yield running

    def wrk(
        self,
        running: Running,
        *,
        seconds: int | None = None,
        connections: int = CONNECTIONS,
        method: str = "GET",
        path: str = PATH,
        body: bytes | None = None,
    ) -> Load:
        """One turn of load as fast as it goes. Raises `Broken`."""
        return wrk(
            running.port,
            self.token,
            self.folder,
            seconds=seconds or self.seconds,
            connections=connections,
            method=method,
            path=path,
            body=body,
        )


def install(peers: list[Peer]) -> tuple[list[Peer], dict[str, str], dict[str, str]]:
    """The peers that can take part, their versions, and the reasons of those that are left out."""
    ready, versions, left_out = [], {}, {}
    for peer in peers:
        try:
            peer.install()
            versions[peer.name] = peer.version()
        except LeftOut as reason:
            left_out[peer.name] = str(reason)
        else:
            ready.append(peer)
    return ready, versions, left_out
