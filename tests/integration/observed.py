"""What a running gateway tells about itself: figures, log lines, memory. Read from outside, as an operator would."""

from __future__ import annotations

import contextlib
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.integration.supervised import PATIENCE_S, Supervised, until

GATEWAY = "portico.gateway.gateway:Gateway"


@contextlib.contextmanager
def serving(folder: Path, configuration: str) -> Iterator[Supervised]:
    """A gateway with this configuration, until the end of the block. `{folder}` in it is a folder of its own."""
    gateway = Supervised(folder, GATEWAY)
    gateway.write(configuration.replace("{folder}", str(folder)))
    try:
        yield gateway.start()
    finally:
        gateway.end()


_SAMPLE = re.compile(r"^([a-z_:]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)

Figures = dict[tuple[str, str], float]


def figures(address: str) -> Figures:
    """Every sample of /metrics: (name, labels as written) → value."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=PATIENCE_S) as reply:
        text = reply.read().decode()
    return {(name, labels): float(value) for name, labels, value in _SAMPLE.findall(text)}


def counted(address: str, name: str, **labels: str) -> float:
    """The sum over the samples of a family that have these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        value
        for (family, written), value in figures(address).items()
        if family == name and all(one in written for one in wanted)
    )


def lines(file: Path, **members: Any) -> list[dict[str, Any]]:
    """The JSON lines of a log that have these members. A line that is still being written is left out."""
    found = []
    if file.exists():
        for line in file.read_text().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("}\n"):
                told = json.loads(line)
                if members.items() <= told.items():
                    found.append(told)
    return found


def logged(file: Path, **members: Any) -> dict[str, Any]:
    """The first line with these members, as soon as there is one."""
    return until(lambda: lines(file, **members), f"a log line with {members}")[0]


def resident_bytes(pid: int) -> int:
    """The resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def worker_pid(gateway: Supervised) -> int:
    """The process of the only worker."""
    (worker,) = gateway.workers().values()
    return int(worker["pid"])


def breaker(gateway: Supervised, service: str) -> dict[str, Any]:
    """What /health/detailed says of a service's breaker over all workers."""
    found: dict[str, Any] = gateway.get("/health/detailed")[service]
    return found
