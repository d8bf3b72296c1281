"""What `make bench` says about programs that it cannot bring."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def told(folder: Path, *peers: str) -> str:
    """What the script prints to somebody who may not install packages, where nothing of it is installed."""
    (folder / "id").write_text("#!/bin/sh\necho 1000\n")
    (folder / "id").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / "peers.sh"), *peers],
        env={**os.environ, "PATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_all_that_is_missing_is_named_with_its_packages(tmp_path: Path) -> None:
    words = told(tmp_path).split()
    assert {"util-linux", "wrk", "caddy", "nodejs", "npm"} <= set(words)


def test_only_what_the_chosen_peers_need_is_asked_for(tmp_path: Path) -> None:
    words = told(tmp_path, "express-bare", "portico").split()
    assert {"wrk", "nodejs", "npm"} <= set(words)
    assert "caddy" not in words
