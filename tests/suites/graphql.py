"""graphql-http's audits of GraphQL over HTTP, on a server of graphql-http."""

from __future__ import annotations

import json
import subprocess

from portico.testing.running import free_port

from .ground import Ground
from .score import Score

NAME = "graphql"
RUNS = 3


def run(ground: Ground) -> list[Score]:
    """The audits that say ok, of all."""
    ground.tools.bring_npm()
    folder = ground.tools.node_modules.parent
    service = free_port()
    scores = []
    with ground.server(["node", str(folder / "graphql-server.mjs"), str(service)], service):
        for peer, port in ground.through(service):
            url = f"http://127.0.0.1:{port}/graphql"
            done = subprocess.run(
                ["node", str(folder / "graphql-audit.mjs"), url], capture_output=True, text=True, check=True
            )
            results = json.loads(done.stdout)
            other = [f"{one['name']}: {one['status']}" for one in results if one["status"] != "ok"]
            scores.append(Score(NAME, peer, len(results) - len(other), len(results), 0, other))
    return scores
