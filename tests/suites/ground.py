"""Where a suite runs: a folder of its own, free ports, servers that end with it, and the peers in front of a server.

Everything listens on 127.0.0.1. The peers pass requests on unchanged but for what a proxy has to do: the client's
Host, WebSocket upgrades, bodies of any size, HTTP/1.1 to the server.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from portico.testing.running import free_port

from .tools import Tools

HOST = "127.0.0.1"

_NGINX = """
{user} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
  uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream service {{ server 127.0.0.1:{service}; keepalive 16; }}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; }} }}
}}
"""

_ENVOY = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          codec_type: HTTP1
          upgrade_configs: [{{upgrade_type: websocket}}]
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: "/"}}, route: {{cluster: service, timeout: 0s}}}}]
  clusters:
  - name: service
    type: STATIC
    load_assignment:
      cluster_name: service
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {service}}}}}}}
"""

_PORTICO = """
version: 1
gateway:
  listen: ["127.0.0.1:{port}"]
  data: "{folder}/var"
  limits: {{body: 1GiB}}
logs: {{access: "off", level: warn}}
services: {{service: {{url: "http://127.0.0.1:{service}", host: client, breaker: "off", timeout: 60s}}}}
defaults: {{security_headers: "off"}}
routes: [{{match: "/**", service: service, authenticate: none}}]
"""


class Ground:
    """Of one run. `peers` are the names that were asked for."""

    def __init__(self, folder: Path, tools: Tools, peers: Sequence[str]) -> None:
        self.folder = folder
        self.tools = tools
        self.peers = [peer for peer in peers if peer != "Envoy" or tools.envoy.exists()]
        if "nginx" in self.peers and not nginx():
            self.peers.remove("nginx")

    def sub(self, name: str) -> Path:
        """An empty folder."""
        made = self.folder / name
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        return made

    def through(self, service: int) -> Iterator[tuple[str, int]]:
        """(peer, port) one after the other, each in front of the server on the port `service`."""
        for peer in self.peers:
            with self.peer(peer, service) as port:
                yield peer, port

    @contextmanager
    def peer(self, name: str, service: int) -> Iterator[int]:
        """The port of one proxy in front of the server on the port `service`; `direct` is the server itself."""
        if name == "direct":
            yield service
            return
        port = free_port()
        folder = self.sub(name.lower())
        text = {"nginx": _NGINX, "Envoy": _ENVOY, "Portico": _PORTICO}[name]
        file = folder / f"{name.lower()}.yaml"
        user = "user root;" if os.geteuid() == 0 else ""  # or its worker could not write into the folder
        file.write_text(text.format(port=port, service=service, folder=folder, user=user))
        command = {
            "nginx": [nginx(), "-c", str(file), "-e", str(folder / "nginx.log")],
            "Envoy": [
                str(self.tools.envoy),
                "-c",
                str(file),
                "--disable-hot-restart",
                "--concurrency",
                "1",
                "-l",
                "error",
            ],
            "Portico": [sys.executable, "-m", "portico", "run", str(file)],
        }[name]
        with self.server(command, port):
            if name == "Portico":  # it holds its port before a worker accepts from it
                urllib.request.urlopen(f"http://{HOST}:{port}/live", timeout=60).close()
            yield port

    @contextmanager
    def server(
        self, command: Sequence[str], port: int, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Iterator[None]:
        """A process that listens on `port` while the block runs. What it says is in the folder of this run."""
        said = self.folder / f"{Path(command[0]).name}-{port}.log"
        with ExitStack() as stack:
            output = stack.enter_context(said.open("wb"))
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env={**os.environ, **(env or {})}, cwd=cwd
            )
            stack.callback(_stop, process)
            end = time.monotonic() + 30
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{command[0]} does not listen:\n{said.read_text('utf-8', 'replace')}")
                time.sleep(0.05)
            yield


def nginx() -> str:
    """Its path, or nothing."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True
