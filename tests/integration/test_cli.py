"""The program against a gateway that runs: from `portico run` to `portico stop`, and what a person does between."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli_gateway import CONFIGURATION, Portico, echoing, pasted
from tests.integration.supervised import ROOT, until


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with echoing() as where:
        yield where


@pytest.fixture
def portico(tmp_path: Path, url: str) -> Iterator[Portico]:
    (tmp_path / "portico.yaml").write_text(CONFIGURATION.format(url=url))
    program = Portico(tmp_path)
    yield program
    program.end()


def test_the_greeting_and_its_curl_lines(portico: Portico) -> None:
    lines = portico.run()
    assert lines[0].startswith("Portico ")
    assert lines[0].endswith("with 2 workers")
    assert "  name: ann" in lines
    health, opened, closed = (pasted(line.strip()) for line in lines if line.startswith("  curl "))
    assert health[0] == 200
    assert opened == (200, "GET /open/a?b=c - ")
    assert closed == (200, """PUT /closed/x ann {"because": "it's $HOME"}""")
    portico.running.send_signal(signal.SIGINT)  # type: ignore[union-attr]  # it runs
    assert portico.wait() == 0
    assert portico.log.count("Traceback") == 0


def test_status_for_people_and_scripts(portico: Portico) -> None:
    portico.run()
    shown = portico("status")
    assert (shown.returncode, shown.stderr) == (0, "")
    first, second, _, head, *workers = shown.stdout.splitlines()
    assert f"pid {portico.running.pid}, up " in first  # type: ignore[union-attr]
    assert first.endswith("generation 1")
    assert second.startswith("portico.yaml on http://127.0.0.1:")
    assert " ".join(head.split()) == "WORKER PID STATE UP GENERATION IN FLIGHT CONNECTIONS RESTARTS"
    assert [line.split()[2] for line in workers[:2]] == ["serving", "serving"]
    data = json.loads(portico("status", "--json").stdout)
    assert data["ok"] is True
    assert [worker["state"] for worker in data["workers"]] == ["serving", "serving"]


def test_a_reload_and_one_that_is_refused(portico: Portico) -> None:
    portico.run()
    file = portico.folder / "portico.yaml"
    good = file.read_text()
    same = portico("reload")
    assert (same.returncode, same.stdout) == (0, "nothing is different\nGeneration 2 is live.\n")
    file.write_text(good.replace("/open/**", "/wide/**"))
    changed = portico("reload")
    assert changed.stdout == "route /open/** removed\nroute /wide/** added\nGeneration 3 is live.\n"
    file.write_text(good.replace("service: echo,", "service: eco,"))
    refused = portico("reload")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count('unknown service "eco" – did you mean "echo"?') == 2
    assert refused.stderr.endswith("The reload was refused: generation 3 stays live.\n")
    script = portico("reload", "--json")
    assert script.returncode == 2
    assert json.loads(script.stdout)["ok"] is False
    file.write_text(good)
    assert json.loads(portico("reload", "--json").stdout)["changes"]


def test_restart_and_stop(portico: Portico) -> None:
    portico.run()
    before = {worker["pid"] for worker in json.loads(portico("status", "--json").stdout)["workers"]}
    done = portico("restart")
    assert done.returncode == 0
    assert done.stdout.startswith("Every worker is new")
    after = [
        worker["pid"]
        for worker in json.loads(portico("status", "--json").stdout)["workers"]
        if worker["state"] == "serving"
    ]
    assert before.isdisjoint(after)
    stopped = portico("stop")
    assert stopped.returncode == 0
    assert f"(pid {portico.running.pid}) has stopped" in stopped.stdout  # type: ignore[union-attr]
    assert portico.wait() == 0
    # Its data folder is free at once.
    portico.run()
    assert portico("stop").returncode == 0


@pytest.mark.parametrize("command", ["status", "reload", "restart", "stop"])
def test_nothing_runs(portico: Portico, command: str) -> None:
    done = portico(command, "--data", "elsewhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        'no gateway runs with the data folder elsewhere: start one with "portico run FILE", '
        "or name its folder with --data\n"
    )


def test_starts_that_cannot_succeed_say_why_in_a_line(portico: Portico) -> None:
    file = portico.folder / "portico.yaml"
    good = file.read_text()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        file.write_text(good.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        taken = portico("run")
    assert taken.returncode == 1
    assert taken.stderr.startswith(
        f"cannot listen on 127.0.0.1:{port}: port {port} is taken by another process"
    )
    assert taken.stderr.count("\n") == 1
    (portico.folder / "file").touch()
    file.write_text(good.replace("workers: 2", "data: file/var"))
    folder = portico("run")
    assert folder.returncode == 1
    assert folder.stderr.startswith("cannot use the data folder file/var: not a directory")
    file.write_text(good.replace("CLI_SECRET", "CLI_NO_SECRET"))
    variable = portico("run")
    assert variable.returncode == 2
    assert "the environment variable CLI_NO_SECRET is not set" in variable.stderr
    assert portico("run", "nowhere.yaml").returncode == 2


def test_a_second_gateway_in_the_same_folder(portico: Portico) -> None:
    portico.run()
    second = portico("run")
    assert second.returncode == 1
    assert second.stderr.startswith(f"already running (pid {portico.running.pid})")  # type: ignore[union-attr]


def test_the_first_file_serves(portico: Portico, url: str) -> None:
    assert portico("init", "first.yaml").returncode == 0
    file = portico.folder / "first.yaml"
    file.write_text(file.read_text().replace("http://127.0.0.1:8000", url).replace(":3000", "127.0.0.1:0"))
    lines = portico.run("first.yaml")
    assert [pasted(line.strip())[0] for line in lines if line.startswith("  curl ")] == [200, 200]


def test_nobody_reads_the_greeting(portico: Portico) -> None:
    reading, writing = os.pipe()
    with open(portico.folder / "stderr", "w") as err:
        portico.running = subprocess.Popen(
            [sys.executable, "-m", "portico", "run"],
            cwd=portico.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CLI_SECRET": "x" * 40},
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=err,
            text=True,
        )
    os.close(writing)
    os.close(reading)
    until(lambda: '"serving"' in portico("status", "--json").stdout, "a gateway that serves")
    assert portico("stop").returncode == 0
    assert "Traceback" not in portico.log


def on_a_terminal(portico: Portico, **env: str) -> str:
    """What `portico routes` shows on a terminal."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-m", "portico", "routes"],
            cwd=portico.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CLI_SECRET": "x" * 40, **env},
            stdout=theirs,
            check=True,
        )
        return os.read(ours, 1 << 16).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_colours_are_for_terminals(portico: Portico) -> None:
    assert "\x1b[" in on_a_terminal(portico, NO_COLOR="")
    assert "\x1b[" not in on_a_terminal(portico, NO_COLOR="1")
    assert "\x1b[" not in portico("routes").stdout
