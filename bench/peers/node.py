"""Fastify and Express (npm), bare and with their own plugins for the features that Portico has on.

`npm ci` installs what bench/peers/node/package-lock.json locks, by version and hash and without install scripts.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from bench import npm
from bench.claims import ISSUER, ROLE, SECRET

from .features import LIMIT
from .peer import Features, LeftOut, Peer, Setup, first_number, said, tool

FOLDER = Path(__file__).parent / "node"
_PACKAGES = {
    ("fastify", "nothing"): ["fastify", "@fastify/http-proxy"],
    ("fastify", "everything"): [
        *("fastify", "@fastify/http-proxy", "@fastify/jwt", "@fastify/rate-limit", "@fastify/helmet"),
        *("prom-client", "pino"),
    ],
    ("express", "nothing"): ["express", "http-proxy-middleware"],
    ("express", "everything"): [
        *("express", "http-proxy-middleware", "jsonwebtoken", "express-rate-limit", "helmet"),
        *("prom-client", "pino-http"),
    ],
}


def install() -> None:
    """Bring node_modules to the lock. Raises `LeftOut`."""
    try:
        npm.bring(FOLDER)
    except npm.NotInstalled as error:
        raise LeftOut(str(error)) from None


def _version(packages: list[str]) -> str:
    found = [
        f"{name} {json.loads((FOLDER / 'node_modules' / name / 'package.json').read_text())['version']}"
        for name in packages
    ]
    found[0] = found[0].capitalize()
    return f"{', '.join(found)} on Node.js {first_number(said(tool('node', 'nodejs'), '--version'))}"


def _configure(setup: Setup, features: Features) -> str:
    return json.dumps(
        {
            "port": setup.port,
            "service": f"http://127.0.0.1:{setup.service_port}",
            "everything": features == "everything",
            "secret": SECRET,
            "issuer": ISSUER,
            "role": ROLE,
            "limit": LIMIT,
            "log": str(setup.access_log),
        },
        indent=1,
    )


def node(framework: str, features: Features) -> Peer:
    """One proxy: `fastify` or `express`."""
    return Peer(
        name=f"{framework}-{'bare' if features == 'nothing' else 'everything'}",
        group=framework,
        title=f"{framework.title()}, {features} on",
        features=features,
        file="peer.json",
        install=install,
        version=partial(_version, _PACKAGES[framework, features]),
        configure=partial(_configure, features=features),
        command=lambda setup: [
            *(tool("node", "nodejs"), str(FOLDER / f"{framework}.js"), str(setup.folder / "peer.json"))
        ],
        environment=lambda setup: {"NODE_ENV": "production"},
    )
