"""Caddy (Debian), nothing on: no access log, no certificates, one core for the Go runtime."""

from __future__ import annotations

from .debian import debian

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

PEER = debian(
    "caddy",
    "Caddy",
    "Caddyfile",
    lambda setup: _CONFIGURATION.format(port=setup.port, service=setup.service_port),
    options=["run", "--adapter", "caddyfile", "--config"],
    version="version",
    environment=lambda setup: {
        "GOMAXPROCS": "1",
        "HOME": str(setup.folder),
        "XDG_CONFIG_HOME": str(setup.folder),
        "XDG_DATA_HOME": str(setup.folder),
    },
)
