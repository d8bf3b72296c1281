"""Runs suites and prints what they say: `python -m tests.suites [--runs N] [--peers …] [--json FILE] [SUITE …]`.

The figure of a suite is that of its worst run. Exit code 1 if a suite says less of Portico than of its server alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from .ground import Ground
from .score import Score, table, worst
from .tools import Missing, Tools

SUITES = ("vectors", "autobahn", "litmus", "graphql", "clients", "caching", "metrics", "load")
PEERS = ("direct", "nginx", "Envoy", "Portico")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.suites", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; all by default")
    parser.add_argument("--runs", type=int, help="of each suite; the worst counts")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--keep", action="store_true", help="the folder of the run, with all logs and reports"
    )
    options = parser.parse_args()
    if unknown := set(options.suites) - set(SUITES):
        parser.error(f"unknown suite: {', '.join(sorted(unknown))}")
    tools = Tools(Path(os.environ.get("VENV", ".venv")) / "suites")
    folder = Path(tempfile.mkdtemp(prefix="portico-suites-"))
    found: list[Score] = []
    for name in options.suites or SUITES:
        module = importlib.import_module(f".{name}", __package__)
        runs = []
        for number in range(options.runs or module.RUNS):
            started = time.monotonic()
            try:
                scores = module.run(Ground(folder, tools, options.peers))
            except Missing as missing:
                print(f"{name} does not run without {missing}", file=sys.stderr)
                break
            runs.append(scores)
            for score in scores:
                print(f"{score}", file=sys.stderr)
            print(
                f"{name}: run {number + 1}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True
            )
        found += worst(runs)
    print(table(found))
    for score in found:
        if score.deviations:
            print(f"\n{score}")
            print("\n".join(f"- {one}" for one in score.deviations))
    if options.json:
        options.json.write_text(json.dumps([dataclasses.asdict(score) for score in found], indent=2))
    if options.keep:
        print(f"\nlogs and reports: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
