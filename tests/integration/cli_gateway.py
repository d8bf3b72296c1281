"""`portico run` as a person starts it, in a folder of the test's own, with a service of the test's own behind it."""

from __future__ import annotations

import http.client
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.integration.supervised import PATIENCE_S, ROOT, until
from tests.leaks import look_at, watch

SECRET = "correct-horse-battery-staple-0123456789"

CONFIGURATION = """\
version: 1
gateway: {{listen: ["127.0.0.1:0"], workers: 2, shutdown: {{grace: 5s}}}}
identity:
  users: {{jwt: {{secret: "${{CLI_SECRET}}", claims: {{role: role}}}}}}
roles:
  agent: {{}}
services:
  echo: {{url: "{url}"}}
defaults:
  authenticate: [users]
routes:
  - {{match: /open/**, service: echo, authenticate: none}}
  - {{match: /closed/**, service: echo, authorize: {{roles: [agent]}}}}
development:
  user: {{name: ann}}
  token: {{identity: users, claims: {{sub: ann, role: agent}}, expires: 1h}}
  try:
    - GET /health
    - /open/a?b=c
    - 'PUT /closed/x {{"because": "it''s $HOME"}}'
"""


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        said = f"{self.command} {self.path} {self.headers.get('x-user-id', '-')} ".encode() + body
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


@contextmanager
def echoing() -> Iterator[str]:
    """The URL of a service that echoes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


class Portico:
    """The program in one folder."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.running: subprocess.Popen[str] | None = None
        self._env = {**os.environ, "PYTHONPATH": str(ROOT), "CLI_SECRET": SECRET, **(env or {})}

    def __call__(self, *arguments: str, reads: str = "") -> subprocess.CompletedProcess[str]:
        """One command, to its end; `reads` is its standard input."""
        return subprocess.run(
            self._command(*arguments),
            input=reads,
            cwd=self.folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def run(self, *arguments: str) -> list[str]:
        """`portico run`, until it serves; the lines that it has printed by then."""
        output = self.folder / "stdout"
        with open(output, "w") as out, open(self.folder / "stderr", "w") as err:
            self.running = subprocess.Popen(
                self._command("run", *arguments),
                cwd=self.folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
            )
        running = self.running

        def greeted() -> str:
            text = output.read_text()
            assert running.poll() is None, f"it ended with {running.returncode}: {self.log}"
            return text if "Ctrl-C stops it" in text else ""

        greeting = until(greeted, "the greeting").splitlines()
        watch(self.folder / "var", running)
        return greeting

    @property
    def log(self) -> str:
        return (self.folder / "stderr").read_text()

    def wait(self) -> int:
        """The exit code of `portico run`."""
        assert self.running is not None
        return self.running.wait(PATIENCE_S)

    def end(self) -> None:
        """Whatever is left of it, once it was seen to hold nothing."""
        try:
            if self.running is not None:
                look_at(self.folder / "var", self.running)
        finally:
            self._end()

    def _end(self) -> None:
        if self.running is not None and self.running.poll() is None:
            self.running.kill()
            self.running.wait()

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "portico", *arguments]


def pasted(line: str) -> tuple[int, str]:
    """What a curl line of the greeting gets: status and body. Reads only the options that the greeting uses."""
    words = shlex.split(line)
    assert words.pop(0) == "curl"
    url = words.pop()
    method, body, headers = "GET", None, {}
    while words:
        option, value = words.pop(0), words.pop(0)
        if option == "-X":
            method = value
        elif option == "-d":
            body, method = value, method if method != "GET" else "POST"
        else:
            assert option == "-H"
            name, _, text = value.partition(": ")
            headers[name] = text
    authority, slash, target = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(authority, timeout=PATIENCE_S)
    try:
        connection.request(method, slash + target, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()
