"""A copy of the repository as somebody has it who has just cloned it, with the packages installed already."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.integration.samples.running import environment
from tests.integration.supervised import PATIENCE_S, ROOT, until

START_S = 150.0  # nine interpreters start, perhaps beside other tests
FOLDERS = ("profiles", "samples", "portico", "tools", "requirements")
FILES = ("Makefile", "pyproject.toml", "README.md")


class Checkout:
    """The copy. Its virtual environment is the one that runs the tests: nothing is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder.parent / f"{folder.name}.out"
        self.process: subprocess.Popen[bytes] | None = None
        for name in FOLDERS:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, folder / name)
        self.venv = folder / ".venv"
        (self.venv / "bin").mkdir(parents=True)
        # The tests' own packages, and this copy's code before them.
        python = self.venv / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        program = self.venv / "bin" / "portico"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m portico "$@"\n')
        for file in (python, program):
            file.chmod(0o755)
        lock = (folder / "requirements" / "run.txt").read_bytes() + (folder / "pyproject.toml").read_bytes()
        fingerprint = subprocess.run(["cksum"], input=lock, capture_output=True, check=True).stdout
        (self.venv / "lock-run").write_bytes(fingerprint)

    def environment(self, env: Mapping[str, str | None]) -> dict[str, str]:
        """What the commands see; None removes a variable."""
        merged = {**environment(), "PYTHONPATH": str(self.folder), **env}
        return {name: value for name, value in merged.items() if value is not None}

    def run(self, *command: str, **env: str | None) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_S,
        )

    def start(self, *command: str, **env: str | None) -> str:
        """A command that goes on; what it has printed when it serves. It is a process group of its own, as a shell
        makes one for each command."""
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        return until(self._printed, "the greeting", START_S)

    def _printed(self) -> str:
        assert self.process is not None
        text = self.out.read_text()
        assert self.process.poll() is None, text
        return text if "Ctrl-C stops it" in text else ""

    def interrupt(self) -> int:
        """Ctrl-C: the terminal sends SIGINT to the whole group. The exit code of the command."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        """Whatever is left."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def address(printed: str) -> str:
    """Where it serves."""
    found = re.search(r"serves on (http://127\.0\.0\.1:\d+)", printed)
    assert found, printed
    return found[1]


def curl_lines(printed: str) -> list[str]:
    """The lines to paste."""
    return [line.strip() for line in printed.splitlines() if line.strip().startswith("curl ")]
