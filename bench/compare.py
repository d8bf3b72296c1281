"""Portico beside nginx: requests per second and CPU time per request, one core each, in one run.

The proxy under test is pinned to one core; the service behind it (nginx, a fixed JSON of 157 bytes) and the load
generator (wrk, 50 keep-alive connections) share the other. The peers take turns within each round; the table shows
medians and the spread over the rounds. Every answer is checked before a peer is measured, and a run with any answer
but 200 does not count. CPU time is what the kernel charged to the proxy's process: on a busy machine it is the
steadier figure.

    python -m bench.compare [--rounds 5] [--seconds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SECRET = "a-secret-for-benchmarks-only-0123456789"
BODY = (
    '{"id":"0123456789","title":"a ticket with a title","status":"open","priority":"high",'
    '"assignee":"somebody","tags":["a","b"],"created":"2026-01-01T00:00:00Z"}'
)
PROXY_CORE, LOAD_CORE = "0", "1"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")

NGINX = """
worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/{name}-1; proxy_temp_path {folder}/{name}-2; fastcgi_temp_path {folder}/{name}-3;
  uwsgi_temp_path {folder}/{name}-4; scgi_temp_path {folder}/{name}-5;
  {content}
}}
"""
SERVICE = "server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{body}'; }} }}"
PROXY = """
  upstream service {{ server 127.0.0.1:{service}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
"""

BARE = """
version: 1
gateway: {{listen: ["127.0.0.1:{port}"], data: {folder}/bare}}
logs: {{access: "off", level: warn}}
services: {{tickets: {{url: "http://127.0.0.1:{service}", breaker: "off"}}}}
defaults: {{security_headers: "off"}}
routes: [{{match: "/api/v1/tickets/**", service: tickets, authenticate: none}}]
"""
EVERYTHING = """
version: 1
gateway: {{listen: ["127.0.0.1:{port}"], data: {folder}/everything}}
logs: {{access: /dev/shm/portico-bench-access.log, format: json, level: info}}
identity: {{users: {{jwt: {{secret: "{secret}", issuer: bench, type: access, require: [tenant_id]}}}}}}
roles: {{agent: {{permissions: ["tickets:*"]}}}}
services: {{tickets: {{url: "http://127.0.0.1:{service}"}}}}
defaults: {{authenticate: [users]}}
routes: [{{match: "/api/v1/tickets/**", service: tickets, authorize: {{GET: "tickets:view"}}}}]
"""


@dataclass
class Peer:
    """One proxy under test. `processes` are those whose CPU time counts."""

    name: str
    port: int
    processes: list[int]
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.compare", description="Portico beside nginx, one core each.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk", "taskset") if shutil.which(tool) is None]
    if missing or (os.cpu_count() or 1) < 2:
        print(f"needs two cores and: {', '.join(missing) or 'nginx, wrk, taskset'}", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portico-bench-")))
        peers = start(stack, folder)
        token = make_token()
        for peer in peers:
            check(peer, token)
        for _ in range(options.rounds):
            for peer in peers:
                measure(peer, token, options.seconds)
    print(table(peers))
    if options.json:
        options.json.write_text(json.dumps({peer.name: vars(peer) for peer in peers}, indent=2))
    return 0


def start(stack: ExitStack, folder: Path) -> list[Peer]:
    """The service, and every peer in front of it."""
    service, first, second, third = 9401, 9402, 9403, 9404
    stack.enter_context(nginx(folder, "service", SERVICE.format(port=service, body=BODY), LOAD_CORE))
    proxy = stack.enter_context(nginx(folder, "proxy", PROXY.format(port=first, service=service), PROXY_CORE))
    peers = [Peer("nginx, nothing on", first, children(proxy))]
    for name, port, text in (
        ("Portico, nothing on", second, BARE),
        ("Portico, everything on", third, EVERYTHING),
    ):
        file = folder / f"{port}.yaml"
        file.write_text(text.format(port=port, service=service, folder=folder, secret=SECRET))
        command = [sys.executable, "-m", "portico", "run", str(file)]
        process = stack.enter_context(running(command, PROXY_CORE, port))
        peers.append(Peer(name, port, children(process)))
    return peers


@contextmanager
def nginx(folder: Path, name: str, content: str, core: str) -> Iterator[int]:
    """nginx with one worker."""
    file = folder / f"{name}.conf"
    file.write_text(NGINX.format(folder=folder, name=name, content=content))
    port = int(re.search(r"listen 127\.0\.0\.1:(\d+)", content)[1])  # type: ignore[index]
    with running(["nginx", "-c", str(file)], core, port) as pid:
        yield pid


@contextmanager
def running(command: list[str], core: str, port: int) -> Iterator[int]:
    """A process pinned to one core, once its port answers."""
    process = subprocess.Popen(["taskset", "-c", core, *command], stdout=subprocess.DEVNULL)
    try:
        until(lambda: answers(port), f"{command[0]} does not listen on {port}")
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def until(condition: Callable[[], bool], complaint: str, seconds: float = 20) -> None:
    """Wait for a condition; SystemExit when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(complaint)
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether something listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/live", timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The worker processes below a master."""
    found = subprocess.run(
        ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    return [int(child) for child in found] or [pid]


def make_token() -> str:
    """A token that the configurations above accept."""
    import jwt

    now = int(time.time())
    claims = {"sub": "u1", "tenant_id": "t1", "role": "agent", "type": "access", "iss": "bench"}
    return jwt.encode({**claims, "iat": now, "exp": now + 86_400}, SECRET, "HS256")


def check(peer: Peer, token: str) -> None:
    """The peer answers what the service says."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{peer.port}/api/v1/tickets/7", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=5) as reply:
        if reply.status != 200 or reply.read().decode() != BODY:
            raise SystemExit(f"{peer.name} answers something else")


def cpu_s(processes: list[int]) -> float:
    """User and system time of these processes so far."""
    total = 0
    for pid in processes:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * TICK_S


def measure(peer: Peer, token: str, seconds: int) -> None:
    """One turn of one peer."""
    before = cpu_s(peer.processes)
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "wrk", "-t1", "-c50", f"-d{seconds}s", "-H", f"Authorization: Bearer {token}",
         f"http://127.0.0.1:{peer.port}/api/v1/tickets/7"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    used = cpu_s(peer.processes) - before
    if "Non-2xx" in done or "Socket errors" in done:
        raise SystemExit(f"{peer.name} failed under load:\n{done}")
    requests = int(re.search(r"(\d+) requests in", done)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1])  # type: ignore[index]
    peer.rates.append(rate)
    peer.cpu_us.append(used / requests * 1e6)
    print(f"{peer.name}: {rate:,.0f}/s, {peer.cpu_us[-1]:.1f} µs", file=sys.stderr)


def table(peers: list[Peer]) -> str:
    """Markdown: medians, spread, ratios to the first peer."""
    first = peers[0]
    lines = [
        "| proxy, one core | requests/s, median (min–max) | to nginx | CPU µs per request | to nginx |",
        "| --- | --- | --- | --- | --- |",
    ]
    for peer in peers:
        rate, cpu = statistics.median(peer.rates), statistics.median(peer.cpu_us)
        lines.append(
            f"| {peer.name} | {rate:,.0f} ({min(peer.rates):,.0f}–{max(peer.rates):,.0f}) "
            f"| {rate / statistics.median(first.rates):.2f} | {cpu:.1f} "
            f"| {cpu / statistics.median(first.cpu_us):.2f} |"
        )
    versions = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False).stderr.strip()
    lines.append("")
    lines.append(
        f"{versions.replace('nginx version: ', '')}, Python {platform.python_version()}, {os.cpu_count()} cores."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
