"""Resident memory and age of single processes. Linux only: /proc/PID/status, clear_refs and stat, see proc(5).

Memory that the kernel holds for sockets is not in it: it belongs to no process.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .peers import Running
from .processes import tree

MIB = 1 << 20
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid: int) -> int:
    """What is in memory now."""
    return _status(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """The most that was in memory since the start or the last `forget_peak`."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Begin a new peak: proc_pid_clear_refs(5)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def executed_s(pid: int) -> float:
    """When a process was made, on CLOCK_BOOTTIME; in steps of 10 ms."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) * _TICK_S


def workers(running: Running) -> list[int]:
    """The processes of a peer that serve, without its master or supervisor."""
    below = tree(running.pid)[1:]
    ours = [pid for pid in below if "portico.process.worker" in Path(f"/proc/{pid}/cmdline").read_text()]
    return ours or below or [running.pid]


def _status(pid: int, name: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise OSError(f"process {pid} has no {name}: it has ended")
    return int(found[1]) * 1024
