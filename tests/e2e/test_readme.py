"""The README's commands, as written: what they print works when pasted, and they end as it says."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.checkout import Checkout, address, curl_lines
from tests.integration.samples.running import SECRET
from tests.integration.supervised import PATIENCE_S

DEMO = {"DEMO_USER": "demo@example.com", "DEMO_PASSWORD": "a password of nobody"}

pytestmark = pytest.mark.xdist_group("e2e")


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    copy = Checkout(tmp_path / "portico")
    yield copy
    copy.end()


def one_line(text: str) -> str:
    """The only line that is not make's own."""
    (line,) = [line for line in text.splitlines() if line and not line.startswith("make: ")]
    assert "Traceback" not in text
    return line


def test_make_lists_its_targets(checkout: Checkout) -> None:
    done = checkout.run("make")
    assert done.returncode == 0
    for target in ("run", "test", "check", "fix", "clean"):
        assert f"\n  make {target} " in done.stdout


def test_make_run_and_every_line_that_it_prints(checkout: Checkout) -> None:
    printed = checkout.start("make", "run", PORT="0")
    base = address(printed)
    assert "Demo user" in printed
    assert "email: " in printed
    assert "@" in printed.partition("email: ")[2].partition("\n")[0], "there is a demo user to sign in as"
    assert "\nToken, valid for " in printed
    assert (checkout.folder / "var" / "jwt-secret").stat().st_mode & 0o077 == 0
    tries = curl_lines(printed)
    assert len(tries) == 4
    answers = []
    for line in tries:
        done = checkout.run("bash", "-c", f"{line} --silent --show-error --write-out '\\n%{{http_code}}'")
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        assert status in ("200", "201"), f"{line}: {status} {body}"
        answers.append(json.loads(body))
    assert answers[0]["status"] == "healthy"
    assert answers[1]["title"] == "The printer burns"
    assert answers[2]["total"] == 1
    assert answers[2]["data"][0]["id"] == answers[1]["id"]

    email = printed.partition("email: ")[2].partition("\n")[0]
    password = printed.partition("password: ")[2].partition("\n")[0]
    asked = urllib.request.Request(
        f"{base}/api/v1/auth/login",
        json.dumps({"email": email, "password": password}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as reply:
        assert json.loads(reply.read())["user"]["role"] == "agent"

    status_told = checkout.run(str(checkout.venv / "bin" / "portico"), "status")
    assert status_told.returncode == 0
    assert "\nWORKER" in status_told.stdout
    reloaded = checkout.run(str(checkout.venv / "bin" / "portico"), "reload")
    assert reloaded.returncode == 0

    # GNU make waits for its command and then ends by the signal, whatever the command's exit code was.
    assert checkout.interrupt() in (0, -signal.SIGINT)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{base}/health", timeout=PATIENCE_S)
    assert "Traceback" not in checkout.out.read_text()


def test_a_second_run_keeps_the_data_and_the_secret_and_ctrl_c_ends_it_with_0(checkout: Checkout) -> None:
    secrets = []
    for total in (1, 2):
        printed = checkout.start("tools/run.sh", "psa", PORT="0")
        secrets.append((checkout.folder / "var" / "jwt-secret").read_text())
        _, make_ticket, list_tickets, _ = curl_lines(printed)
        assert checkout.run("bash", "-c", f"{make_ticket} --silent").returncode == 0
        listed = checkout.run("bash", "-c", f"{list_tickets} --silent")
        assert json.loads(listed.stdout)["total"] == total
        assert checkout.interrupt() == 0
    assert secrets[0] == secrets[1]


def test_a_port_that_is_taken(checkout: Checkout) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = checkout.run("make", "--silent", "run", PORT=port, JWT_SECRET=SECRET, **DEMO)
    assert done.returncode != 0
    line = one_line(done.stderr)
    assert port in line
    assert "in use" in line or "taken" in line


def test_a_missing_variable(checkout: Checkout) -> None:
    done = checkout.run(
        str(checkout.venv / "bin" / "portico"), "run", "profiles/psa.yaml", PORT="0", JWT_SECRET=None
    )
    assert done.returncode == 2
    assert "JWT_SECRET" in one_line(done.stderr)
    assert done.stdout == ""


def test_a_secret_that_is_too_short(checkout: Checkout) -> None:
    done = checkout.run("make", "--silent", "run", PORT="0", JWT_SECRET="short")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "32" in done.stderr


def test_a_data_folder_that_cannot_be_written(checkout: Checkout) -> None:
    # A file in its place stops root too, whom permissions do not.
    (checkout.folder / "var").write_text("in the way")
    done = checkout.run("make", "--silent", "run", PORT="0")
    assert done.returncode != 0
    assert "var" in one_line(done.stderr)
    by_hand = checkout.run(
        str(checkout.venv / "bin" / "portico"), "run", "profiles/psa.yaml", PORT="0", JWT_SECRET=SECRET
    )
    assert by_hand.returncode == 1
    assert "var" in one_line(by_hand.stderr)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_may_not_be_written(checkout: Checkout) -> None:
    (checkout.folder / "var").mkdir(mode=0o500)
    done = checkout.run("make", "--silent", "run", PORT="0")
    assert done.returncode != 0
    assert "make it writable" in one_line(done.stderr)


def test_a_profile_that_there_is_not(checkout: Checkout) -> None:
    done = checkout.run("make", "--silent", "run", PROFILE="nothing")
    assert done.returncode != 0
    assert "psa" in one_line(done.stderr)
