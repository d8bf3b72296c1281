"""Portico, bare and with everything on, by the interpreter and the checkout that the environment names.

PORTICO_PYTHON    the interpreter (by default the one that runs the benchmark), where portico is installed
PORTICO_CHECKOUT  a folder whose portico package is taken before the installed one
PORTICO_COMPILED_PYTHON, PORTICO_COMPILED_CHECKOUT
                  the same for `portico-compiled`: by default .venv-compiled, which `make compiled` builds
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.claims import ISSUER, ROLE, SECRET

from .features import LIMIT
from .peer import Features, LeftOut, Peer, Setup, said

_HOUSE = Path(__file__).resolve().parents[2]
_COMPILED = _HOUSE / ".venv-compiled" / "bin" / "python"

_BARE = """
version: 1
gateway: {{listen: ["127.0.0.1:{port}"], data: {folder}/data, workers: {workers}}}
logs: {{access: "off", level: warn}}
services: {{tickets: {{url: "http://127.0.0.1:{service}", breaker: "off"}}}}
defaults: {{security_headers: "off"}}
routes:
  - {{match: "/api/v1/tickets/**", service: tickets, authenticate: none}}
  - {{match: "/api/v1/files/**", service: tickets, authenticate: none, limits: {{body: 2GiB}}}}
"""
_EVERYTHING = """
version: 1
gateway: {{listen: ["127.0.0.1:{port}"], data: {folder}/data, workers: {workers}}}
logs: {{access: {log}, format: json, level: info}}
identity: {{users: {{jwt: {{secret: "{secret}", issuer: {issuer}, type: access, require: [tenant_id]}}}}}}
roles: {{{role}: {{permissions: ["tickets:*"]}}}}
services: {{tickets: {{url: "http://127.0.0.1:{service}"}}}}
defaults: {{authenticate: [users], rate_limit: [{{allow: {limit}/s, per: ip}}, {{allow: {limit}/s, per: user}}]}}
routes:
  - {{match: "/api/v1/tickets/**", service: tickets, authorize: {{GET: "tickets:view", "*": "tickets:edit"}}}}
  - {{match: "/api/v1/files/**", service: tickets, authorize: {{"*": "tickets:view"}}, limits: {{body: 2GiB}}}}
"""
_MORE_BARE = '  - {{match: "/api/v1/r{n}/**", service: tickets, authenticate: none}}\n'
_MORE = '  - {{match: "/api/v1/r{n}/**", service: tickets, authorize: {{"*": "tickets:view"}}}}\n'


def configure(setup: Setup, features: Features) -> str:
    """The gateway's YAML."""
    text, more = (_BARE, _MORE_BARE) if features == "nothing" else (_EVERYTHING, _MORE)
    head = text.format(
        port=setup.port,
        service=setup.service_port,
        workers=setup.workers,
        folder=setup.folder,
        log=setup.access_log,
        secret=SECRET,
        issuer=ISSUER,
        role=ROLE,
        limit=LIMIT,
    )
    return head + "".join(more.format(n=n) for n in range(1, setup.routes))


def _environment(checkout: str, setup: Setup) -> Mapping[str, str]:
    # An installed Portico has its bytecode from pip; a checkout must be allowed to keep it, or every start compiles.
    bytecode = {"PYTHONDONTWRITEBYTECODE": ""}
    return {**bytecode, "PYTHONPATH": checkout} if checkout else bytecode


def _version(python: str, checkout: str) -> str:
    # -P: the folder where the benchmark was started must not stand before the installed package.
    program = "import platform, portico; print(portico.__version__, 'on Python', platform.python_version())"
    version = said("env", f"PYTHONPATH={checkout}", python, "-P", "-c", program)
    source = Path(checkout) if checkout else _HOUSE
    commit = said("git", "-C", str(source), "rev-parse", "--short", "HEAD").splitlines()[-1]
    return f"Portico {version}, commit {commit}"


def _installed(python: str, checkout: str) -> None:
    done = said("env", f"PYTHONPATH={checkout}", python, "-P", "-c", "import portico.cli.app; print('there')")
    if not done.endswith("there"):
        raise LeftOut(f"{python} cannot import portico: {done.splitlines()[-1]}")


def _built(python: str, checkout: str) -> None:
    if python == str(_COMPILED):
        done = subprocess.run([_HOUSE / "tools" / "compiled.sh"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise LeftOut((done.stderr.strip().splitlines() or ["it could not be compiled"])[-1])
    _installed(python, checkout)


def portico(features: Features, *, compiled: bool = False) -> Peer:
    """Portico as it is in the checkout, or with its road compiled."""
    word = "PORTICO_COMPILED" if compiled else "PORTICO"
    python = os.environ.get(f"{word}_PYTHON", str(_COMPILED) if compiled else sys.executable)
    checkout = os.environ.get(f"{word}_CHECKOUT", "")
    group = "portico-compiled" if compiled else "portico"
    return Peer(
        name=f"{group}-{'bare' if features == 'nothing' else 'everything'}",
        group=group,
        title=f"Portico{', compiled' if compiled else ''}, {features} on",
        features=features,
        file="portico.yaml",
        install=partial(_built, python, checkout),
        version=partial(_version, python, checkout),
        configure=partial(configure, features=features),
        command=lambda setup: [python, "-P", "-m", "portico", "run", str(setup.folder / "portico.yaml")],
        environment=partial(_environment, checkout),
        grows=True,
    )
