"""Runs one service alone: `python -m samples.tickets --port 3003`.

A configuration that cannot work ends with one line on standard error and a non-zero exit code.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette

from samples.platform.settings import SettingsError, read_settings


def serve(
    service: str,
    app: Starlette,
    *,
    port: int,
    read: Callable[[str, Mapping[str, str]], Any] = read_settings,
) -> int:
    """Serves `app` until it is told to stop, and returns the exit code. `port` is the usual one, `read` judges the
    environment."""
    parser = argparse.ArgumentParser(
        prog=f"python -m samples.{service}", description=f"The {service} service of the platform."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=port, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--database-url", help="sqlite:///path/to/file.db or postgresql://user@host/name")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    wanted = parser.parse_args()
    if wanted.database_url:
        os.environ[f"{service.upper()}_DATABASE_URL"] = wanted.database_url
    try:
        read(service, os.environ)
    except SettingsError as problem:
        sys.stderr.write(f"samples.{service}: {problem}\n")
        return 2
    uvicorn.run(
        app,
        host=wanted.host,
        port=wanted.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_level=wanted.log_level,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    return 0
