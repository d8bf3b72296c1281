"""Packages from npm, as a folder's package-lock.json locks them: by version and hash, without install scripts."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

OLDEST = 20
"""The oldest Node.js that everything here runs on."""


class NotInstalled(Exception):
    """They cannot be had here; the text says why."""


def bring(folder: Path) -> None:
    """Bring `folder`/node_modules to the lock. Raises `NotInstalled`."""
    node = subprocess.run([program("node"), "--version"], capture_output=True, text=True, check=False)
    version = node.stdout.strip().removeprefix("v")
    if int(version.partition(".")[0] or 0) < OLDEST:
        raise NotInstalled(f"Node.js {version} is too old: {OLDEST} or newer is needed")
    with open(folder / "package-lock.json", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        wanted = lock.read()
        installed = folder / "node_modules" / ".installed-lock"
        if not (installed.exists() and installed.read_text(encoding="utf-8") == wanted):
            _install(folder)
            installed.write_text(wanted, encoding="utf-8")


def _install(folder: Path) -> None:
    command = [program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        raise NotInstalled(f"npm ci failed: {errors[0] if errors else done.stderr[-300:]}")


def program(name: str) -> str:
    """The path of node or npm. Raises `NotInstalled`."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        raise NotInstalled(f"{name} is not installed (apt-get install nodejs npm)")
    return found
