"""Starting and stopping: what cannot work says so in one line, and two may start on a new database at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from samples.auth.accounts import DEMO_USER_ID
from tests.integration.samples.running import (
    SECRET,
    Caller,
    Service,
    environment,
    postgresql,
    postgresql_programs,
)

SERVICES = ["tickets", "auth", "crm"]


def run(name: str, folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"samples.{name}", "--port", "0", *arguments],
        cwd=folder,
        env={**environment(), **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_one_clear_line(name: str, tmp_path: Path) -> None:
    done = run(name, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"samples.{name}: JWT_SECRET is not set; ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_short_secret_is_one_clear_line(name: str, tmp_path: Path) -> None:
    done = run(name, tmp_path, JWT_SECRET="x" * 31)
    assert done.returncode == 2
    assert done.stderr == f"samples.{name}: JWT_SECRET is 31 bytes long; it must have at least 32\n"


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"DATABASE_URL": "sqlite:////dev/null/tickets.db"}, "cannot open the database sqlite"),
        ({"DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/x"}, "cannot open the database postgresql"),
        ({"DEMO_USER": "demo@example.com"}, "DEMO_USER and DEMO_PASSWORD belong together"),
        ({"AUTH_OUTBOX": "/dev/null/outbox"}, "AUTH_OUTBOX: cannot make the folder"),
    ],
)
def test_what_cannot_work_is_said_without_a_stack_trace(
    env: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = run("auth", tmp_path, JWT_SECRET=SECRET, **env)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret@" not in done.stderr


def test_a_taken_port_ends_the_start(tmp_path: Path) -> None:
    with Service("crm", tmp_path) as service:
        port = service.base_url.rsplit(":", 1)[1]
        done = run("crm", tmp_path, "--port", port, JWT_SECRET=SECRET)
        assert done.returncode != 0
        assert "address already in use" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_stops_cleanly(name: str, tmp_path: Path) -> None:
    service = Service(name, tmp_path).start().wait()
    assert httpx.get(f"{service.base_url}/health").status_code == 200
    # uvicorn raises the signal again after its good end, so that its parent sees why it ended.
    assert service.stop() in (0, -15)
    assert "Finished server process" in service.log.read_text()
    assert "Traceback" not in service.log.read_text()


def test_several_processes_start_on_a_new_sqlite_database_at_once(tmp_path: Path) -> None:
    start_together(tmp_path, f"sqlite:///{tmp_path}/new/platform.db")


def test_several_processes_start_on_a_new_postgresql_database_at_once(tmp_path: Path) -> None:
    with postgresql(programs_or_skip()) as url:
        start_together(tmp_path, url)


def programs_or_skip() -> Path:
    programs = postgresql_programs()
    if programs is None:
        pytest.skip(
            "PostgreSQL is not installed (no initdb found); its tests need the Debian package postgresql"
        )
    return programs


def start_together(folder: Path, url: str) -> None:
    env = {"DEMO_USER": "demo@example.com", "DEMO_PASSWORD": "demo-password"}
    started = [Service(name, folder, url, env).start() for name in ("tickets", "tickets", "auth", "auth")]
    try:
        for service in started:
            service.wait()
            assert httpx.get(f"{service.base_url}/health").json()["status"] == "healthy"
        for service in started[2:]:
            nobody = Caller(service.base_url)
            body = {"email": "demo@example.com", "password": "demo-password"}
            assert nobody.post("/auth/login", body, 200)["user"]["id"] == DEMO_USER_ID
            nobody.close()
    finally:
        for service in started:
            service.stop()


def test_the_demo_account_follows_the_environment(tmp_path: Path) -> None:
    for email, password in (("one@example.com", "password one"), ("two@example.com", "password two")):
        with Service("auth", tmp_path, env={"DEMO_USER": email, "DEMO_PASSWORD": password}) as service:
            nobody = Caller(service.base_url)
            entered = nobody.post("/auth/login", {"email": email, "password": password}, 200)
            assert entered["user"]["id"] == DEMO_USER_ID
            nobody.close()
    taken = {"DEMO_USER": "three@example.com", "DEMO_PASSWORD": "password three"}
    with Service("auth", tmp_path) as service:
        nobody = Caller(service.base_url)
        nobody.post("/auth/register", {"email": taken["DEMO_USER"], "password": "password four"})
        nobody.close()
    done = run("auth", tmp_path, JWT_SECRET=SECRET, **taken)
    assert done.returncode != 0
    assert "DEMO_USER is three@example.com, which somebody else registered" in done.stderr


def test_a_service_whose_database_went_away_says_so(tmp_path: Path) -> None:
    with postgresql(programs_or_skip()) as url:
        service = Service("auth", tmp_path, url).start().wait()
    try:
        health = httpx.get(f"{service.base_url}/health")
        assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
        nobody = Caller(service.base_url)
        error = nobody.post("/auth/login", {"email": "a@b.example", "password": "password"}, 503)
        assert error["message"] == "The database is not available"
        nobody.close()
    finally:
        service.stop()
    assert "Traceback" not in service.log.read_text()
