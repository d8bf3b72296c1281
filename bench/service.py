"""The service behind every peer: nginx with one worker, a fixed JSON, and files for large bodies.

It answers every path below /api/v1/tickets/ and every method alike, and reads request bodies to their end. What lies
in `Service.files` is served below /api/v1/files/.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import LOAD_CORE, free_port, running

BODY = (
    b'{"id":"0123456789","title":"a ticket with a title","status":"open","priority":"high",'
    b'"assignee":"somebody","tags":["a","b"],"created":"2026-01-01T00:00:00Z"}'
)
PATH = "/api/v1/tickets/7"

NGINX = """
worker_processes {workers}; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}-error.log;
worker_rlimit_nofile 65536;
events {{ worker_connections 32768; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; client_max_body_size 0;
  client_body_temp_path {folder}/{name}-1; proxy_temp_path {folder}/{name}-2; fastcgi_temp_path {folder}/{name}-3;
  uwsgi_temp_path {folder}/{name}-4; scgi_temp_path {folder}/{name}-5;
  {content}
}}
"""
_SERVER = """
  sendfile on;
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type application/json; return 200 '{body}'; }}
    location /api/v1/files/ {{ alias {files}/; default_type application/octet-stream; }} }}
"""


@dataclass(frozen=True, slots=True)
class Service:
    """The running service."""

    port: int
    pid: int
    files: Path


def configuration(folder: Path, port: int) -> str:
    """The text of nginx's configuration."""
    content = _SERVER.format(port=port, body=BODY.decode(), files=folder / "files")
    return NGINX.format(folder=folder, name="service", workers=1, content=content)


@contextmanager
def serving(folder: Path, *, cores: str = LOAD_CORE) -> Iterator[Service]:
    """The service on a free port, on the load's core."""
    port, file = free_port(), folder / "service.conf"
    (folder / "files").mkdir(exist_ok=True)
    file.write_text(configuration(folder, port))
    with running(["nginx", "-c", str(file)], port=port, cores=cores, log=folder / "service.log") as pid:
        yield Service(port, pid, folder / "files")
