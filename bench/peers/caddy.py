"""Caddy (Debian), nothing on: no access log, no certificates, one core for the Go runtime."""

from __future__ import annotations

from .peer import Peer, first_number, said, tool

_CONFIGURATION = """
{{
  admin off
  auto_https off
  log {{
    level ERROR
  }}
}}
http://127.0.0.1:{port} {{
  reverse_proxy 127.0.0.1:{service} {{
    transport http {{
      keepalive_idle_conns_per_host 256
    }}
  }}
}}
"""


def _program() -> str:
    return tool("caddy", "caddy")


PEER = Peer(
    name="caddy",
    group="caddy",
    title="Caddy, nothing on",
    features="nothing",
    file="Caddyfile",
    install=_program,
    version=lambda: f"Caddy {first_number(said(_program(), 'version'))}",
    configure=lambda setup: _CONFIGURATION.format(port=setup.port, service=setup.service_port),
    command=lambda setup: [
        _program(),
        "run",
        "--adapter",
        "caddyfile",
        "--config",
        str(setup.folder / "Caddyfile"),
    ],
    environment=lambda setup: {
        "GOMAXPROCS": "1",
        "HOME": str(setup.folder),
        "XDG_CONFIG_HOME": str(setup.folder),
        "XDG_DATA_HOME": str(setup.folder),
    },
)
