"""Portico as the benchmark starts it: pinned, checked, and with everything on that is said to be on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench.answers import ask, check_answer, check_features, check_log
from bench.claims import make_token
from bench.peers import chosen, started
from bench.processes import Broken
from bench.scenarios.post import payload
from bench.service import BODY


class Service(BaseHTTPRequestHandler):
    """Answers as the benchmark's nginx does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    do_POST = do_GET  # noqa: N815 - the name is http.server's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so is this one
        pass


@pytest.fixture
def service_port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("name", ["portico-bare", "portico-everything"])
def test_it_answers_what_the_service_says(name: str, service_port: int) -> None:
    (peer,) = chosen([name])
    token = make_token()
    # Not in tmp_path: the control socket's path must be short.
    with (
        TemporaryDirectory(prefix="bench-") as folder,
        started(peer, service_port, Path(folder) / name, routes=3) as running,
    ):
        check_answer(running.port, token)
        check_answer(running.port, token, method="POST", body=payload())
        check_answer(running.port, token, path="/api/v1/r2/x")
        assert len(running.pids()) >= 2, "the supervisor and its worker"
        assert running.cpu_s() > 0
        if name == "portico-everything":
            check_features(running.port, token)
            check_log(running.setup.access_log)
        else:
            assert ask(running.port, "")[0] == 200
            with pytest.raises(Broken, match="no token with 200"):
                check_features(running.port, token)
    assert not running.pids()[1:]
