"""http-cache-tests through proxies that do not cache: each case has the outcome that it has without a proxy.

Says nothing about caching: a case may pass or fail, but must not do so because a proxy stands between.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from portico.testing.running import free_port

from .ground import Ground
from .score import Score

NAME = "caching"
RUNS = 3


def run(ground: Ground) -> list[Score]:
    """The server of the suite, direct first."""
    ground.tools.bring_npm()
    package = ground.tools.node_modules / "http-cache-tests"
    service = free_port()
    env = {
        "npm_config_protocol": "http",
        "npm_config_port": str(service),
        "npm_config_pidfile": str(ground.folder / "pid"),
        "npm_package_config_id": "",  # no case in particular
    }
    scores: list[Score] = []
    base: dict[str, Any] = {}
    with ground.server(["node", "server/server.mjs"], service, env, package):
        for peer, port in ground.through(service):
            done = subprocess.run(
                ["node", "--no-warnings", "cli.mjs"], cwd=package, capture_output=True, text=True, check=True,
                env={**os.environ, **env, "npm_config_base": f"http://127.0.0.1:{port}"},
            )  # fmt: skip
            found = json.loads(done.stdout)
            base = base or found
            # Where the server breaks off, direct, there is no outcome to compare.
            cases = {name for name, outcome in base.items() if outcome is True or outcome[0] != "FetchError"}
            other = [
                f"{case}: {outcome} (direct {base[case]})"
                for case, outcome in found.items()
                if case in cases and _plain(outcome) != _plain(base[case])
            ]
            scores.append(
                Score(NAME, peer, len(cases) - len(other), len(cases), len(base) - len(cases), other)
            )
    return scores


def _plain(outcome: Any) -> Any:
    """Passed, or the kind of failure: the words of some name ports and moments."""
    return outcome if outcome is True else outcome[0]
