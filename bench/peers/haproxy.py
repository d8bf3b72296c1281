"""HAProxy (Debian), nothing on: one thread, keep-alive on both sides, idle service connections shared."""

from __future__ import annotations

from .debian import debian

_CONFIGURATION = """
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  http-reuse always
frontend clients
  bind 127.0.0.1:{port}
  default_backend service
backend service
  server one 127.0.0.1:{service}
"""

PEER = debian(
    "haproxy",
    "HAProxy",
    "haproxy.cfg",
    lambda setup: _CONFIGURATION.format(port=setup.port, service=setup.service_port),
    options=["-db", "-f"],
    version="-v",
)
