"""What a result was measured on, without the machine's name: processor, memory, system, tools, how busy it was."""

from __future__ import annotations

import os
import platform
import re
import sys
import sysconfig
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from .peers.peer import LeftOut, first_number, said

_QUIET = 0.5


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine, and the load of the minute before the run."""

    date: str
    processor: str
    cores: int
    memory_gib: int
    system: str
    python: str
    wrk: str
    load: float

    def sentence(self) -> str:
        """All of it in words."""
        quiet = "" if self.load <= _QUIET else ": not a quiet machine"
        return (
            f"Measured on {self.date} on a machine with {self.cores} cores ({self.processor}) and "
            f"{self.memory_gib} GiB, {self.system}, wrk {self.wrk}, Python {self.python}; "
            f"load before the run {self.load:.1f}{quiet}."
        )

    def footer(self) -> str:
        """The shortest that identifies a chart."""
        return f"{self.date} · {self.processor}, {self.cores} cores · {self.system}"

    def fields(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def this_machine() -> Machine:
    """Looked up now."""
    name = _line("/etc/os-release", r'PRETTY_NAME="?([^"]+)') or sys.platform
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        processor=_line("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.machine(),
        cores=os.cpu_count() or 1,
        memory_gib=round(pages / 2**30),
        system=f"{name}, Linux {platform.release()}",
        python=f"{platform.python_version()}{_optimised()}",
        wrk=_wrk(),
        load=os.getloadavg()[0],
    )


def _line(file: str, pattern: str) -> str:
    path = Path(file)
    found = re.search(pattern, path.read_text(errors="replace")) if path.exists() else None
    return found[1].strip() if found is not None else ""


def _optimised() -> str:
    """Whether the interpreter was built with profile-guided optimisation: it is worth a sixth of the speed."""
    words = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    return " (built with optimisations)" if "--enable-optimizations" in words else ""


def _wrk() -> str:
    try:
        return first_number(said("wrk", "-v"))
    except LeftOut:
        return "unknown"
