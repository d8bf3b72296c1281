"""Portico, bare and with everything on, by the interpreter and the checkout that the environment names.

PORTICO_PYTHON    the interpreter (by default the one that runs the benchmark), where portico is installed
PORTICO_CHECKOUT  a folder whose portico package is taken before the installed one
PORTICO_ALSO_PYTHON, PORTICO_ALSO_CHECKOUT
                  a second Portico in the same run, `portico-also-...`: another build or another commit beside this one
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.claims import ISSUER, ROLE, SECRET

from .features import LIMIT
from .peer import Features, LeftOut, Peer, Setup, said

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
    source = Path(checkout) if checkout else Path(__file__).resolve().parents[2]
    commit = said("git", "-C", str(source), "rev-parse", "--short", "HEAD").splitlines()[-1]
    return f"Portico {version}, commit {commit}"


def _installed(python: str, checkout: str) -> None:
    done = said("env", f"PYTHONPATH={checkout}", python, "-P", "-c", "import portico.cli.app; print('there')")
    if not done.endswith("there"):
        raise LeftOut(f"{python} cannot import portico: {done.splitlines()[-1]}")


def portico(features: Features, *, also: bool = False) -> Peer:
    """One Portico; `also` is the second build of a run."""
    word = "PORTICO_ALSO" if also else "PORTICO"
    python, checkout = (
        os.environ.get(f"{word}_PYTHON", sys.executable),
        os.environ.get(f"{word}_CHECKOUT", ""),
    )
    name = f"{'portico-also' if also else 'portico'}-{'bare' if features == 'nothing' else 'everything'}"
    return Peer(
        name=name,
        group="portico-also" if also else "portico",
        title=f"Portico{' (also)' if also else ''}, {features} on",
        features=features,
        file="portico.yaml",
        install=partial(_installed, python, checkout),
        version=partial(_version, python, checkout),
        configure=partial(configure, features=features),
        command=lambda setup: [python, "-P", "-m", "portico", "run", str(setup.folder / "portico.yaml")],
        environment=partial(_environment, checkout),
        grows=True,
    )
