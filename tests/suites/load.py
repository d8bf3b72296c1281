"""Load generators as people run them: every request of each is answered with 200, and none sees an error.

Says nothing about speed. Counts are small and bounded.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

from portico.testing.running import free_port

from .ground import Ground
from .score import Score

NAME = "load"
RUNS = 3

REQUESTS = 1000


def run(ground: Ground) -> list[Score]:
    """Each tool on each peer."""
    for name, package in _PACKAGES.items():
        ground.tools.program(name, package)
    body = ground.folder / "body"
    body.write_bytes(b"y" * 1000)
    service = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "tests.suites.plain:app",
        "--port",
        str(service),
        "--log-level",
        "error",
    ]
    scores = []
    with ground.server(command, service):
        for peer, port in ground.through(service):
            wrong = []
            for name, (words, well) in _RUNS.items():
                given = [
                    word.format(url=f"http://127.0.0.1:{port}/", body=body, n=REQUESTS) for word in words
                ]
                done = subprocess.run(given, capture_output=True, text=True, check=False, timeout=120)
                said = done.stdout + done.stderr
                if done.returncode or not well(said):
                    wrong.append(f"{name}: {said[-600:]}")
            scores.append(Score(NAME, peer, len(_RUNS) - len(wrong), len(_RUNS), 0, wrong))
    return scores


_PACKAGES = {"ab": "apache2-utils", "h2load": "nghttp2-client", "hey": "hey", "siege": "siege", "wrk": "wrk"}


def _ab(said: str) -> bool:
    return (
        f"Complete requests:      {REQUESTS}\nFailed requests:        0\n" in said and "Non-2xx" not in said
    )


def _h2load(said: str) -> bool:
    return f"{REQUESTS} succeeded, 0 failed, 0 errored, 0 timeout" in said and f"{REQUESTS} 2xx" in said


def _hey(said: str) -> bool:
    return f"[200]\t{REQUESTS} responses" in said and "Error distribution" not in said


def _siege(said: str) -> bool:
    return (
        bool(re.search(r'"failed_transactions":\s+0\b', said))
        and '"availability":' in said
        and "100.00" in said
    )


def _wrk(said: str) -> bool:
    return "requests in" in said and "Non-2xx" not in said and "Socket errors" not in said


_RUNS: dict[str, tuple[list[str], Callable[[str], bool]]] = {
    "ab, HTTP/1.0": (["ab", "-q", "-n{n}", "-c20", "{url}"], _ab),
    "ab, HTTP/1.0 kept alive": (["ab", "-q", "-k", "-n{n}", "-c20", "{url}"], _ab),
    "ab, POST": (["ab", "-q", "-k", "-n{n}", "-c20", "-p{body}", "-Ttext/plain", "{url}"], _ab),
    "ab, HEAD": (["ab", "-q", "-i", "-n{n}", "-c20", "{url}"], _ab),
    "h2load": (["h2load", "--h1", "-n{n}", "-c20", "{url}"], _h2load),
    "h2load, pipelined": (["h2load", "--h1", "-m10", "-n{n}", "-c20", "{url}"], _h2load),
    "h2load, POST": (["h2load", "--h1", "-n{n}", "-c20", "-d{body}", "{url}"], _h2load),
    "hey": (["hey", "-n", "{n}", "-c", "20", "{url}"], _hey),
    "hey, no keep-alive": (["hey", "-disable-keepalive", "-n", "{n}", "-c", "20", "{url}"], _hey),
    "hey, POST": (["hey", "-m", "POST", "-D", "{body}", "-n", "{n}", "-c", "20", "{url}"], _hey),
    "siege": (["siege", "-b", "-c20", "-r50", "-j", "{url}"], _siege),
    "wrk": (["wrk", "-t1", "-c20", "-d2s", "{url}"], _wrk),
}
