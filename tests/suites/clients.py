"""HTTP clients on httpbin: what each gets through a proxy is what it gets from the server, request by request.

Compared are status, fields and body, but for what names the connection, the moment or the proxy; `ports` and random
numbers in them are taken out. Redirects are not followed: where they lead is part of the outcome.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import zlib
from typing import Any

from portico.testing.running import free_port

from .ground import Ground
from .score import Score
from .tools import HERE, Missing

NAME = "clients"
RUNS = 3

Outcome = dict[str, Any]

_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_LONG = bytes(range(256)) * 800

# name, method, path, headers, body, chunked
_CASES: list[tuple[str, str, str, dict[str, str], bytes | None, bool]] = [
    ("get", "GET", "/get?a=1&b=%20x&c=%C3%A9", {}, None, False),
    ("get with fields", "GET", "/headers", {"X-Own": "one, two", "Accept-Language": "de"}, None, False),
    ("user agent", "GET", "/user-agent", {"User-Agent": "a client/1.0 (of ours)"}, None, False),
    ("get with a body", "GET", "/anything", _JSON, b'{"a":1}', False),
    ("head", "HEAD", "/uuid", {}, None, False),
    ("options", "OPTIONS", "/get", {}, None, False),
    ("preflight", "OPTIONS", "/post",
     {"Origin": "http://o.test", "Access-Control-Request-Method": "POST"}, None, False),
    ("post json", "POST", "/post", _JSON, '{"a":"é"}'.encode(), False),
    ("post form", "POST", "/post", _FORM, b"a=1&b=two+words", False),
    ("post nothing", "POST", "/post", {}, b"", False),
    ("post without body", "POST", "/post", {}, None, False),
    ("post long", "POST", "/post", {"Content-Type": "application/octet-stream"}, _LONG, False),
    ("post chunked", "POST", "/post", {"Content-Type": "text/plain"}, b"x" * 50_000, True),
    ("post expecting", "POST", "/post", {"Expect": "100-continue", "Content-Type": "text/plain"}, b"y" * 9000, False),
    ("put", "PUT", "/put", {"Content-Type": "text/plain"}, b"put", False),
    ("patch", "PATCH", "/patch", _JSON, b"[]", False),
    ("delete", "DELETE", "/delete", {}, None, False),
    ("delete with a body", "DELETE", "/delete", _JSON, b"{}", False),
    *((f"status {code}", "GET", f"/status/{code}", {}, None, False)
      for code in (200, 201, 204, 301, 304, 400, 401, 404, 406, 418, 429, 500, 503, 599)),
    ("status 204 to post", "POST", "/status/204", _JSON, b"{}", False),
    ("relative redirect", "GET", "/relative-redirect/2", {}, None, False),
    ("absolute redirect", "GET", "/absolute-redirect/2", {}, None, False),
    ("redirect elsewhere", "GET", "/redirect-to?url=http%3A%2F%2Fother.test%2F&status_code=307", {}, None, False),
    ("set cookies", "GET", "/cookies/set?a=b&c=d", {}, None, False),
    ("cookies", "GET", "/cookies", {"Cookie": "a=b; c=d"}, None, False),
    ("basic", "GET", "/basic-auth/u/p", {"Authorization": "Basic dTpw"}, None, False),
    ("basic without", "GET", "/basic-auth/u/p", {}, None, False),
    ("bearer", "GET", "/bearer", {"Authorization": "Bearer token"}, None, False),
    ("gzip", "GET", "/gzip", {"Accept-Encoding": "gzip"}, None, False),
    ("deflate", "GET", "/deflate", {"Accept-Encoding": "deflate"}, None, False),
    ("stream", "GET", "/stream/20", {}, None, False),
    ("stream bytes", "GET", "/stream-bytes/100000?seed=1&chunk_size=1000", {}, None, False),
    ("bytes", "GET", "/bytes/100000?seed=2", {}, None, False),
    ("drip", "GET", "/drip?numbytes=20&duration=1&delay=0", {}, None, False),
    ("delay", "GET", "/delay/1", {}, None, False),
    ("range", "GET", "/range/1024", {"Range": "bytes=10-19"}, None, False),
    ("range beyond", "GET", "/range/1024", {"Range": "bytes=5000-"}, None, False),
    ("etag matches", "GET", "/etag/abc", {"If-None-Match": '"abc"'}, None, False),
    ("etag does not", "GET", "/etag/abc", {"If-Match": '"other"'}, None, False),
    ("not modified", "GET", "/cache", {"If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}, None, False),
    ("doubled fields", "GET", "/response-headers?X-A=1&X-A=2&Cache-Control=no-store", {}, None, False),
    ("utf-8", "GET", "/encoding/utf8", {}, None, False),
    ("image", "GET", "/image/png", {}, None, False),
    ("head of an image", "HEAD", "/image/png", {}, None, False),
    ("path with escapes", "GET", "/anything/a%20b/%C3%A9/c%2Bd;e=f/~g", {}, None, False),
    ("path with an encoded slash", "GET", "/anything/a%2Fb", {}, None, False),
    ("query with odd bytes", "GET", "/anything?a[]=1&b={x}&c=%5C%22&d=a|b&e==&&f", {}, None, False),
]  # fmt: skip

_PYTHON = ("requests", "httpx", "aiohttp", "urllib")
_NODE = ("fetch", "undici", "http")

# Of the connection, the moment, or the proxy.
_NOT_COMPARED = {
    "date", "server", "connection", "keep-alive", "transfer-encoding", "via", "x-request-id", "x-response-time",
    "x-envoy-upstream-service-time", "x-envoy-decorator-operation",
}  # fmt: skip
_ADDED = re.compile(
    r"(?i)(x-forwarded-|x-envoy-|x-request-|x-gateway-|forwarded$|via$|x-real-ip$|x-original-ip$|connection$|host$"
    r"|transfer-encoding$|content-length$|te$|expect$)"
)


def run(ground: Ground) -> list[Score]:
    """Every client, direct and through each peer."""
    tools = ground.tools
    tools.bring_python()
    tools.bring_npm()
    programs = _programs(ground)
    service = free_port()
    command = [
        str(tools.python), "-m", "gunicorn", "-b", f"127.0.0.1:{service}", "-k", "gthread", "--threads", "4",
        "--keep-alive", "75", "httpbin:app",
    ]  # fmt: skip
    cases = json.dumps([
        {"name": name, "method": method, "path": path, "headers": headers, "chunked": chunked,
         "body": None if body is None else base64.b64encode(body).decode()}
        for name, method, path, headers, body, chunked in _CASES
    ])  # fmt: skip
    scores: list[Score] = []
    base: dict[str, Outcome] = {}
    with ground.server(command, service):
        for peer, port in ground.through(service):
            found = {name: _outcomes(program, port, cases) for name, program in programs.items()}
            base = base or found
            total = sum(map(len, base.values()))
            other = [
                f"{client}, {case}: {str(outcome)[:300]} (direct {str(base[client].get(case))[:300]})"
                for client, outcomes in found.items()
                for case, outcome in outcomes.items()
                if outcome != base[client].get(case)
            ]
            scores.append(Score(NAME, peer, total - len(other), total, 0, other))
    return scores


def _programs(ground: Ground) -> dict[str, list[str]]:
    tools = ground.tools
    found = {name: [str(tools.python), str(HERE / "clients_python.py"), name] for name in _PYTHON}
    for name in _NODE:
        found[f"node {name}"] = ["node", str(tools.node_modules.parent / "clients.mjs"), name]
    found["curl"] = ["curl"]
    try:
        go = tools.program("go", "golang-go")
    except Missing:
        return found
    binary = ground.sub("go") / "clients"
    subprocess.run([go, "build", "-o", str(binary), str(HERE / "clients.go")], check=True)
    found["go"] = [str(binary)]
    return found


def _outcomes(program: list[str], port: int, cases: str) -> Outcome:
    base = f"http://127.0.0.1:{port}"
    if program == ["curl"]:
        found = {one["name"]: _curl(base, one) for one in json.loads(cases)}
    else:
        done = subprocess.run([*program, base], input=cases, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
    return {name: _comparable(outcome, port) for name, outcome in found.items()}


def _curl(base: str, one: dict[str, Any]) -> Any:
    command = ["curl", "-sS", "-i", "--max-time", "20", "-X", one["method"], base + one["path"], "--globoff"]
    if one["method"] == "HEAD":
        command.append("--head")
    headers = dict(one["headers"])
    if one["chunked"]:
        headers["Transfer-Encoding"] = "chunked"
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    body = None if one["body"] is None else base64.b64decode(one["body"])
    if body is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run(command, input=body or b"", capture_output=True, check=False)
    if done.returncode:
        return done.stderr.decode()
    data = done.stdout
    while True:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        if (status := int(first.split()[1])) >= 200:
            break
    fields = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines]
    return [status, fields, base64.b64encode(data).decode()]


def _comparable(outcome: Any, port: int) -> Any:
    """Without what names the connection, the moment or the proxy."""
    if isinstance(outcome, str):
        return outcome.replace(str(port), "PORT")
    status, headers, encoded = outcome
    body = base64.b64decode(encoded)
    if body[:2] in (b"\x1f\x8b", b"x\x9c"):
        body = zlib.decompress(body, 47)
    fields = sorted(
        [name.lower(), value.replace(str(port), "PORT")]
        for name, value in headers
        if name.lower() not in _NOT_COMPARED
    )
    if ["content-type", "application/json"] in fields and b'"headers"' in body:
        body = b"\n".join(map(_told, body.splitlines() if b'"id"' in body else [body]))
        fields = [one for one in fields if one[0] != "content-length"]
    return [status, fields, body.decode("latin-1").replace(str(port), "PORT")]


def _told(body: bytes) -> bytes:
    """What httpbin says of a request, without the fields that a proxy adds to it."""
    told = json.loads(body)
    told["headers"] = {name: value for name, value in told["headers"].items() if not _ADDED.match(name)}
    return json.dumps(told, sort_keys=True).encode()
