"""A gateway as users run it: `portico run FILE` in a process of its own, with its log kept and its end checked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from portico.process.control import ask

from .gateway import Leak

PATIENCE_S = 30.0


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def held(status: Mapping[str, Any]) -> list[str]:
    """What the workers of a gateway hold by its `status`: requests, tunnels, tasks, memory, connections to services
    in use. Idle connections do not count."""
    found = []
    for worker in status["workers"]:
        if worker["state"] != "serving":
            continue
        who = f"worker {worker['worker']}"
        figures = {name: worker[name] for name in ("in_flight", "tunnels", "tasks", "reserved_bytes")}
        found += [f"{who}: {figure} {name}" for name, figure in figures.items() if figure]
        found += [
            f"{who}: connections to {service}: {pool}"
            for service, pool in worker["pools"].items()
            if pool["open"] != pool["idle"] or pool["waiting"] or pool["opening"]
        ]
    return found


class RunningProcess:
    """`process` is the supervisor; what it and its workers say is in the file `log_path`. `data` is in `folder`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path, data: str = "var") -> None:
        self.process = process
        self.port = port
        self.folder = folder
        self.data = data
        self.log_path = folder / "portico.log"

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that was said so far."""
        return self.log_path.read_text("utf-8", "replace")

    def listening(self) -> bool:
        """Whether the port answers. Raises AssertionError when the process has ended instead."""
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.log}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True

    def status(self) -> dict[str, Any]:
        """What `portico status --json` prints."""
        return ask(str(self.folder / self.data), {"command": "status"}, PATIENCE_S)

    def held(self) -> list[str]:
        """What the workers hold although nothing is under way; empty when all is well."""
        return held(self.status())

    def settled(self) -> None:
        """Wait until nothing is under way. Raises Leak when that does not happen."""
        end = monotonic() + 5.0
        while found := self.held():
            if monotonic() > end:
                raise Leak("; ".join(found))
            sleep(0.02)

    def reload(self) -> None:
        """SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(text: str, folder: Path, *, env: Mapping[str, str] | None = None) -> Iterator[RunningProcess]:
    """Run `text` as `folder/portico.yaml`, with `${PORT}` a free port and `folder` as working directory.

    `gateway.data` is left at its default. At the end of the block nothing may be under way, or Leak is raised; then
    the gateway gets SIGTERM, and an exit code other than 0 is an AssertionError with the log.
    """
    port = free_port()
    path = folder / "portico.yaml"
    path.write_text(text, "utf-8")
    house = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(house), "PORT": str(port), **(env or {})}
    with open(folder / "portico.log", "wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "portico", "run", str(path)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    running_process = RunningProcess(process, port, folder)
    try:
        end = monotonic() + PATIENCE_S
        while not running_process.listening():
            if monotonic() > end:
                raise AssertionError(f"the gateway does not listen:\n{running_process.log}")
            sleep(0.02)
        yield running_process
        if process.poll() is None:
            running_process.settled()
        code = running_process.stop()
        if code != 0:
            raise AssertionError(f"the gateway ended with {code}:\n{running_process.log}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
