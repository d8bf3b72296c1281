"""The program as such: its commands, how it ends, and what it loads."""

import subprocess
import sys
from pathlib import Path

import portico as package
from tests.unit.cli.command import portico

# In the order of a first day.
COMMANDS = [
    "init",
    "check",
    "run",
    "routes",
    "explain",
    "status",
    "reload",
    "restart",
    "stop",
    "token",
    "revoke",
    "schema",
    "version",
    "key",
]


def test_help_lists_the_commands_in_the_order_of_a_first_day() -> None:
    shown = portico("--help")
    assert shown.code == 0
    _, _, listed = shown.out.partition("Commands:\n")
    assert [line.split()[0] for line in listed.splitlines()] == COMMANDS
    assert "..." not in listed  # every summary fits


def test_every_command_has_help() -> None:
    for command in COMMANDS:
        shown = portico(command, "--help")
        assert (shown.code, shown.err) == (0, "")
        assert f"Usage: portico {command}" in shown.out


def test_the_version_both_ways() -> None:
    assert portico("version").out == portico("--version").out == f"Portico {package.__version__}\n"


def test_a_wrong_command_line_is_exit_code_2() -> None:
    assert portico().code == 2
    unknown = portico("xplain")
    assert unknown.code == 2
    assert "No such command 'xplain'. Did you mean 'explain'?" in unknown.err
    assert portico("run", "--nonsense").code == 2
    assert portico("explain", "GET").code == 2


def test_python_m_portico_is_the_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "portico", "version"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"Portico {package.__version__}\n")


def test_help_loads_no_gateway() -> None:
    heavy = ("pydantic", "yaml", "uvloop", "httptools", "jwt", "cryptography", "orjson", "asyncio", "rich")
    script = f"import sys, portico.cli.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_what_the_system_refuses_is_a_line_and_no_traceback() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "portico", "version"],
            cwd=Path(__file__).parents[3],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "no space left on device\n")
