"""A real Redis for tests: started in a folder of its own, on a free port and a Unix socket, ended with the test."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

PATIENCE_S = 20.0


class RedisServer:
    """One server. `port` and `path` stay the same over `kill` and `start`."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        self.folder = folder
        self.port = free_port()
        self.path = folder / "redis.sock"
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As `gateway.store` has it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = ["redis-server", *self._command()]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.01)

    def _command(self) -> list[str]:
        files = [option for option in self._options if option.endswith(".conf")]
        options = [option for option in self._options if option not in files]
        return [
            *files,
            *("--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", str(self.path)),
            *("--save", "", "--appendonly", "no", "--dir", str(self.folder), *options),
        ]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(1)
            asking.connect(str(self.path))
            asking.sendall(b"PING\r\n")
            return asking.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        return False

    def kill(self) -> None:
        """End it at once, and forget everything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it hang: connections stay, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *words: str) -> str:
        """What `redis-cli` says."""
        command = ["redis-cli", "-s", str(self.path), *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=PATIENCE_S
        ).stdout.strip()


def free_port() -> int:
    """One below those of cluster buses, which are 10,000 higher."""
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port >= 55_000:
                continue
            with contextlib.suppress(OSError):
                bus.bind(("127.0.0.1", port + 10_000))
                return port


@contextlib.contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """A server with these options; skips the test where there is none to start."""
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server: tools/needs.sh installs it")
    with tempfile.TemporaryDirectory(prefix="portico-redis-") as folder:
        server = RedisServer(Path(folder), options)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextlib.contextmanager
def redis_sentinel(watched: RedisServer) -> Iterator[RedisServer]:
    """A Sentinel that calls this server `mine`."""
    with tempfile.TemporaryDirectory(prefix="portico-redis-") as folder:
        file = Path(folder) / "sentinel.conf"
        file.write_text(f"sentinel monitor mine 127.0.0.1 {watched.port} 1\n")
        sentinel = RedisServer(Path(folder), [str(file), "--sentinel"])
        sentinel.start()
        try:
            yield sentinel
        finally:
            sentinel.kill()


@contextlib.contextmanager
def redis_cluster(count: int) -> Iterator[list[RedisServer]]:
    """So many nodes that know each other, each with its share of the slots."""
    with contextlib.ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "20000")
        nodes = [stack.enter_context(redis_server(*options)) for _ in range(count)]
        for number, node in enumerate(nodes):
            first, last = number * 16384 // count, (number + 1) * 16384 // count - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        for node in nodes[1:]:
            node.ask("CLUSTER", "MEET", "127.0.0.1", str(nodes[0].port))
        end = time.monotonic() + PATIENCE_S
        while not all("cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in nodes):
            assert time.monotonic() < end, "the nodes do not make a cluster"
            time.sleep(0.05)
        yield nodes
