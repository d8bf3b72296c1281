"""Virtual environments of the peers that come from PyPI: apart from ours, locked by version and hash.

`tools/venv.sh` makes them below build/bench, from requirements/peers-NAME.txt, when the lock has changed since.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .peer import MADE, ROOT, LeftOut


@dataclass(frozen=True, slots=True)
class Environment:
    """One virtual environment."""

    name: str
    path: Path

    def install(self) -> None:
        """Make it, or bring it to the lock. Raises `LeftOut` with what the script said last."""
        done = subprocess.run(
            ["tools/venv.sh", f"peers-{self.name}"],
            cwd=ROOT,
            env={**os.environ, "VENV": str(self.path.relative_to(ROOT)), "PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise LeftOut(
                said[-1].removeprefix("portico: ") if said else "its packages could not be installed"
            )


def environment(name: str) -> Environment:
    """The environment of this name."""
    return Environment(name, MADE / name)
