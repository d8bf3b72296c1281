"""README.md: its configuration is good, its mistake is told as shown, its stage runs, its commands exist."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import sys
from pathlib import Path

import httpx
import pytest

from portico.testing import Upstream, gateway
from tests.unit.cli.command import portico as command
from tests.unit.docs.pages import Block, page

PAGE = page("README.md")
ENVIRONMENT = {"JWT_SECRET": "correct-horse-battery-staple-0123456789"}


def block(language: str) -> Block:
    """The only block in this language."""
    found = [one for one in PAGE.blocks if one.language == language]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of the page, in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "portico.yaml"
    path.write_text(block("yaml").text, encoding="utf-8")
    return path


def test_the_configuration_is_good(configuration: Path) -> None:
    checked = command("check", "portico.yaml", env=ENVIRONMENT)
    assert (checked.code, checked.err) == (0, "")
    assert [row for row in checked.rows if "portico.yaml:" in row] == [
        "portico.yaml: good, with 2 routes",
        "GET /** web portico.yaml:21",
    ]


def test_it_needs_the_variable_that_it_names(configuration: Path) -> None:
    checked = command("check", "portico.yaml", env={"JWT_SECRET": None})
    assert checked.code == 2
    assert "the environment variable JWT_SECRET is not set" in checked.err


def test_a_mistake_looks_as_shown(configuration: Path) -> None:
    good = configuration.read_text(encoding="utf-8")
    configuration.write_text(good.replace("service: tickets,", "service: tikets,", 1), encoding="utf-8")
    checked = command("check", "portico.yaml", env=ENVIRONMENT)
    assert checked.code == 2
    assert block("").text.strip() in checked.err.splitlines()


def test_the_commands_exist_and_take_what_is_shown(configuration: Path) -> None:
    lines = [
        line.partition("#")[0]
        for one in PAGE.blocks
        if one.language == "sh"
        for line in one.text.splitlines()
        if line.startswith("portico ")
    ]
    assert len(lines) >= 8
    made = command(
        "token", "-c", "portico.yaml", "--claim", "sub=ann", "--claim", "tenant_id=one", env=ENVIRONMENT
    )
    ran = []
    for line in lines:
        words = shlex.split(line.partition(">")[0])[1:]
        if words[0] in ("run", "reload", "status"):  # they want a gateway that runs
            assert command(words[0], "--help").code == 0
            continue
        if words[0] == "init":
            words.append("first.yaml")  # the name that is not given here is taken
        words = [made.out.strip() if word == "$TOKEN" else word for word in words]
        result = command(*words, env=ENVIRONMENT)
        assert result.code == 0, (line, result.err)
        ran.append(words[0])
        if words[0] == "schema":
            assert json.loads(result.out)["type"] == "object"
    assert ran == ["init", "check", "routes", "explain", "revoke", "schema"]


async def test_the_stage_runs_when_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "beta.py").write_text(block("python").text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("my_package", "my_package.beta"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    reference = re.search(r'`stages: \["([^"]+)"\]`', PAGE.text)
    on_route = re.search(r"`(beta: \{\})`", PAGE.text)
    assert reference is not None
    assert on_route is not None
    text = f"""
version: 1
stages: ["{reference[1]}"]
services: {{app: {{url: "${{APP}}"}}}}
routes:
  - match: /**
    service: app
    authenticate: none
    {on_route[1]}
"""
    async with (
        Upstream() as service,
        gateway(text, env={"APP": service.url}) as running,
        httpx.AsyncClient(base_url=running.url) as client,
    ):
        assert (await client.get("/x")).status_code == 403
        assert (await client.get("/x", headers={"x-beta": "1"})).status_code == 200


def test_its_stage_is_the_one_of_the_plugins_page() -> None:
    there = next(one.text for one in page("docs/plugins.md").blocks if one.name == "beta.py")
    assert block("python").text == there.removeprefix("# beta.py\n")
