"""Processes under measurement: pinned to cores, awaited, counted and ended by their id.

Linux only: CPU time and memory come from /proc. Sources: proc_pid_stat(5), proc_pid_smaps(5).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PROXY_CORE, LOAD_CORE = "0", "1"
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_START_S = 30.0
_STOP_S = 20.0


class Broken(Exception):
    """Something that is measured does not do its work: it did not start, answered wrongly, or went away."""


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], complaint: Callable[[], str], seconds: float = _START_S) -> None:
    """Wait for a condition. Raises `Broken` with the complaint when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Broken(complaint())
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(
    command: list[str],
    *,
    port: int,
    cores: str = PROXY_CORE,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[int]:
    """A process, pinned to these cores (as taskset writes them), from when its port accepts; gives its id.

    `log` gets what it prints, `environment` is added to ours. Raises `Broken` when it does not come up.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", cores, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
        )
    try:
        until(
            lambda: listens(port) or process.poll() is not None, lambda: f"does not listen; {last_words(log)}"
        )
        if process.poll() is not None:
            raise Broken(f"ended at once with code {process.returncode}; {last_words(log)}")
        yield process.pid
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it in good order, or by force after a while, and its children with it."""
    below = tree(process.pid)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()


def last_words(log: Path) -> str:
    """The last line that a process printed."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return f"its last words: {lines[-1][:300]}" if lines else "it said nothing"


def tree(pid: int) -> list[int]:
    """This process and all below it that live now."""
    found, at = [pid], 0
    while at < len(found):
        for task in Path(f"/proc/{found[at]}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:  # ended meanwhile
                continue
        at += 1
    return found


def cpu_s(pids: list[int]) -> float:
    """User and system time of these processes so far, in seconds; those that have ended count nothing."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks * _TICK_S


def memory_bytes(pids: list[int]) -> int:
    """The proportional share of memory of these processes (Pss: what several share counts once)."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total * 1024
