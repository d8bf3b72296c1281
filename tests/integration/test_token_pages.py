"""The configurations on the pages about tokens, run as they stand there but for the addresses."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import pytest

from portico.testing import Upstream, gateway
from tests.integration.token_issuer import Issuer
from tests.unit.identity.signing import sign

DOCS = Path(__file__).resolve().parents[2] / "docs"


def example(page: str, issuer: str, service: str) -> str:
    """The complete configuration of a page, at these addresses."""
    (text,) = re.findall(r"```yaml\n(version: 1\n.*?)```", (DOCS / page).read_text(), re.DOTALL)
    addresses = {
        "https://issuer.example/introspect": f"{issuer}/introspect",
        "https://issuer.example/": issuer,
    }
    for written, meant in {**addresses, "http://127.0.0.1:3001": service}.items():
        text = text.replace(written, meant)
    return str(text)


@pytest.mark.parametrize("page", ["authentication-jwt.md", "authentication-introspection.md"])
async def test_the_example_lets_its_callers_in(page: str) -> None:
    issuer = Issuer()
    async with Upstream() as echo, Upstream(issuer.script) as service:
        issuer.url = service.url
        now = int(time.time())
        said = {
            "iss": service.url,
            "sub": "u-1",
            "aud": "https://api.example",
            "org_id": "o-1",
            "roles": ["a", "b"],
        }
        times = {"iat": now, "exp": now + 600}
        token = sign({**said, **times}, "RS256", kid="k1", typ="at+jwt").decode()
        issuer.said[token] = {"active": True, **said, **times}
        text = example(page, service.url, echo.url)
        async with (
            gateway(text, env={"CLIENT_SECRET": "s3cr3t"}) as running,
            httpx.AsyncClient(base_url=running.url) as client,
        ):
            reply = await client.get("/tickets/1", headers={"authorization": f"Bearer {token}"})
            assert reply.status_code == 200
            told = dict(reply.json()["headers"])
            assert (told["x-user-id"], told["x-tenant-id"], told["x-user-role"]) == ("u-1", "o-1", "a,b")
            assert (
                await client.get("/tickets/1", headers={"authorization": "Bearer other"})
            ).status_code == 401
