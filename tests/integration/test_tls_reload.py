"""Certificates renewed under traffic, on two workers, as an operator does it: files replaced, then SIGHUP."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from portico.testing import free_port
from portico.testing.running import RunningProcess, running
from tests.certificates import Pair
from tests.integration.raw import RawService, echo
from tests.integration.secure import OURS
from tests.integration.supervised import PATIENCE_S, until

CLIENTS = 4
CONFIGURATION = """\
version: 1
gateway:
  workers: 2
  listen:
    - {port: "${PORT}", tls: {cert: shop.pem, key: shop.key}}
    - {port: "${PLAIN}", redirect: https}
logs: {access: off, format: json}
services: {echo: {url: "<url>"}}
routes: [{match: /**, service: echo, authenticate: none}]
"""
OLD, NEW = OURS.issue(["shop.test", "old.test"]), OURS.issue(["shop.test", "new.test"], key_name="new")


class Traffic:
    """A client that asks over and over, on a connection of its own for a few requests each."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stop = threading.Event()
        self.answered = 0
        self.wrong: list[str] = []
        self.seen: set[str] = set()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        context = OURS.context()
        while not self.stop.is_set():
            try:
                with connect(self.port, context) as connection:
                    self.seen.update(names(connection))
                    for _ in range(5):
                        connection.sendall(b"GET /a HTTP/1.1\r\nhost: shop.test\r\n\r\n")
                        reply = connection.recv(65536)
                        if not (reply.startswith(b"HTTP/1.1 200 ") and reply.endswith(b"GET /a")):
                            self.wrong.append(repr(reply))
                        self.answered += 1
            except OSError as error:
                self.wrong.append(repr(error))

    def end(self) -> None:
        self.stop.set()
        self.thread.join()


def connect(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(
        socket.create_connection(("127.0.0.1", port), PATIENCE_S), server_hostname="shop.test"
    )


def names(connection: ssl.SSLSocket) -> list[str]:
    alternatives: Any = (connection.getpeercert() or {})["subjectAltName"]
    return [name for _, name in alternatives]


def shown(port: int) -> set[str]:
    """The names that several connections, so probably both workers, are shown."""
    found: set[str] = set()
    for _ in range(8):
        with connect(port, OURS.context()) as connection:
            found.update(names(connection))
    return found


def write(folder: Path, pair: Pair) -> None:
    pair.write(folder, "shop")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RunningProcess]:
    write(tmp_path, OLD)
    with RawService(echo) as service:
        text = CONFIGURATION.replace("<url>", service.url)
        with running(text, tmp_path, env={"PLAIN": str(free_port())}) as process:
            # Its sockets are there before it serves, and a reload before that is none.
            until(lambda: "Ctrl-C stops it" in process.log, "it serves")
            yield process


def told(gateway: RunningProcess) -> list[str]:
    return [json.loads(line)["msg"] for line in gateway.log.splitlines() if line.startswith("{")]


def test_renewed_certificates_are_shown_and_nobody_notices(gateway: RunningProcess) -> None:
    with ExitStack() as stack:
        clients = [Traffic(gateway.port) for _ in range(CLIENTS)]
        for client in clients:
            stack.callback(client.end)
        _go_on(clients)
        assert shown(gateway.port) == {"shop.test", "old.test"}
        for number, (pair, name) in enumerate(((NEW, "new.test"), (OLD, "old.test"), (NEW, "new.test")), 2):
            write(gateway.folder, pair)
            gateway.reload()
            until(lambda number=number: _all_serve(gateway, number), "a new generation")  # type: ignore[misc]
            assert shown(gateway.port) == {"shop.test", name}
        _go_on(clients)
    for client in clients:
        assert client.wrong == []
        assert {"old.test", "new.test"} <= client.seen


def _all_serve(gateway: RunningProcess, generation: int) -> bool:
    return all(worker["generation"] == generation for worker in gateway.status()["workers"])


def _go_on(clients: list[Traffic]) -> None:
    before = [client.answered for client in clients]
    until(
        lambda: all(client.answered > count + 10 for client, count in zip(clients, before, strict=True)),
        "traffic",
    )


BROKEN = (
    ("shop.pem", "no certificate", "gateway.listen[0].tls.cert: there is no certificate in PEM form in "),
    ("shop.key", NEW.key, "gateway.listen[0].tls.key: the key in "),
    ("shop.key", None, "gateway.listen[0].tls.key: cannot read the file "),
)


def test_a_broken_file_changes_nothing(gateway: RunningProcess) -> None:
    for number, (file, text, reason) in enumerate(BROKEN, 1):
        write(gateway.folder, OLD)
        path = gateway.folder / file
        path.unlink()
        if text is not None:
            path.write_text(text)
        gateway.reload()
        until(lambda number=number: _refusals(gateway) == number, "a refusal")  # type: ignore[misc]
        (line,) = (line for line in told(gateway) if reason in line)
        assert f"{gateway.folder}/portico.yaml:5:" in line
        assert "PRIVATE KEY" not in gateway.log
        assert shown(gateway.port) == {"shop.test", "old.test"}
    # A worker that starts now gets what was checked, not what is on the disk.
    victim = gateway.status()["workers"][0]["pid"]
    os.kill(victim, signal.SIGKILL)

    def succeeded() -> bool:
        workers = gateway.status()["workers"]
        serving = [one["pid"] for one in workers if one["state"] == "serving"]
        return len(serving) == 2 and victim not in serving

    until(succeeded, "a successor")
    assert shown(gateway.port) == {"shop.test", "old.test"}


def _refusals(gateway: RunningProcess) -> int:
    return sum(line.startswith("reload refused: everything") for line in told(gateway))
