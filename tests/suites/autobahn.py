"""Autobahn Testsuite: every case of WebSocket, client → proxy → an echo of `websockets`.

The score counts cases whose behaviour, and close behaviour, are no worse than the suite calls acceptable; what
matters is that none is worse through a proxy than it is direct. `AUTOBAHN_CASES` picks cases (`1.*,5.*`).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from portico.testing.running import free_port

from .ground import Ground
from .score import Score

NAME = "autobahn"
RUNS = 1  # a run takes minutes for each peer

_GOOD = {"OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"}
_RANK = {
    "OK": 0,
    "INFORMATIONAL": 0,
    "NON-STRICT": 1,
    "UNIMPLEMENTED": 1,
    "UNCLEAN": 2,
}  # anything else is worse
_WSTEST = (
    "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"
)

ECHO = """
import asyncio, sys
from websockets.asyncio.server import serve

async def echo(socket):
    async for message in socket:
        await socket.send(message)

async def main():
    async with serve(echo, "127.0.0.1", int(sys.argv[1]), max_size=None, ping_interval=None):
        await asyncio.get_running_loop().create_future()

asyncio.run(main())
"""


def run(ground: Ground) -> list[Score]:
    """All cases, direct first."""
    ground.tools.bring_autobahn()
    ground.tools.bring_python()
    service = free_port()
    scores: list[Score] = []
    base: dict[str, tuple[str, str]] = {}
    command = [str(ground.tools.python), "-c", ECHO, str(service)]
    # The suite sends messages in 65,536 fragments, which `websockets` bounds.
    with ground.server(command, service, {"WEBSOCKETS_MAX_FRAGMENTS": "1000000"}):
        for peer, port in ground.through(service):
            found = _cases(ground, peer, port)
            base = base or found
            worse = [
                f"{case}: {behaviour}/{close} (direct {base[case][0]}/{base[case][1]})"
                for case, (behaviour, close) in found.items()
                if _rank(behaviour) > _rank(base[case][0]) or _rank(close) > _rank(base[case][1])
            ]
            passed = sum(behaviour in _GOOD for behaviour, _ in found.values())
            note = "" if peer == "direct" else f"{len(worse)} worse than direct"
            scores.append(Score(NAME, peer, passed, len(found), deviations=worse, note=note))
    return scores


def _cases(ground: Ground, peer: str, port: int) -> dict[str, tuple[str, str]]:
    folder = ground.sub(f"autobahn-{peer}")
    specification = {
        "outdir": str(folder / "reports"),
        "servers": [{"agent": peer, "url": f"ws://127.0.0.1:{port}"}],
        "cases": os.environ.get("AUTOBAHN_CASES", "*").split(","),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    file = folder / "fuzzingclient.json"
    file.write_text(json.dumps(specification))
    done = subprocess.run(
        [ground.tools.python27(), "-c", _WSTEST, str(ground.tools.autobahn), "-m", "fuzzingclient", "-s", str(file)],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    index = folder / "reports" / "index.json"
    if not index.exists():
        raise SystemExit(f"wstest has left no report:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    report = json.loads(Path(index).read_text())[peer]
    return {case: (one["behavior"], one["behaviorClose"]) for case, one in report.items()}


def _rank(outcome: str) -> int:
    return _RANK.get(outcome, 3)
