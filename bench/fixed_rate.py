"""Load at a fixed rate (`bench.openloop`) in a process of its own, on the load's core."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from .processes import LOAD_CORE, Broken
from .runner import CONNECTIONS, Bench
from .service import BODY, PATH

_HOUSE = Path(__file__).resolve().parents[1]
_NOT_KEPT = 2  # see `openloop.main`


class FixedRate:
    """A load that has begun. `outcome` waits for its end."""

    def __init__(self, bench: Bench, port: int, rate: float, seconds: float) -> None:
        self.seconds = seconds
        expect = bench.folder / "expected"
        expect.write_bytes(BODY)
        command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "bench.openloop", "--port", str(port)]
        command += [
            "--path",
            PATH,
            "--header",
            f"Authorization: Bearer {bench.token}",
            "--expect",
            str(expect),
        ]
        command += ["--rate", str(rate), "--seconds", str(seconds), "--connections", str(CONNECTIONS)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=_HOUSE
        )

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def outcome(self) -> dict[str, Any]:
        """`Outcome.summary`. Raises `Broken` when any answer was wrong, cut or missing."""
        said, complaint = self._process.communicate()
        if self._process.returncode in (0, _NOT_KEPT):
            found: dict[str, Any] = json.loads(said)
            return found
        raise Broken(f"at a fixed rate: {(said or complaint).strip()[-400:]}")

    def stop(self) -> None:
        """End it, if it has not ended."""
        if not self.over:
            self._process.kill()
            self._process.communicate()


def fixed_rate(bench: Bench, port: int, rate: float, seconds: float) -> dict[str, Any]:
    """One turn, from begin to end. Raises `Broken`."""
    load = FixedRate(bench, port, rate, seconds)
    try:
        return load.outcome()
    finally:
        load.stop()
