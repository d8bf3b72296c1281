"""A gateway as users run it, for rows whose effect lies in processes, sockets, exit and printed text."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from portico.testing import Message, until
from tests.wired.site import ask

PATIENCE_S = 60.0
_HOUSE = Path(__file__).resolve().parents[2]


class ProcessSite:
    """`process` is the supervisor; `output` all that it and its workers have said."""

    def __init__(
        self, process: asyncio.subprocess.Process, folder: Path, upstreams: Mapping[str, Any]
    ) -> None:
        self.process = process
        self.folder = folder
        self.upstreams = upstreams

    @property
    def output(self) -> str:
        """Printed and logged so far."""
        return (self.folder / "output").read_text("utf-8", "replace")

    @property
    def port(self) -> int:
        """Where it serves; 0 when not on TCP."""
        found = re.search(r"127\.0\.0\.1:([0-9]+)", self.output)
        return 0 if found is None else int(found[1])

    async def ask(self, target: str = "/") -> Message:
        """The reply to one request on a connection of its own."""
        return await ask(self.port, target)

    def printed(self, title: str) -> list[str]:
        """The lines that stand below `title` in what `portico run` prints."""
        _, _, rest = self.output.partition(f"{title}")
        below = rest.partition("\n\n")[0].splitlines()[1:]
        return [line.strip() for line in below]

    def end(self) -> None:
        """SIGTERM."""
        self.process.send_signal(signal.SIGTERM)


@asynccontextmanager
async def started(text: str, folder: Path, upstreams: Mapping[str, Any]) -> AsyncIterator[ProcessSite]:
    """`portico run` in `folder`, until it has said that it serves."""
    (folder / "portico.yaml").write_text(text, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(_HOUSE), "NO_COLOR": "1"}
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "portico", "run", "portico.yaml"),
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    site = ProcessSite(process, folder, upstreams)
    try:
        await until(
            lambda: "Ctrl-C stops it" in site.output or process.returncode is not None,
            "it serves",
            PATIENCE_S,
        )
        assert process.returncode is None, site.output
        yield site
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE_S)
