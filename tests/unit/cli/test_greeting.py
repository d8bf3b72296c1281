"""What `portico run` prints once it serves."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jwt
import pytest

from portico.cli.configuration import load
from portico.cli.greeting import greeting
from portico.process.supervisor import Announcement
from tests.unit.cli.command import CONFIGURATION, SECRET

Announce = Callable[[str], Announcement]


@pytest.fixture
def announce(here: Path, monkeypatch: pytest.MonkeyPatch) -> Announce:
    def made(text: str) -> Announcement:
        monkeypatch.setenv("CLI_SECRET", SECRET)
        (here / "portico.yaml").write_text(text)
        return Announcement(("http://127.0.0.1:3000",), 2, {}, 1, load("portico.yaml").loaded)

    return made


def test_a_ready_token_and_lines_to_paste(announce: Announce) -> None:
    lines = list(greeting(announce(CONFIGURATION)))
    assert "serves on http://127.0.0.1:3000 with 2 workers" in lines[0]
    token = lines[lines.index("\x1b[1mToken, valid for 1h\x1b[0m") + 1].strip()
    assert jwt.decode(token, SECRET, algorithms=["HS256"])["sub"] == "ann"
    health, close = (shlex.split(line) for line in lines if line.startswith("  curl "))
    assert health == ["curl", "http://127.0.0.1:3000/health"]
    assert close == [
        "curl",
        "-H",
        f"Authorization: Bearer {token}",
        "-H",
        "Content-Type: application/json",
        "-d",
        '{"because": "it\'s done"}',
        "http://127.0.0.1:3000/tickets/7/close",
    ]
    assert lines[-1] == 'Ctrl-C stops it. From another terminal: "portico status", "portico reload".'


def test_without_a_development_section_there_is_no_token(announce: Announce) -> None:
    lines = list(greeting(announce(CONFIGURATION.partition("development:")[0])))
    assert len(lines) == 3
    assert "Token" not in "".join(lines)


def test_addresses_services_and_another_data_folder(announce: Announce) -> None:
    text = CONFIGURATION.partition("development:")[0].replace("gateway: {", "gateway: {data: /run/psa, ")
    given = replace(
        announce(text),
        addresses=("http://0.0.0.0:80", "http://[::]:80", "http://[::1]:81", "unix:/run/p.sock"),
        workers=1,
        children={"auth": True, "crm": False},
    )
    lines = list(greeting(given))
    places = "http://127.0.0.1:80 (every interface), http://[::1]:81, unix:/run/p.sock with 1 worker"
    assert places in lines[0]
    assert lines[1:3] == [
        "  service auth runs beside it",
        "  service crm runs beside it, but is not ready: the log says why",
    ]
    assert lines[-1].endswith('"portico status --data /run/psa", "portico reload --data /run/psa".')


def test_a_demo_user_and_entries_that_need_no_token(announce: Announce) -> None:
    development = """development:
  user: {email: ann@example.com, password: open sesame}
  token: {identity: users, claims: {sub: ann}}
  try: [/nothing, /tickets/../.., http://pages.example/docs, GET]
"""
    lines = list(greeting(announce(CONFIGURATION.partition("development:")[0] + development)))
    assert lines[lines.index("  email: ann@example.com") + 1] == "  password: open sesame"
    assert any(line.startswith("  none: ") and "tenant_id" in line for line in lines)
    assert [line for line in lines if "curl" in line] == [
        "  curl http://127.0.0.1:3000/nothing",
        "  curl http://127.0.0.1:3000/tickets/../..",
    ]
    assert sum(line.startswith("  # ") and "is no request" in line for line in lines) == 2
