"""Load as fast as it goes: wrk with a number of keep-alive connections, on the load's core.

wrk counts statuses above 399, broken connections and answers that take longer than PATIENCE_S; all must be zero. Of
the bodies it counts the bytes.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .processes import LOAD_CORE, Broken
from .service import BODY, PATH

PATIENCE_S = 30
"""So long that a slow proxy on a busy machine is slow, not broken."""

_SCRIPT = """
wrk.method = "{method}"
{body}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nMEASURED {{"requests": %d, "us": %d, "bytes": %d, "bad": %d, "broken": %d, ' ..
    '"p50_us": %d, "p99_us": %d}}\\n', summary.requests, summary.duration, summary.bytes, e.status,
    e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one turn of wrk measured. Latency under full load says how long the line was, not how fast the proxy is."""

    requests: int
    seconds: float
    rate: float
    p50_us: int
    p99_us: int


def script(method: str, body: bytes | None) -> str:
    """wrk's Lua, run once at the start and once at the end, never per request. The body must be plain ASCII."""
    text = ""
    if body is not None:
        text = (
            f"wrk.body = {json.dumps(body.decode('ascii'))}\nwrk.headers['Content-Type'] = 'application/json'"
        )
    return _SCRIPT.format(method=method, body=text)


def wrk(
    port: int,
    token: str,
    folder: Path,
    *,
    seconds: int,
    connections: int = 50,
    method: str = "GET",
    path: str = PATH,
    body: bytes | None = None,
    least_bytes: int = len(BODY),
) -> Load:
    """One turn. Raises `Broken` for any answer but a good one, and when answers are shorter than `least_bytes`."""
    file = folder / f"{method}.lua"
    file.write_text(script(method, body), encoding="ascii")
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(file)]
    command += [
        "--timeout",
        f"{PATIENCE_S}s",
        "-H",
        f"Authorization: Bearer {token}",
        f"http://127.0.0.1:{port}{path}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = done.stdout.rpartition("MEASURED ")[2]
    if done.returncode or not found.startswith("{"):
        raise Broken(f"wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return judged(json.loads(found), least_bytes)


def judged(measured: dict[str, int], least_bytes: int) -> Load:
    """The figures, if every answer was a good one."""
    requests, seconds = measured["requests"], measured["us"] / 1e6
    if measured["bad"] or measured["broken"]:
        raise Broken(
            f"under load {measured['bad']} answers were errors, {measured['broken']} were cut or late"
        )
    if not requests or measured["bytes"] < requests * least_bytes:
        raise Broken(f"under load {requests} answers had {measured['bytes']} bytes: too few")
    return Load(requests, seconds, requests / seconds, measured["p50_us"], measured["p99_us"])
