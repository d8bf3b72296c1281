"""Two proxies in Python as people write them today, nothing on: Starlette with httpx, and aiohttp."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from .environments import environment
from .peer import Peer, Setup, said

_FOLDER = Path(__file__).parent / "python"
_ENVIRONMENT = environment("python")
_PYTHON = str(_ENVIRONMENT.path / "bin" / "python")


def _versions(*packages: str) -> str:
    program = (
        "import platform, sys; from importlib.metadata import version; "
        "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]), 'on Python', platform.python_version())"
    )
    said_so = said(_PYTHON, "-c", program, *packages)
    return said_so.replace("starlette", "Starlette")


def _addresses(setup: Setup) -> Mapping[str, str]:
    return {"PORT": str(setup.port), "SERVICE": f"http://127.0.0.1:{setup.service_port}"}


def _source(file: str, setup: Setup) -> str:
    return (_FOLDER / file).read_text(encoding="utf-8")


STARLETTE = Peer(
    name="starlette",
    group="starlette",
    title="Starlette with httpx, nothing on",
    features="nothing",
    file="starlette_proxy.py",
    install=_ENVIRONMENT.install,
    version=partial(_versions, "starlette", "httpx", "uvicorn"),
    configure=partial(_source, "starlette_proxy.py"),
    command=lambda setup: [
        *(_PYTHON, "-m", "uvicorn", "starlette_proxy:app", "--host", "127.0.0.1", "--port", str(setup.port)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
    ],
    environment=_addresses,
)
AIOHTTP = Peer(
    name="aiohttp",
    group="aiohttp",
    title="aiohttp, nothing on",
    features="nothing",
    file="aiohttp_proxy.py",
    install=_ENVIRONMENT.install,
    version=partial(_versions, "aiohttp"),
    configure=partial(_source, "aiohttp_proxy.py"),
    command=lambda setup: [_PYTHON, "aiohttp_proxy.py"],
    environment=_addresses,
)
