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

    def __init__(self, folder: Path, options: Sequence[str] = (), port: int = 0) -> None:
        self.folder = folder
        self.port = port or _free_port()
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
        return [
            *("--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", str(self.path)),
            *("--save", "", "--appendonly", "no", "--dir", str(self.folder), *self._options),
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
