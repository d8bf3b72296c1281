"""The command line: python -m bench [--peers "portico nginx"] [--rounds 5] [--seconds 4] [--scenarios "get post"].

All peers and all scenarios in at least five rounds are a full run: it replaces bench/results. Any other goes to
bench/results/partial, which is not committed.

Exit codes: 0 when all that could be installed was measured, 1 when a peer broke or the machine cannot measure, 2 for
arguments that make no sense.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from . import peers, scenarios
from .claims import make_token
from .machine import this_machine
from .processes import Broken
from .report import Report
from .results import Result
from .runner import Bench, install
from .service import serving

RESULTS = Path(__file__).parent / "results"
FULL_ROUNDS = 5


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    if (trouble := unusable()) is not None:
        print(f"portico: {trouble}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _stop)
    ready, versions, left_out = install(options.peers)
    for name, reason in left_out.items():
        print(f"Left out: {name}: {reason}", file=sys.stderr)
    report = Report(this_machine(), versions, left_out, options.rounds, options.seconds)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="portico-bench-", dir=memory) as folder,
        serving(Path(folder)) as service,
    ):
        bench = Bench(
            Path(folder), service, make_token(), ready, options.rounds, options.seconds, versions, left_out
        )
        for scenario in options.scenarios:
            print(scenario.TITLE, file=sys.stderr, flush=True)
            try:
                result = scenario.run(bench)
            except Broken as broken:
                result = Result(scenario.NAME, scenario.TITLE, failed={"the scenario": str(broken)})
            for name, reason in result.failed.items():
                print(f"  {name} failed: {reason}", file=sys.stderr, flush=True)
            report.results.append(result)
            report.write(options.out)
    print(report.markdown())
    print(f"Written to {options.out}", file=sys.stderr)
    return 1 if any(result.failed for result in report.results) else 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The options, with peers and scenarios looked up. Exits with 2 when one is unknown."""
    parser = argparse.ArgumentParser(
        prog="bench", description="Measure Portico beside other proxies, one core each."
    )
    parser.add_argument("--peers", default="", help="names and groups, with spaces between; all by default")
    parser.add_argument("--scenarios", default="", help="names, with spaces between; all by default")
    parser.add_argument("--rounds", type=int, default=FULL_ROUNDS)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--out", type=Path, help="a folder for the results")
    options = parser.parse_args(arguments)
    full = not (options.peers or options.scenarios) and options.rounds >= FULL_ROUNDS
    options.out = options.out or (RESULTS if full else RESULTS / "partial")
    try:
        options.peers = peers.chosen(options.peers.split())
        options.scenarios = scenarios.chosen(options.scenarios.split())
    except ValueError as error:
        parser.error(str(error))
    if options.rounds < 1 or options.seconds < 1:
        parser.error("at least one round of one second")
    return options


def unusable() -> str | None:
    """Why nothing can be measured here, if so."""
    missing = [tool for tool in ("nginx", "wrk", "taskset") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} missing: apt-get install nginx-light wrk util-linux"
    if (os.cpu_count() or 1) < 2:
        return "two cores are needed: one for the proxy, one for service and load"
    return None


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
