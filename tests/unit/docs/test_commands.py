"""Commands, keys, signals' files and placeholders that the pages name exist in the program."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from portico.cli.app import app
from portico.gateway.endpoints import PLACEHOLDERS
from portico.gateway.errors import CODES
from portico.observe.families import Metrics
from tests.unit.cli.command import portico as command
from tests.unit.docs.pages import ROOT, Page, page, pages
from tests.unit.docs.test_features import keys

GROUPS = {
    one.name: {
        made.name or getattr(made.callback, "__name__", "") for made in one.typer_instance.registered_commands
    }
    for one in app.registered_groups
    if one.typer_instance is not None
}
COMMANDS = {one.name for one in app.registered_commands} | GROUPS.keys()
OPERATIONS = page("docs/operations.md")
METRICS = page("docs/logs-and-metrics.md")
PAGES = [one for one in pages() if not one.name.startswith("docs/adr/")]


def shell_lines(source: Page) -> list[str]:
    """Command lines of the program on a page, in blocks and in backticks, without comments."""
    blocks = [
        line.strip()
        for block in source.blocks
        if block.language in ("sh", "ini")
        for line in block.text.splitlines()
    ]
    found = [re.search(r"(?:^|[/ =])portico ([a-z-].*)$", line) for line in [*blocks, *source.spans]]
    return [match[1].partition(" #")[0].partition(" >")[0] for match in found if match is not None]


@pytest.mark.parametrize("source", PAGES, ids=lambda one: one.name)
def test_every_command_on_the_pages_exists(source: Page) -> None:
    for line in shell_lines(source):
        words = shlex.split(line.partition("|")[0] if re.match(r"[a-z]+\|", line) else line)
        if words[0] == "--version":
            continue
        assert words[0] in COMMANDS, line
        named = words[:2] if words[0] in GROUPS and len(words) > 1 else words[:1]
        assert len(named) == 1 or named[1] in GROUPS[named[0]], line
        options = [word for word in words[1:] if re.match(r"--?[a-z]", word)]
        text = command(*named, "--help").out
        for option in options:
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", text), line


def test_commands_are_found_at_all() -> None:
    assert {line.split()[0] for line in shell_lines(OPERATIONS)} >= {
        "run",
        "check",
        "status",
        "reload",
        "restart",
        "stop",
        "--version",
    }


@pytest.mark.parametrize("source", [OPERATIONS, METRICS, page("docs/not.md")], ids=lambda one: one.name)
def test_every_key_on_the_pages_exists(source: Page) -> None:
    sections = ("gateway", "logs", "identity", "roles", "services", "routes[]", "defaults", "development")
    named = {
        re.split(r"[: ]", span)[0]
        for span in source.spans
        if re.match(r"[a-z_]+(\[\])?\.[a-z_*]", span) and span.split(".")[0] in sections
    }
    assert named or source.name == "docs/not.md"
    assert named <= keys()


def test_defaults_that_are_told_are_the_defaults() -> None:
    written = yaml.safe_load(command("schema").out)
    rows = list(OPERATIONS.rows())
    for model, section in (("GatewayTimeouts", "timeouts"), ("GatewayLimits", "limits")):
        for key, schema in written["$defs"][model]["properties"].items():
            name = f"gateway.{section}.{key}"
            row = next((cells for cells in rows if any(f"`{name}`" in cell for cell in cells)), None)
            assert row is not None, name
            default = str(schema.get("default", "off"))
            assert any(default in cell for cell in row), (name, default)


def test_every_placeholder_of_health_is_told() -> None:
    section = OPERATIONS.text.partition("Placeholders of `gateway.health.body`:")[2].partition("\n")[0]
    assert set(re.findall(r"`\{(\w+)\}`", section)) == PLACEHOLDERS


def test_every_code_that_is_answered_is_told() -> None:
    table = [cells[1] for cells in OPERATIONS.rows() if re.match(r"[1-5]\d\d\b", cells[0])]
    told = {code for cell in table for code in re.findall(r"\b[A-Z_]{4,}\b", cell)}
    unused = {"AUTHENTICATION_ERROR", "CONFLICT_ERROR", "VALIDATION_ERROR"}
    assert told == CODES - unused


def test_every_metric_is_told_with_its_labels() -> None:
    told = {
        cells[0].strip("`"): re.findall(r"`(\w+)`", cells[1])
        for cells in METRICS.rows()
        if "_" in cells[0]
        and not re.match("`(low|medium|high|critical)`", cells[1])  # those are audit events
    }
    families = Metrics().registry.snapshot()
    assert told == {name: list(family["labels"]) for name, family in families.items()}


def test_metrics_in_expressions_exist() -> None:
    families = set(Metrics().registry.snapshot())
    text = "\n".join(
        block.text
        for source in (OPERATIONS, METRICS)
        for block in source.blocks
        if block.language in ("promql", "yaml")
    )
    named = set(re.findall(r"\b((?:http|circuit|portico|process|python|authentication)_\w+)\b", text))
    assert {name.removesuffix("_bucket") for name in named} <= families


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    (rules,) = [block for block in METRICS.blocks if block.language == "yaml"]
    path = tmp_path / "rules.yaml"
    path.write_text(rules.text, encoding="utf-8")
    try:
        done = subprocess.run(
            ["promtool", "check", "rules", path], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("promtool is not here (apt-get install prometheus)")
    assert done.returncode == 0, done.stderr


def test_files_that_pages_name_in_the_repository_exist() -> None:
    missing = [
        (source.name, span)
        for source in PAGES
        for span in source.spans
        if re.fullmatch(
            r"(?:portico|tests|docs|profiles|samples|tools|examples|requirements)/[\w./-]+\.\w+", span
        )
        and not (ROOT / span).exists()
    ]
    assert missing == []
