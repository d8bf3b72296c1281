"""Starts a supervised gateway as a process of its own, for tests, and asks it things from outside.

As a program it is that process: it runs the supervisor on the configuration and the waits that it is given.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from portico.process.control import ask
from tests.leaks import look_at, watch

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
STAND_IN = "tests.integration.process_gateway:Gateway"

CONFIGURATION = """\
version: 1
gateway:
  name: {name}
  listen: [{listen}]
  workers: {workers}
  data: {data}
  shutdown: {{delay: {delay}, grace: {grace}}}
  drain_timeout: {drain}
services:
  app: {{url: "{url}"{env}}}
routes:
{routes}
"""


def until(found: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """Poll until `found` gives something true; it may also raise what a starting or ending process makes it raise."""
    deadline = time.monotonic() + patience_s
    trouble: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if value := found():
                return value
        except (OSError, http.client.HTTPException) as error:
            trouble = error
        time.sleep(0.02)
    raise AssertionError(f"waited {patience_s:g} s for {what}") from trouble


def get(address: str, path: str = "/") -> Any:
    """One GET over a new connection; the body as JSON. Raises what the connection raises."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _sources(folder: Path) -> str:
    """Where modules come from: this checkout, a test's own folder, and wherever Portico itself was taken from."""
    return os.pathsep.join(filter(None, (str(ROOT), str(folder), os.environ.get("PYTHONPATH", ""))))


class Supervised:
    """One gateway. Its configuration can be rewritten while it runs; its standard error is in `log`."""

    def __init__(self, folder: Path, gateway: str = STAND_IN, **values: Any) -> None:
        self.folder = folder
        self.file = folder / "portico.yaml"
        self.gateway = gateway
        self.values = values
        self.real = (
            gateway != STAND_IN
        )  # else nothing is compiled, and more may be written than a gateway would take
        self.env: dict[str, str] = {}
        self.process: subprocess.Popen[str] | None = None
        self.announced: dict[str, Any] = {}
        self.write()

    def write(self, text: str | None = None, **values: Any) -> None:
        """Write the configuration: a whole text, or the usual one with these values."""
        settings = {
            "name": "one",
            "listen": '"127.0.0.1:0"',
            "workers": 2,
            "data": self.folder / "var",
            "delay": "0s",
            "grace": "20s",
            "drain": "5m",
            "url": "http://127.0.0.1:9",
            "greeting": "hello",
            "env": "",
            "routes": "  - {match: /**, service: app}",
            **self.values,
            **values,
        }
        if str(settings["url"]).startswith("asgi:"):
            settings["env"] = f', env: {{GREETING: "{settings["greeting"]}"}}'
        self.file.write_text(CONFIGURATION.format(**settings) if text is None else text)

    def launch(self, **timing: float) -> Supervised:
        """Start it, and wait for nothing."""
        with open(self.folder / "stderr", "ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.integration.supervised",
                    self.file,
                    self.gateway,
                    json.dumps(timing),
                    str(self.real),
                ],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": _sources(self.folder), **self.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self

    def start(self, **timing: float) -> Supervised:
        """Start it, and wait until it serves."""
        self.launch(**timing)
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it ended with {self.process.wait()}: {self.log}"
        self.announced = json.loads(line)
        if self.real:
            watch(self.folder / "var", self.process)
        return self

    @property
    def log(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def address(self) -> str:
        return str(self.announced["addresses"][0])

    def get(self, path: str = "/") -> Any:
        return get(self.address, path)

    def ask(self, command: str) -> dict[str, Any]:
        return ask(str(self.folder / "var"), {"command": command}, PATIENCE_S)

    def workers(self) -> dict[int, dict[str, Any]]:
        """The serving workers by slot."""
        return {
            worker["worker"]: worker
            for worker in self.ask("status")["workers"]
            if worker["state"] == "serving"
        }

    def child(self) -> dict[str, Any]:
        """The only service beside the gateway that is not on its way out."""
        (child,) = (child for child in self.ask("status")["children"] if not child["leaving"])
        return dict(child)

    def pids(self) -> list[int]:
        """Every process of it but the first."""
        status = self.ask("status")
        return [each["pid"] for each in (*status["workers"], *status["children"]) if each["pid"]]

    def from_every_worker(self, path: str = "/") -> dict[int, Any]:
        """An answer from each worker: connections are spread by chance, so ask until all have spoken."""
        answers: dict[int, Any] = {}
        count = self.announced["workers"]

        def asked() -> bool:
            answer = self.get(path)
            answers[answer["worker"]] = answer
            return bool(len(answers) == count)

        until(asked, "an answer from every worker")
        return answers

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code."""
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        """Whatever is left of it, once it was seen to hold nothing."""
        try:
            if self.process is not None and self.real:
                look_at(self.folder / "var", self.process)
        finally:
            self._end()

    def _end(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self.process.send_signal(
                    signal.SIGINT
                )  # the second signal does not wait for what is in flight
                try:
                    self.process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()


@contextlib.contextmanager
def waiting_request(running: Supervised, flag: Path) -> Iterator[socket.socket]:
    """A request that is in flight until the file `flag` exists."""
    host, _, port = running.address.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(f"GET /wait?{flag} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        until(
            lambda: any(each.get("in_flight") for each in running.ask("status")["workers"]),
            "a request in flight",
        )
        yield client


def _main(path: str, gateway: str, timing: Mapping[str, Any], real: bool) -> int:
    from portico.config import load_settings
    from portico.process.supervisor import Announcement, load_configuration, run
    from portico.process.timing import Timing

    def announce(announcement: Announcement) -> None:
        told = {field.name: getattr(announcement, field.name) for field in dataclasses.fields(announcement)}
        sys.stdout.write(json.dumps({**told, "loaded": None}) + "\n")
        sys.stdout.flush()

    return run(
        path,
        announce=announce,
        load=load_configuration if real else lambda file: load_settings(file, {}, os.environ, required=()),
        gateway=gateway,
        timing=Timing(**timing),
    )


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4] == "True"))
