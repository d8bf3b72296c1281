"""Starts the OpenID provider of the tests, for as long as a module of tests needs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm

from bench import npm
from tests.unit.identity.signing import private_key

HERE = Path(__file__).parent
SITE = "https://shop.test"
SECRET = "the secret of the gateway at the provider of the tests"
CALLBACK = f"{SITE}/auth/callback"


def clients() -> list[dict[str, Any]]:
    """One for each way in which the gateway can prove itself."""
    ways: dict[str, dict[str, Any]] = {
        "client_secret_basic": {"client_secret": SECRET},
        "client_secret_post": {"client_secret": SECRET},
        "private_key_jwt": {
            "jwks": {"keys": [RSAAlgorithm.to_jwk(private_key("RS256").public_key(), as_dict=True)]}
        },
    }
    return [
        {
            "client_id": way,
            "token_endpoint_auth_method": way,
            "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [f"{SITE}/bye"],
            "backchannel_logout_uri": f"{SITE}/auth/ended",
            "backchannel_logout_session_required": True,
            **proof,
        }
        for way, proof in ways.items()
    ]


@contextmanager
def provider() -> Iterator[str]:
    """The issuer of a running provider. Skips the test where there is none to be had."""
    try:
        npm.bring(HERE)
        node = npm.program("node")
    except npm.NotInstalled as error:
        pytest.skip(str(error))
    settings = json.dumps({"site": SITE, "clients": clients()})
    process = subprocess.Popen(
        [node, str(HERE / "provider.mjs"), settings],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        issuer = process.stdout.readline().strip()
        assert issuer, f"the provider ended with {process.wait()}"
        yield issuer
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
