"""nginx (Debian): the yardstick. Nothing on: no access log, no limits; one worker."""

from __future__ import annotations

from bench.service import NGINX

from .debian import debian
from .peer import Setup

_PROXY = """
  upstream service {{ server 127.0.0.1:{service}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    proxy_http_version 1.1; proxy_set_header Connection "";
    {locations} }}
"""
_LOCATION = "location {path} {{ proxy_pass http://service; }}"


def configure(setup: Setup) -> str:
    paths = ["/api/v1/tickets/", "/api/v1/files/", *(f"/api/v1/r{n}/" for n in range(1, setup.routes))]
    content = _PROXY.format(
        port=setup.port,
        service=setup.service_port,
        locations="\n    ".join(_LOCATION.format(path=path) for path in paths),
    )
    return NGINX.format(folder=setup.folder, name="proxy", workers=setup.workers, content=content)


PEER = debian(
    "nginx",
    "nginx",
    "nginx.conf",
    configure,
    options=["-c"],
    version="-v",
    package="nginx-light",
    grows=True,
)
