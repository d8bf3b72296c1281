"""Starts that cannot succeed: one clear line each, an exit code that says whose fault it is, and nothing left."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from portico.process.control import ControlError, ask
from tests.integration.supervised import Supervised, alive, until


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path, workers=1)
    yield supervised
    supervised.end()


def test_a_port_that_is_taken(gateway: Supervised) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        gateway.write(listen=f'"127.0.0.1:{port}"')
        gateway.launch()
        assert gateway.wait() == 1
    assert gateway.log.startswith(
        f"cannot listen on 127.0.0.1:{port}: port {port} is taken by another process"
    )
    assert gateway.log.count("\n") == 1


def test_a_port_of_another_gateway_is_never_shared(gateway: Supervised, tmp_path: Path) -> None:
    gateway.start()
    (tmp_path / "second").mkdir()
    second = Supervised(tmp_path / "second", workers=1)
    second.write(listen=f'"{gateway.address.removeprefix("http://")}"')
    second.launch()
    assert second.wait() == 1
    assert "is taken by another process" in second.log
    second.end()
    assert gateway.get()["name"] == "one"


def test_a_second_gateway_with_the_same_data_folder(gateway: Supervised, tmp_path: Path) -> None:
    gateway.start()
    (tmp_path / "second").mkdir()
    second = Supervised(tmp_path / "second", workers=1)
    second.write(data=tmp_path / "var")
    second.launch()
    assert second.wait() == 1
    assert second.log.startswith(f"already running (pid {gateway.pid})")
    assert second.log.count("\n") == 1
    second.end()
    assert gateway.ask("status")["pid"] == gateway.pid


def test_a_data_folder_that_cannot_be_written(gateway: Supervised, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    gateway.write(data=tmp_path / "file" / "var")
    gateway.launch()
    assert gateway.wait() == 1
    assert gateway.log.startswith(f"cannot use the data folder {tmp_path}/file/var: not a directory")
    assert gateway.log.count("\n") == 1


def test_a_configuration_that_is_wrong(gateway: Supervised) -> None:
    gateway.write(routes="  - {match: /**, service: ap}")
    gateway.launch()
    assert gateway.wait() == 2
    assert 'unknown service "ap"' in gateway.log


def test_a_configuration_that_workers_cannot_compile(gateway: Supervised, tmp_path: Path) -> None:
    gateway.write(name="refuse")
    gateway.launch()
    assert gateway.wait() == 2
    assert "portico.yaml:2:3: gateway.name: is not to our taste\n" in gateway.log
    assert list((tmp_path / "var").iterdir()) == []


def test_workers_that_keep_dying_end_the_start(gateway: Supervised) -> None:
    gateway.write(name="die")
    gateway.launch(backoff_first_s=0.01)
    assert gateway.wait() == 1
    assert "gave up: no worker came to serve in 3 attempts each" in gateway.log
    assert "was killed by SIGKILL" in gateway.log


def test_a_stop_during_the_start(gateway: Supervised, tmp_path: Path) -> None:
    # The application of this service never comes to be ready, so the start waits for it.
    (tmp_path / "sleepy.py").write_text("import time\ntime.sleep(600)\n")
    gateway.write(url="asgi://sleepy:app")
    gateway.launch(children_s=600, child_stop_s=0.2)

    def started() -> list[int]:
        try:
            return gateway.pids()
        except ControlError:
            return []

    pids = until(started, "the service's process")
    assert gateway.ask("reload")["problems"] == ["the gateway is starting or stopping"]
    gateway.ask("stop")
    assert gateway.wait() == 0
    assert not any(map(alive, pids))


def test_a_socket_file_that_a_dead_gateway_left_is_replaced(gateway: Supervised, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "portico.pid").write_text("1\n")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "var" / "control.sock"))
    with pytest.raises(ControlError, match="no gateway runs with the data folder"):
        ask(str(tmp_path / "var"), {"command": "status"})
    gateway.start()
    assert gateway.ask("status")["ok"]


def test_a_gateway_on_a_unix_socket_and_two_ports(gateway: Supervised, tmp_path: Path) -> None:
    gateway.write(listen=f'"127.0.0.1:0", "unix:{tmp_path}/listen.sock", ":0"')
    gateway.start()
    addresses = gateway.announced["addresses"]
    assert addresses[1] == f"unix:{tmp_path}/listen.sock"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{tmp_path}/listen.sock")
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
    assert addresses[2].startswith("http://0.0.0.0:")
    gateway.ask("stop")
    assert gateway.wait() == 0
    assert not (tmp_path / "listen.sock").exists()
