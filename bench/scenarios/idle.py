"""What waiting costs: memory of an idle keep-alive connection and of a worker at rest; and how long a worker starts.

Every connection has had one answer before it idles, as real ones have. A worker's start counts from the making of its
process to its first answer: the supervisor holds the socket, so the request waits there before the worker is up.
"""

from __future__ import annotations

import dataclasses
import resource
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.goals import goal, spread
from bench.memory import MIB, executed_s, rss_bytes, workers
from bench.peers import Peer, Running, Setup
from bench.processes import Broken, cpu_s, until
from bench.results import Result, Table
from bench.runner import Bench
from bench.service import BODY, PATH
from bench.sizes import size

NAME = "idle"
TITLE = "Idle connections, start and rest"
SPARE_FILES = 2_000  # descriptors of a worker and of ours that are no idle connections
PER_ADDRESS = 20_000  # connections from one source address: the kernel has 28,000 ports for each
_BIND_WITHOUT_PORT = 24  # IP_BIND_ADDRESS_NO_PORT, see ip(7): the port is chosen at connect


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    wanted = size("IDLE")
    with files(wanted + SPARE_FILES) as most:
        count = min(wanted, most - SPARE_FILES)
        rows = []
        for peer in [*bench.chosen("nginx"), *bench.portico()]:
            try:
                rows.append(_measured(bench, result, peer, count))
            except (Broken, OSError) as reason:
                result.failed[peer.name] = str(reason)
    columns = (
        "proxy, one worker", "KiB per idle connection", "worker at rest, MiB", f"with {count:,} idle, MiB",
        "after they closed, MiB", "worker starts in s", "CPU s of that",
    )  # fmt: skip
    result.tables.append(Table(columns, rows))
    result.notes.append(
        f"{count:,} keep-alive connections, each idle after one answer. Memory is the worker's resident memory; what "
        f"the kernel holds for sockets is not in it. Starts: {size('STARTS')}, from the making of the process to "
        "the first answer."
    )
    if count < wanted:
        result.notes.append(
            f"Only {count:,} connections: no more file descriptors can be had here (ulimit -Hn)."
        )
    return result


@contextmanager
def files(wanted: int) -> Iterator[int]:
    """Allow us, and whom we start, so many open files or as many as can be had; gives their number."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
        except (ValueError, OSError):  # only root may raise the hard limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _measured(bench: Bench, result: Result, peer: Peer, count: int) -> tuple[str, ...]:
    ours = peer.group.startswith("portico")
    timed = [_start_s(bench, peer) for _ in range(size("STARTS"))] if ours else []
    starts, used = [wall_s for wall_s, _ in timed], [used_s for _, used_s in timed]
    with bench.start(_patient(peer)) as running:
        bench.wrk(running, seconds=1)
        worker = workers(running)[0]
        rest = rss_bytes(worker)
        with ExitStack() as stack:
            for number in range(count):
                stack.enter_context(_idle(running.port, bench.token, number))
            held = rss_bytes(worker)
        _wait_until_closed(running, worker)
        after = rss_bytes(worker)
    each = (held - rest) / count
    print(
        f"  {peer.name}: {each / 1024:.2f} KiB each, at rest {rest / MIB:.1f} MiB",
        file=sys.stderr,
        flush=True,
    )
    result.measured[peer.name] = {
        "connections": count, "rest_bytes": rest, "held_bytes": held, "after_bytes": after,
        "start_s": starts, "start_cpu_s": used,
    }  # fmt: skip
    if peer.group.startswith("portico"):
        what = f"{peer.title}: ≤ 12 KiB for each of {count:,} idle connections"
        goal(result, "G7", what, each <= 12 * 1024, f"{each / 1024:.1f} KiB")
        goal(
            result,
            "G7",
            f"{peer.title}: a worker rests at < 70 MiB",
            rest < 70 * MIB,
            f"{rest / MIB:.1f} MiB",
        )
        took = f"{spread(starts, 2)} s, of which {spread(used, 2)} s on the processor"
        goal(result, "G7", f"{peer.title}: a worker starts in < 0.7 s", statistics.median(starts) < 0.7, took)
    sizes = (f"{each / 1024:.2f}", f"{rest / MIB:.1f}", f"{held / MIB:.1f}", f"{after / MIB:.1f}")
    return (peer.title, *sizes, spread(starts, 2) if ours else "–", spread(used, 2) if ours else "–")


def _patient(peer: Peer) -> Peer:
    """The same peer, with room for all connections, that does not close them while we open the others."""
    if not peer.group.startswith("portico"):
        return peer  # nginx is configured like that

    def configure(setup: Setup) -> str:
        limits = "limits: {connections: 1000000}, timeouts: {keep_alive: 1h}, data:"
        return peer.configure(setup).replace("data:", limits, 1)

    return dataclasses.replace(peer, configure=configure)


def _idle(port: int, token: str, number: int) -> socket.socket:
    """A connection that has had its answer."""
    opened = socket.socket()
    opened.settimeout(30)
    if number >= PER_ADDRESS:
        opened.setsockopt(socket.IPPROTO_IP, _BIND_WITHOUT_PORT, 1)
        opened.bind((f"127.0.0.{1 + number // PER_ADDRESS}", 0))
    opened.connect(("127.0.0.1", port))
    opened.sendall(f"GET {PATH} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(BODY):
        data = opened.recv(65536)
        if not data:
            raise Broken(f"connection {number:,} was not served: {answer[:100]!r}")
        answer += data
    return opened


def _wait_until_closed(running: Running, worker: int) -> None:
    """Until the worker has closed what we closed."""
    descriptors = Path(f"/proc/{worker}/fd")
    until(
        lambda: len(list(descriptors.iterdir())) < SPARE_FILES,
        lambda: f"{running.name} keeps what was closed",
    )


def _start_s(bench: Bench, peer: Peer) -> tuple[float, float]:
    """From the making of a worker's process to its first answer: seconds, and those on the processor."""
    with bench.start(peer) as running:  # has answered once
        answered = time.clock_gettime(time.CLOCK_BOOTTIME)
        worker = workers(running)[0]
        return answered - executed_s(worker), cpu_s([worker])
