"""HAProxy (Debian), nothing on: one thread, keep-alive on both sides, idle service connections shared."""

from __future__ import annotations

from .peer import Peer, first_number, said, tool

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


def _program() -> str:
    return tool("haproxy", "haproxy")


PEER = Peer(
    name="haproxy",
    group="haproxy",
    title="HAProxy, nothing on",
    features="nothing",
    file="haproxy.cfg",
    install=_program,
    version=lambda: f"HAProxy {first_number(said(_program(), '-v'))}",
    configure=lambda setup: _CONFIGURATION.format(port=setup.port, service=setup.service_port),
    command=lambda setup: [_program(), "-db", "-f", str(setup.folder / "haproxy.cfg")],
)
