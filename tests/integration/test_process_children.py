"""Services beside the gateway as real processes: they are there, come back, change and go."""

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.supervised import Supervised, alive, until

APP = "asgi://tests.integration.process_app:app"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path, workers=1, url=APP)
    supervised.env = {"STOPPED": str(tmp_path / "stopped")}
    yield supervised
    supervised.end()


def _ask_app(path: str) -> Any:
    """What the service answers on its own socket."""
    connection = http.client.HTTPConnection("service")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(path)
        connection.request("GET", "/")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def _path(gateway: Supervised) -> str:
    return str(gateway.get()["children"]["app"])


def test_a_service_is_ready_when_the_gateway_is_and_stops_after_it(
    gateway: Supervised, tmp_path: Path
) -> None:
    gateway.start()
    assert gateway.announced["children"] == {"app": True}
    path = Path(_path(gateway))
    assert _ask_app(str(path))["greeting"] == "hello"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    pid = gateway.child()["pid"]
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    assert not alive(pid)
    assert (tmp_path / "stopped").exists()
    assert not path.parent.exists()


def test_a_killed_service_comes_back_at_the_same_place(gateway: Supervised) -> None:
    gateway.start()
    path = _path(gateway)
    pid = gateway.child()["pid"]
    workers = gateway.workers()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid), "its end")
    assert _ask_app(path)["pid"] != pid  # who asks meanwhile waits for the next one
    assert gateway.child()["restarts"] == 1
    assert "service app: tests.integration.process_app:app was killed by SIGKILL" in gateway.log
    assert {slot: worker["pid"] for slot, worker in gateway.workers().items()} == {
        slot: worker["pid"] for slot, worker in workers.items()
    }


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "import no_such_module_at_all\n",
            "cannot import broken:app: No module named 'no_such_module_at_all'",
        ),
        ("1 / 0\n", "cannot import broken:app: ZeroDivisionError: division by zero"),
        ("", "cannot import broken:app: module 'broken' has no attribute 'app'"),
        (
            "from tests.integration.process_app import no_lifespan as app\n",
            "broken:app did not start: its lifespan",
        ),
    ],
)
def test_a_service_that_cannot_start_is_named_and_the_gateway_serves(
    gateway: Supervised, tmp_path: Path, source: str, said: str
) -> None:
    (tmp_path / "broken.py").write_text(source)
    gateway.write(url="asgi://broken:app")
    gateway.start()
    assert gateway.announced["children"] == {"app": False}
    assert f"service app: {said}" in gateway.log
    assert gateway.get()["name"] == "one"
    with pytest.raises(ConnectionRefusedError):
        _ask_app(_path(gateway))
    # Its author mends it, and need do nothing else.
    (tmp_path / "broken.py").write_text("from tests.integration.process_app import app\n")
    until(lambda: gateway.child()["ready"], "the service")


def test_the_place_of_a_fault_in_an_application_is_told(gateway: Supervised, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("first = 1\n\nraise RuntimeError('no database')\n")
    gateway.write(url="asgi://broken:app")
    gateway.start()
    assert f"RuntimeError: no database ({tmp_path}/broken.py:3)" in gateway.log


def test_a_service_that_hangs_does_not_keep_the_gateway(gateway: Supervised, tmp_path: Path) -> None:
    (tmp_path / "sleepy.py").write_text("import time\ntime.sleep(600)\n")
    gateway.write(url="asgi://sleepy:app")
    gateway.start(children_s=0.3, child_stop_s=0.2)
    assert gateway.announced["children"] == {"app": False}
    pid = gateway.child()["pid"]
    gateway.ask("stop")
    assert gateway.wait() == 0
    assert not alive(pid)


def test_a_reload_that_changes_a_service_has_its_successor_ready_first(gateway: Supervised) -> None:
    gateway.start()
    old, pid = _path(gateway), gateway.child()["pid"]
    gateway.write(greeting="good day")
    assert gateway.ask("reload")["changes"] == ["service app changed: env.GREETING"]
    assert _ask_app(_path(gateway))["greeting"] == "good day"
    assert _ask_app(old)["greeting"] == "hello"  # for as long as tunnels may use it
    assert alive(pid)


def test_a_service_that_is_no_longer_wanted_ends_when_tunnels_had_their_time(gateway: Supervised) -> None:
    gateway.write(drain="100ms")
    gateway.start()
    path, pid = _path(gateway), gateway.child()["pid"]
    gateway.write(drain="100ms", url="http://127.0.0.1:9")
    assert gateway.ask("reload")["ok"]
    until(lambda: not alive(pid), "the service to end")
    until(lambda: not Path(path).exists(), "its socket to be removed")
    until(lambda: gateway.ask("status")["children"] == [], "it to be forgotten")


def test_a_reload_that_changes_no_service_keeps_its_process(gateway: Supervised) -> None:
    gateway.start()
    pid = gateway.child()["pid"]
    gateway.write(name="two")
    assert gateway.ask("reload")["ok"]
    assert gateway.child()["pid"] == pid


def test_a_reload_to_a_service_that_cannot_start_is_refused(gateway: Supervised) -> None:
    gateway.start()
    path = _path(gateway)
    gateway.write(url="asgi://no_such_application:app", name="two")
    answer = gateway.ask("reload")
    assert answer["problems"] == [
        "service app: cannot import no_such_application:app: No module named 'no_such_application'"
    ]
    assert _path(gateway) == path
    assert gateway.get()["name"] == "one"
    assert len(gateway.ask("status")["children"]) == 1


def test_a_restart_replaces_services_too(gateway: Supervised) -> None:
    gateway.write(drain="100ms")
    gateway.start()
    pid = gateway.child()["pid"]
    assert gateway.ask("restart")["ok"]
    assert gateway.child()["pid"] != pid
    assert all(
        _ask_app(answer["children"]["app"])["greeting"] for answer in gateway.from_every_worker().values()
    )
    until(lambda: not alive(pid), "the old one to end")


def test_services_with_paths_of_one_application_share_its_process(gateway: Supervised) -> None:
    gateway.write(SHARED.format(folder=gateway.folder, second="hello"))
    gateway.start()
    assert gateway.announced["children"] == {"one": True, "two": True, "alone": True}
    label = "tests.integration.process_app:app"
    shared, alone = sorted(
        gateway.ask("status")["children"], key=lambda child: str(child["service"] != label)
    )
    assert (shared["service"], alone["service"]) == (label, "alone")
    gateway.write(SHARED.format(folder=gateway.folder, second="bye"))
    assert gateway.ask("reload")["ok"]
    # Another environment is another process; who kept theirs keeps the process too.
    pids = [child["pid"] for child in gateway.ask("status")["children"] if not child["leaving"]]
    assert len(pids) == 3
    assert shared["pid"] in pids
    assert alone["pid"] in pids


SHARED = """
version: 1
gateway: {{listen: ["127.0.0.1:0"], data: "{folder}/var"}}
services:
  one: {{url: "asgi://tests.integration.process_app:app/one", env: {{GREETING: hello}}}}
  two: {{url: "asgi://tests.integration.process_app:app/two", env: {{GREETING: {second}}}}}
  alone: {{url: "asgi://tests.integration.process_app:app", env: {{GREETING: hello}}}}
routes: [{{match: /one, service: one}}]
"""
