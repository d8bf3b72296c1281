"""The soak: mixed traffic for minutes, with faulty services, reloads and killed workers, and every answer judged.

`make soak` (MINUTES=10). A gateway of two workers; one of them is killed now and then, the other lives through it all
and shows whether memory grows. Ends with a report, and with exit code 1 for a wrong answer, a leak, growing memory, a
refused reload or a trace in the log. It measures no speed: the rate is low on purpose, so that it can run beside work.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import uvloop

from portico.process.control import ask
from portico.testing import RunningProcess, free_port, until
from portico.testing.running import held

from .traffic import Tally, Visitor

CONFIGURATION = """\
version: 1
gateway:
  listen: ["127.0.0.1:{port}"]
  workers: 2
  limits: {{connections: {connections}}}
logs: {{access: "off", level: warn}}
services:
  good: {{url: "http://127.0.0.1:{good}", pool: {{connections: {pool}}}}}
  faulty: {{url: "http://127.0.0.1:{faulty}", timeout: 4s, idle: 4s, breaker: "off"}}
routes:
  - {{match: /get/**, service: good, authenticate: none}}
  - {{match: /chunked/**, service: good, authenticate: none}}
  - {{match: POST /post/**, service: good, authenticate: none}}
  - {{match: /events/**, service: good, authenticate: none}}
  - {{match: /socket/**, service: good, authenticate: none}}
  - {{match: /faulty/**, service: faulty, authenticate: none}}
{more}"""

SAMPLE_S = 2.0
RELOAD_S = 5.0
KILL_S = 23.0
JUDGED_FROM_S = 120.0  # a shorter soak says nothing about memory
MOST_GROWTH_BYTES = 8 << 20


class Soak:
    """One run. `troubles` is empty when all is well."""

    def __init__(self, folder: Path, minutes: float, rate: float, clients: int, seed: int) -> None:
        self.folder = folder
        self.seconds = minutes * 60
        self.rate = rate
        self.clients = clients
        self.seed = seed
        self.tally = Tally()
        self.troubles: list[str] = []
        self.reloads = 0
        self.samples: list[
            tuple[float, int, int]
        ] = []  # (seconds, bytes of worker 0, bytes of the supervisor)
        self._ports = {"port": free_port(), "good": 0, "faulty": 0}

    async def run(self) -> None:
        """From start to report."""
        services = subprocess.Popen(
            [sys.executable, "-m", "load.services"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert services.stdout is not None
            line = await asyncio.to_thread(services.stdout.readline)
            self._ports["good"], self._ports["faulty"] = map(int, line.split())
            await self._with_gateway()
        finally:
            services.communicate()

    async def _with_gateway(self) -> None:
        self._write(0)
        with open(self.folder / "portico.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "portico", "run", str(self.folder / "portico.yaml")],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": os.getcwd()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        gateway = RunningProcess(process, self._ports["port"], self.folder)
        try:
            await until(gateway.listening, "the gateway to listen", 60.0)
            await self._traffic(gateway)
            await self._at_rest(gateway)
            code = await asyncio.to_thread(gateway.stop)
            if code != 0:
                self.troubles.append(f"the gateway ended with {code}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if "Traceback" in gateway.log or "uncaught" in gateway.log:
            self.troubles.append(f"the log has a trace:\n{gateway.log[-3000:]}")

    async def _traffic(self, gateway: RunningProcess) -> None:
        end = time.monotonic() + self.seconds
        visitors = [
            Visitor(gateway.port, self.tally, random.Random(f"{self.seed} {number}"), f"v{number}")
            for number in range(self.clients)
        ]
        others = [
            asyncio.create_task(each)
            for each in (self._reload(gateway), self._kill(gateway), self._sample(gateway))
        ]
        visits = [asyncio.create_task(visitor.run(end, self.clients / self.rate)) for visitor in visitors]
        await asyncio.wait([*others, *visits], timeout=self.seconds, return_when=asyncio.FIRST_EXCEPTION)
        for other in others:
            other.cancel()
        for outcome in await asyncio.gather(*others, *visits, return_exceptions=True):
            if isinstance(outcome, Exception):
                self.troubles.append(f"the soak itself failed: {outcome!r}")

    def _write(self, turn: int) -> None:
        """Each reload changes a route, a limit and the pool, so that pools retire with calls under way."""
        text = CONFIGURATION.format(
            **self._ports,
            connections=1000 + turn % 2,
            pool=64 + turn % 2,
            more="  - {match: /more/**, service: good, authenticate: none}\n" * (turn % 2),
        )
        (self.folder / "portico.yaml").write_text(text)

    async def _reload(self, gateway: RunningProcess) -> None:
        while True:
            await asyncio.sleep(RELOAD_S)
            self._write(self.reloads + 1)
            answer = await self._ask(gateway, "reload")
            if answer["ok"]:
                self.reloads += 1
            elif answer["problems"] != ["the gateway is starting or stopping"]:
                self.troubles.append(f"reload {self.reloads + 1}: {answer['problems']}")

    async def _kill(self, gateway: RunningProcess) -> None:
        while True:
            await asyncio.sleep(KILL_S)
            pid = await self._pid_of_worker(gateway, 1)
            self.tally.kills.append(time.monotonic())
            os.kill(pid, signal.SIGKILL)
            end = time.monotonic() + 60
            while await self._pid_of_worker(gateway, 1) in (0, pid):
                if time.monotonic() > end:
                    self.troubles.append(f"worker 1 (pid {pid}) was not replaced within a minute")
                    return
                await asyncio.sleep(0.1)

    async def _pid_of_worker(self, gateway: RunningProcess, slot: int) -> int:
        """0 while it does not serve."""
        status = await self._ask(gateway, "status")
        for worker in status["workers"]:
            if worker["worker"] == slot and worker["state"] == "serving":
                return int(worker["pid"])
        return 0

    async def _sample(self, gateway: RunningProcess) -> None:
        start = time.monotonic()
        while True:
            await asyncio.sleep(SAMPLE_S)
            first = await self._pid_of_worker(gateway, 0)
            if first:
                at = time.monotonic() - start
                self.samples.append((at, resident_bytes(first), resident_bytes(gateway.process.pid)))

    @staticmethod
    async def _ask(gateway: RunningProcess, command: str) -> dict[str, Any]:
        return await asyncio.to_thread(ask, str(gateway.folder / gateway.data), {"command": command}, 60.0)

    async def _at_rest(self, gateway: RunningProcess) -> None:
        """All clients have gone: nothing may be held any more."""
        end = time.monotonic() + 30
        while True:
            status = await self._ask(gateway, "status")
            found = held(status)
            found += [
                f"worker {worker['worker']}: {worker['connections']} connections of clients"
                for worker in status["workers"]
                if worker.get("connections")
            ]
            if not found:
                return
            if time.monotonic() > end:
                self.troubles.append(f"still held when nobody is left: {'; '.join(found)}")
                return
            await asyncio.sleep(0.2)

    def judge_memory(self) -> list[str]:
        """Lines for the report; growth becomes a trouble."""
        lines = []
        judged = (
            [sample for sample in self.samples if sample[0] > self.samples[-1][0] * 0.1]
            if self.samples
            else []
        )
        third = len(judged) // 3
        if not third:
            return ["memory: too few samples"]
        for column, who in ((1, "worker 0"), (2, "supervisor")):
            first = statistics.median(sample[column] for sample in judged[:third])
            last = statistics.median(sample[column] for sample in judged[-third:])
            slope = statistics.linear_regression(
                [sample[0] / 60 for sample in judged], [sample[column] for sample in judged]
            ).slope
            most = max(sample[column] for sample in judged)
            lines.append(
                f"memory of the {who}: {first / 1e6:.1f} MB in the first third, {last / 1e6:.1f} in the last, "
                f"at most {most / 1e6:.1f}, {slope / 1e3:+.0f} kB a minute"
            )
            if self.seconds >= JUDGED_FROM_S and last - first > max(MOST_GROWTH_BYTES, first * 0.1):
                self.troubles.append(f"the memory of the {who} grows")
        return lines

    def report(self) -> str:
        """For a person."""
        tally = self.tally
        kinds: dict[str, Counter[str]] = {}
        for outcome, count in tally.outcomes.items():
            kind, _, word = outcome.partition(": ")
            kinds.setdefault(kind, Counter())[word] += count
        lines = [
            f"{sum(tally.outcomes.values())} exchanges judged in {self.seconds / 60:g} min by {self.clients} clients, "
            f"seed {self.seed}; {self.reloads} reloads; {len(tally.kills)} workers killed, "
            f"{tally.excused} exchanges broken off with them",
        ]
        for kind in sorted(kinds):
            told = ", ".join(f"{count} {word}" for word, count in kinds[kind].most_common())
            lines.append(f"  {kind:13} {told}")
        if len(tally.latest) > 1:
            cuts = statistics.quantiles(tally.latest, n=100)
            lines.append(f"small GETs: median {cuts[49] * 1e3:.1f} ms, 99 % within {cuts[98] * 1e3:.0f} ms")
        lines += self.judge_memory()
        self.troubles += [f"wrong answer: {one}" for one in tally.wrong]
        lines += [f"TROUBLE {one}" for one in self.troubles[:30]]
        lines.append(f"{len(self.troubles)} troubles" if self.troubles else "nothing wrong")
        return "\n".join(lines)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, without what it shares with files."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> int:
    """Run, print, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(prog="load.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=100.0, help="exchanges a second, all clients together")
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFF)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portico-soak-") as folder:
        soak = Soak(Path(folder), options.minutes, options.rate, options.clients, options.seed)
        uvloop.run(soak.run())
        sys.stdout.write(soak.report() + "\n")
    return 1 if soak.troubles else 0


if __name__ == "__main__":
    sys.exit(main())
