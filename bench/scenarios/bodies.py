"""Large bodies through Portico and nginx, down and up: MB/s, CPU time per GiB, and what a worker's memory does.

Before the first round a body of each kind is compared whole (CRC-32); the timed ones by length and last bytes. Down
they come from nginx's files in tmpfs, up they go to a service of our own (`bench.sink`) that reads them to the end.
nginx streams as well here: it keeps no uploads and downloads in files.
"""

from __future__ import annotations

import dataclasses
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.goals import goal, spread
from bench.memory import MIB, forget_peak, peak_bytes, rss_bytes, workers
from bench.peers import Peer, Running, Setup
from bench.processes import LOAD_CORE, Broken, free_port, running
from bench.results import Result, Table
from bench.runner import Bench
from bench.service import Service
from bench.sizes import size
from bench.transfer import write_body

NAME = "bodies"
TITLE = "Large bodies, one core"
WAYS = ("down", "up")
YARDSTICK = "nginx"
_HOUSE = Path(__file__).resolve().parents[2]
_STREAM = "proxy_request_buffering off; proxy_max_temp_file_size 0; proxy_http_version 1.1;"


@dataclass(slots=True)
class Turns:
    """What one peer reached, by way and size. `rest_bytes` and `peak_bytes` are of its workers, by way."""

    peer: Peer
    ports: dict[str, Running]
    mb_per_s: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    cpu_s_per_gib: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    rest_bytes: dict[str, int] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)

    def growth_bytes(self) -> int:
        """The most that a worker held beyond what it held before the first body."""
        return max(self.peak_bytes[way] - self.rest_bytes[way] for way in WAYS)


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    kinds = {"small": (size("SMALL_BODY"), size("SMALL_BODIES")), "large": (size("LARGE_BODY"), 1)}
    bench.folder.chmod(0o755)  # nginx, if root has started it, reads files as nobody
    for name, (length, _) in kinds.items():
        write_body(bench.service.files / name, length)
    with ExitStack() as stack:
        port = free_port()
        command = [sys.executable, "-m", "bench.sink", str(port)]
        log = bench.folder / "sink.log"
        pid = stack.enter_context(running(command, port=port, cores=LOAD_CORE, log=log, folder=_HOUSE))
        behind = {
            "down": bench,
            "up": dataclasses.replace(bench, service=Service(port, pid, bench.service.files)),
        }
        turns: list[Turns] = []
        for peer in [*bench.chosen(YARDSTICK), *bench.portico()]:
            try:
                one = Turns(
                    peer, {way: stack.enter_context(behind[way].start(_streaming(peer))) for way in WAYS}
                )
                for way in WAYS:
                    worker = workers(one.ports[way])[0]
                    forget_peak(worker)
                    one.rest_bytes[way] = rss_bytes(worker)
                    for kind, (length, _) in kinds.items():
                        _transfer(bench, one.ports[way], way, kind, length, 1, whole=True)
            except Broken as reason:
                result.failed[peer.name] = str(reason)
            else:
                turns.append(one)
        for _ in range(min(bench.rounds, 3)):
            for one in list(turns):
                try:
                    for way in WAYS:
                        for kind, (length, count) in kinds.items():
                            _turn(bench, one, way, kind, length, count)
                except Broken as reason:
                    result.failed[one.peer.name] = str(reason)
                    turns.remove(one)
        for one in turns:
            one.peak_bytes = {way: peak_bytes(workers(one.ports[way])[0]) for way in WAYS}
    for name in kinds:
        (bench.service.files / name).unlink()
    if turns:
        _report(bench, result, turns, {name: length for name, (length, _) in kinds.items()})
    return result


def _streaming(peer: Peer) -> Peer:
    if peer.name != YARDSTICK:
        return peer
    configure: Callable[[Setup], str] = peer.configure
    return dataclasses.replace(
        peer, configure=lambda setup: configure(setup).replace("proxy_http_version 1.1;", _STREAM)
    )


def _turn(bench: Bench, one: Turns, way: str, kind: str, length: int, count: int) -> None:
    target = one.ports[way]
    used = target.cpu_s()
    seconds = _transfer(bench, target, way, kind, length, count)
    used = target.cpu_s() - used
    total = length * count
    one.mb_per_s.setdefault((kind, way), []).append(total / seconds / 1e6)
    one.cpu_s_per_gib.setdefault((kind, way), []).append(used / total * (1 << 30))
    print(f"  {one.peer.name}: {kind} {way}: {total / seconds / 1e6:,.0f} MB/s", file=sys.stderr, flush=True)


def _transfer(
    bench: Bench, target: Running, way: str, kind: str, length: int, count: int, *, whole: bool = False
) -> float:
    """Seconds. Raises `Broken` when a body did not arrive as it was sent."""
    command = [
        "taskset",
        "-c",
        LOAD_CORE,
        sys.executable,
        "-m",
        "bench.transfer",
        way,
        "--port",
        str(target.port),
    ]
    command += ["--path", f"/api/v1/files/{kind}", "--bytes", str(length), "--count", str(count)]
    command += ["--token", bench.token, *(["--whole"] if whole else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_HOUSE)
    if done.returncode:
        raise Broken(done.stderr.strip()[-400:])
    return float(done.stdout)


def _report(bench: Bench, result: Result, turns: list[Turns], lengths: dict[str, int]) -> None:
    yardstick = next((one for one in turns if one.peer.name == YARDSTICK), None)
    columns = ("proxy, one core", "body", "way", "MB/s", "to nginx", "CPU s per GiB")
    rows: list[tuple[str, ...]] = []
    for kind, length in lengths.items():
        for way in WAYS:
            for one in turns:
                rates = one.mb_per_s[kind, way]
                ratio = _ratio(one, yardstick, kind, way)
                rows.append(
                    (
                        one.peer.title, _named(length), way, spread(rates),
                        "–" if ratio is None else f"{ratio:.2f}", spread(one.cpu_s_per_gib[kind, way], 2),
                    )
                )  # fmt: skip
    result.tables.append(Table(columns, rows))
    memory: list[tuple[str, ...]] = []
    for one in turns:
        growth = one.growth_bytes()
        figures = (max(one.rest_bytes.values()), max(one.peak_bytes.values()), growth)
        memory.append((one.peer.title, *(f"{each / MIB:.1f}" for each in figures)))
        if one.peer.group.startswith("portico"):
            what = f"{one.peer.title}: memory flat within 16 MiB over {_named(lengths['large'])}"
            goal(result, "G6", what, growth <= 16 * MIB, f"{growth / MIB:.1f} MiB more at most")
            for way in WAYS:
                if (ratio := _ratio(one, yardstick, "large", way)) is not None:
                    goal(
                        result,
                        "G6",
                        f"{one.peer.title}: {way} ≥ 0.6 × nginx's MB/s",
                        ratio >= 0.6,
                        f"{ratio:.2f} ×",
                    )
    beside = ("proxy", "worker at rest, MiB", "its peak, MiB", "growth, MiB")
    result.tables.append(Table(beside, memory, f"Memory of a worker while {_named(lengths['large'])} pass"))
    result.notes.append(
        f"{len(turns[0].mb_per_s['large', 'up'])} rounds; one connection, one body after the other "
        f"({size('SMALL_BODIES')} small ones a turn). The client, the service and nginx as a service share the other "
        "core, which bounds everybody. Memory is resident memory (VmRSS, and VmHWM with its mark set anew)."
    )
    result.measured.update(
        {
            one.peer.name: {
                "mb_per_s": {" ".join(key): value for key, value in one.mb_per_s.items()},
                "cpu_s_per_gib": {" ".join(key): value for key, value in one.cpu_s_per_gib.items()},
                "rest_bytes": one.rest_bytes,
                "peak_bytes": one.peak_bytes,
            }
            for one in turns
        },
        bytes=lengths,
    )


def _ratio(one: Turns, yardstick: Turns | None, kind: str, way: str) -> float | None:
    if yardstick is None:
        return None
    pairs = zip(one.mb_per_s[kind, way], yardstick.mb_per_s[kind, way], strict=True)
    return statistics.median(mine / theirs for mine, theirs in pairs)


def _named(length: int) -> str:
    return f"{length >> 30} GiB" if length >= 1 << 30 else f"{length / MIB:g} MiB"
