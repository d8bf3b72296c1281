"""Clients that are slow on purpose, against a gateway of one worker, while others ask: are they served, and how soon?

`make slow` (needs slowhttptest). Attacks come from 127.0.0.1, the others (probes, each on a connection of its own) from
127.0.0.2. For each attack it prints which part of the probes was answered and when, what the gateway held, and how it
let go. Two attacks want more connections than there may be: once without and once with a cap for one client.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import uvloop

from portico.process.control import ControlError, ask
from portico.testing import RunningProcess, free_port, until

CONFIGURATION = """\
version: 1
gateway:
  listen: ["127.0.0.1:{port}"]
  limits: {{connections: {most}, connections_per_client: {most_per_client}}}
logs: {{access: "off", level: warn}}
services:
  attacked: {{url: "http://127.0.0.1:{attacked}"}}
  good: {{url: "http://127.0.0.1:{good}"}}
routes:
  - {{match: /**, service: attacked, authenticate: none}}
  - {{match: /get/probe/**, service: good, authenticate: none}}
"""
OTHER = "127.0.0.2"
MOST = 10_000  # connections, the default
HALF_A_HEAD = b"GET / HTTP/1.1\r\nhos"
CROWDED = "silent"  # the attack that leaves no room for others, who need not be served then
PROBE_EVERY_S = 0.1
PROBE_PATIENCE_S = 5.0


Attack = Callable[[], Coroutine[Any, Any, None]]


@dataclass
class Findings:
    """Of one attack."""

    name: str
    answered: list[float] = field(default_factory=list)  # seconds
    unanswered: int = 0
    most_connections: int = 0
    resident: list[int] = field(default_factory=list)  # bytes
    refused: int = 0

    def row(self) -> str:
        """For the table."""
        probes = len(self.answered) + self.unanswered
        share = f"{len(self.answered) / probes:.1%} of {probes}" if probes else "none made"
        times = sorted(self.answered) or [0.0]
        return (
            f"| {self.name} | {share} | {statistics.median(times) * 1e3:.1f} | "
            f"{times[min(len(times) - 1, int(len(times) * 0.99))] * 1e3:.0f} | {times[-1] * 1e3:.0f} | "
            f"{self.most_connections} | {(max(self.resident) - self.resident[0]) / 1e6:+.1f} |"
        )


class Ground:
    """A gateway, the good service of the soak behind it, and somebody who probes."""

    def __init__(self, folder: Path, most: int, most_per_client: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._limits = {"most": most, "most_per_client": most_per_client}
        self.gateway: RunningProcess | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Both run within this block."""
        # Two of them: what slows down the one that is attacked through the gateway must not slow down the other.
        services = [_service(), _service()]
        ports = [(await asyncio.to_thread(_first_line, service)).split()[0] for service in services]
        path = self.folder / "portico.yaml"
        path.write_text(
            CONFIGURATION.format(port=self.port, attacked=ports[0], good=ports[1], **self._limits)
        )
        with open(self.folder / "portico.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "portico", "run", str(path)],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": os.getcwd()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.gateway = RunningProcess(process, self.port, self.folder)
        try:
            await until(self._serves, "the gateway to serve", 60.0)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait)
            for service in services:
                service.communicate()

    def _serves(self) -> bool:
        assert self.gateway is not None
        try:
            return any(worker["state"] == "serving" for worker in self.gateway.status()["workers"])
        except ControlError:
            return False

    async def watched(self, name: str, attack: Attack) -> Findings:
        """Probe while somebody attacks."""
        findings = Findings(name)
        await self._look(findings)
        attacking = asyncio.create_task(attack())
        probes: set[asyncio.Task[None]] = set()
        number = 0
        while not attacking.done():
            probe = asyncio.create_task(self._probe(findings))
            probes.add(probe)
            probe.add_done_callback(probes.discard)
            if number % 5 == 0:
                await self._look(findings)
            number += 1
            await asyncio.wait([attacking], timeout=PROBE_EVERY_S)
        await attacking
        await asyncio.gather(*probes)
        return findings

    async def _look(self, findings: Findings) -> None:
        assert self.gateway is not None
        request = {"command": "status"}
        status: dict[str, Any] = await asyncio.to_thread(ask, str(self.folder / "var"), request, 60.0)
        worker = status["workers"][0]
        findings.most_connections = max(findings.most_connections, worker["connections"])
        findings.resident.append(worker["rss_bytes"])

    async def _probe(self, findings: Findings) -> None:
        start = monotonic()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PROBE_PATIENCE_S):
                with socket.socket() as sock:
                    sock.setblocking(False)
                    sock.bind((OTHER, 0))
                    await loop.sock_connect(sock, ("127.0.0.1", self.port))
                    await loop.sock_sendall(sock, b"GET /get/probe/100 HTTP/1.1\r\nhost: slow.test\r\n\r\n")
                    data = b""
                    while b"\r\n\r\n" not in data:
                        piece = await loop.sock_recv(sock, 65536)
                        if not piece:
                            raise ConnectionError
                        data += piece
        except (OSError, TimeoutError):
            findings.unanswered += 1
        else:
            if data.startswith(b"HTTP/1.1 200 "):
                findings.answered.append(monotonic() - start)
            else:
                findings.unanswered += 1

    # -- attacks

    def tool(self, seconds: int, count: int, *options: str, target: str = "/get/slow/100") -> Attack:
        """slowhttptest with these options."""

        async def attack() -> None:
            process = await asyncio.create_subprocess_exec(
                "slowhttptest", *options, "-c", str(count), "-r", "200", "-l", str(seconds), "-p", "5",
                "-u", f"http://127.0.0.1:{self.port}{target}",
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            await process.wait()

        return attack

    def idle(self, seconds: float, count: int, said: bytes = b"") -> Attack:
        """Connections that say this and then nothing; whoever is put out comes again."""

        async def attack() -> None:
            loop = asyncio.get_running_loop()
            end = monotonic() + seconds

            async def one() -> None:
                while (left := end - monotonic()) > 0:
                    with socket.socket() as sock, contextlib.suppress(OSError, TimeoutError):
                        sock.setblocking(False)
                        async with asyncio.timeout(left):
                            await loop.sock_connect(sock, ("127.0.0.1", self.port))
                            await loop.sock_sendall(sock, said)
                            while await loop.sock_recv(sock, 65536):
                                pass
                    await asyncio.sleep(0.05)

            await asyncio.gather(asyncio.sleep(seconds), *(one() for _ in range(count)))

        return attack

    def flood(self, seconds: float, count: int) -> Attack:
        """Connections that are opened and reset at once, by so many at a time."""

        async def attack() -> None:
            loop = asyncio.get_running_loop()
            end = monotonic() + seconds

            async def one() -> None:
                while monotonic() < end:
                    with socket.socket() as sock, contextlib.suppress(OSError):
                        sock.setblocking(False)
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                        await loop.sock_connect(sock, ("127.0.0.1", self.port))
                    await asyncio.sleep(0.02)

            await asyncio.gather(*(one() for _ in range(count)))

        return attack


def _service() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "load.services"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _first_line(service: subprocess.Popen[str]) -> str:
    assert service.stdout is not None
    return service.stdout.readline()


HEAD = """\
| attack | probes answered | median ms | 99 % ms | worst ms | connections at most | memory MB |
| --- | --- | --- | --- | --- | --- | --- |"""


async def run(seconds: int, count: int, only: str, folder: Path) -> list[Findings]:
    """All attacks with this in their names, one after the other, each with a gateway of its own."""
    half = max(10, count // 2)
    heads = ("-H", "-i", "2")
    bodies = ("-B", "-i", "2", "-s", "8192")
    readers = ("-X", "-k", "3", "-w", "512", "-y", "1024", "-n", "1", "-z", "32")
    large = "/get/slow/1048576"
    attacks: list[tuple[str, int, str, Callable[[Ground], Attack]]] = [
        ("nobody", MOST, "off", lambda on: on.idle(seconds / 2, 0)),
        (f"slow heads, {count} (slowhttptest -H)", MOST, "off", lambda on: on.tool(seconds, count, *heads)),
        (
            f"slow bodies, {count} (-B)",
            MOST,
            "off",
            lambda on: on.tool(seconds, count, *bodies, target="/post/slow"),
        ),
        (
            f"slow readers of 1 MiB, {count} (-X)",
            MOST,
            "off",
            lambda on: on.tool(seconds, count, *readers, target=large),
        ),
        (f"connections without a word, {count}", MOST, "off", lambda on: on.idle(seconds, count)),
        (f"half a head and silence, {count}", MOST, "off", lambda on: on.idle(seconds, count, HALF_A_HEAD)),
        (f"connect and reset, {half} at a time", MOST, "off", lambda on: on.flood(seconds, half)),
        (f"{CROWDED}, {count} where {half} may be", half, "off", lambda on: on.idle(seconds, count)),
        (f"the same, {half // 2} a client", half, str(half // 2), lambda on: on.idle(seconds, count)),
    ]
    found = []
    for number, (name, most, most_per_client, attack) in enumerate(attacks):
        if only not in name:
            continue
        place = folder / str(number)
        place.mkdir()
        ground = Ground(place, most, most_per_client)
        async with ground.open():
            found.append(await ground.watched(name, attack(ground)))
        sys.stdout.write(found[-1].row() + "\n")
        sys.stdout.flush()
    return found


def main() -> int:
    """Print the table; exit code 1 when others were not served although there was room for them."""
    parser = argparse.ArgumentParser(prog="load.slow", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="of each attack")
    parser.add_argument("--connections", type=int, default=400)
    parser.add_argument("--only", default="", help="attacks with this in their names")
    options = parser.parse_args()
    if shutil.which("slowhttptest") is None:
        sys.stderr.write("portico: slowhttptest is missing. Install it: apt-get install slowhttptest\n")
        return 1
    sys.stdout.write(HEAD + "\n")
    with tempfile.TemporaryDirectory(prefix="portico-slow-") as folder:
        found = uvloop.run(run(options.seconds, options.connections, options.only, Path(folder)))
    return int(any(one.unanswered for one in found if not one.name.startswith(CROWDED)))


if __name__ == "__main__":
    sys.exit(main())
