"""The audit log as its readers have it: a line for each event, at once, in a file that may be moved away."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from portico.config import ConfigurationError
from portico.testing import RunningGateway, Upstream, gateway
from tests.unit.identity.signing import SECRET, sign

CONFIGURATION = """
version: 1
logs: {{access: off, audit: {audit}}}
identity: {{users: {{jwt: {{secret: "{secret}", claims: {{tenant: tenant_id}}}}}}}}
roles: {{agent: {{permissions: ["tickets:view"]}}}}
services: {{echo: {{url: "{url}"}}}}
defaults: {{authenticate: users}}
routes:
  - {{match: /tickets, service: echo, authorize: tickets:view}}
  - {{match: /denied, service: echo, authenticate: none, addresses: {{deny: 127.0.0.0/8}}}}
  - {{match: /cors, service: echo, authenticate: none, cors: https://app.example.com}}
  - {{match: /limited, service: echo, authenticate: none, rate_limit: [{{allow: 1/h, per: ip, name: few}}]}}
"""


class Audited:
    """A gateway with its audit log in a folder."""

    def __init__(self, running: RunningGateway, client: httpx.AsyncClient, folder: Path, url: str) -> None:
        self.running = running
        self.client = client
        self.folder = folder
        self._url = url

    def text(self, audit: str) -> str:
        return CONFIGURATION.format(secret=SECRET, url=self._url, audit=audit)

    def lines(self, name: str = "audit.log") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]


@pytest.fixture
async def audited(tmp_path: Path) -> AsyncIterator[Audited]:
    async with Upstream() as service:
        text = CONFIGURATION.format(secret=SECRET, url=service.url, audit=tmp_path / "audit.log")
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as client:
            yield Audited(running, client, tmp_path, service.url)


def bearer(role: str) -> dict[str, str]:
    said = {"sub": "ann", "role": role, "tenant_id": "t-1", "exp": time.time() + 3600}
    return {"authorization": f"Bearer {sign(said).decode()}"}


async def test_each_event_is_a_line_of_its_own_at_once(audited: Audited) -> None:
    client = audited.client
    secret = "do-not-tell"
    token = bearer("user")
    refused = await client.get(f"/tickets?password={secret}&access_token={secret}", headers=token)
    await client.get("/tickets", headers={"authorization": f"Bearer {secret}"})
    await client.get("/tickets", headers={"cookie": f"session={secret}"})
    await client.get("/denied", headers={"x-api-key": secret})
    ask = {"origin": "https://evil.example", "access-control-request-method": "GET"}
    await client.options("/cors", headers=ask)
    await client.get("/limited")
    await client.get("/limited")
    # Read without waiting: a line is there before its client has the answer.
    lines = audited.lines()
    assert [(line["event"], line["severity"]) for line in lines] == [
        ("authorization_failed", "medium"),
        ("authentication_failed", "medium"),
        ("authentication_failed", "low"),
        ("address_denied", "medium"),
        ("origin_denied", "low"),
        ("rate_limit_exceeded", "medium"),
    ]
    first = lines[0]
    assert {
        name: first[name] for name in ("context", "type", "userId", "tenantId", "ip", "route", "code")
    } == {
        "context": "audit",
        "type": "security",
        "userId": "ann",
        "tenantId": "t-1",
        "ip": "127.0.0.1",
        "route": "/tickets",
        "code": "FORBIDDEN",
    }
    assert first["requestId"] == refused.headers["x-request-id"]
    assert abs(first["time"] / 1000 - time.time()) < 600
    text = (audited.folder / "audit.log").read_text()
    assert secret not in text
    assert token["authorization"].removeprefix("Bearer ") not in text


async def test_the_file_is_opened_anew(audited: Audited) -> None:
    await audited.client.get("/tickets")
    (audited.folder / "audit.log").rename(audited.folder / "audit.log.1")
    await audited.client.get("/tickets")
    assert len(audited.lines("audit.log.1")) == 2, "until somebody says that it was moved"
    audited.running.gateway.reopen_logs()
    await audited.client.get("/tickets")
    assert (len(audited.lines("audit.log.1")), len(audited.lines())) == (2, 1)


async def test_a_reload_moves_it(audited: Audited) -> None:
    await audited.running.reload(audited.text("off"))
    await audited.client.get("/tickets")
    assert audited.lines() == []
    await audited.running.reload(audited.text(str(audited.folder / "other.log")))
    await audited.client.get("/tickets")
    assert (audited.lines(), len(audited.lines("other.log"))) == ([], 1)
    with pytest.raises(ConfigurationError, match=r"logs.audit: cannot be written"):
        await audited.running.reload(audited.text(str(audited.folder / "nowhere" / "audit.log")))
    await audited.client.get("/tickets")
    assert len(audited.lines("other.log")) == 2, "a broken file changes nothing"
