"""Prometheus: `promtool check metrics` has nothing to say, and a real server scrapes every sample."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from typing import Any

from portico.testing.running import free_port

from .ground import Ground
from .score import Score

NAME = "metrics"
RUNS = 3

_SCRAPE = """
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: portico, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""


def run(ground: Ground) -> list[Score]:
    """Of Portico alone: the other peers do not speak to Prometheus, or not by themselves."""
    promtool = ground.tools.program("promtool", "prometheus")
    prometheus = ground.tools.program("prometheus", "prometheus")
    ground.tools.bring_python()
    service, own = free_port(), free_port()
    folder = ground.sub("prometheus")
    with (
        ground.server(
            [str(ground.tools.python), "-m", "http.server", "-b", "127.0.0.1", str(service)], service
        ),
        ground.peer("Portico", service) as port,
    ):
        for path in ("/", "/nowhere", '/a%22b%5Cc%0Ad"'):
            _status(port, path)
        exposed = _get(port, "/metrics")
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=exposed, capture_output=True, check=False
        )
        said = (checked.stdout + checked.stderr).decode().splitlines()
        file = folder / "prometheus.yml"
        file.write_text(_SCRAPE.format(port=port))
        command = [
            prometheus, f"--config.file={file}", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{own}", "--log.level=warn",
        ]  # fmt: skip
        with ground.server(command, own):
            samples, target = _scraped(own)
    lines = sum(bool(line) and not line.startswith(b"#") for line in exposed.splitlines())
    wrong = [f"promtool: {line}" for line in said]
    if target.get("health") != "up" or samples < lines:
        wrong.append(
            f"scrape: {target.get('health')}, {samples} samples of {lines}: {target.get('lastError')}"
        )
    passed = (not said and not checked.returncode) + (target.get("health") == "up" and samples >= lines)
    return [Score(NAME, "Portico", passed, 2, 0, wrong, f"{samples} samples scraped")]


def _scraped(port: int) -> tuple[int, dict[str, Any]]:
    """Samples of the last scrape, and the target, once there was one."""
    end = time.monotonic() + 30
    while _status(port, "/-/ready") != 200 and time.monotonic() < end:  # it listens before it answers
        time.sleep(0.1)
    while True:
        targets = json.loads(_get(port, "/api/v1/targets"))["data"]["activeTargets"] or [{}]
        query = json.loads(_get(port, "/api/v1/query?query=scrape_samples_scraped"))["data"]["result"]
        if (query and targets[0].get("health") == "up") or time.monotonic() > end:
            return (int(query[0]["value"][1]) if query else 0), targets[0]
        time.sleep(0.2)


def _status(port: int, path: str) -> int:
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}{path}"],
        capture_output=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


def _get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
        return bytes(reply.read())
