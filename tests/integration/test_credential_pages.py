"""The configurations of the pages about API keys and the gateway's own tokens let in whom the pages say they let in."""

from __future__ import annotations

import json
import re

import pytest

from portico.identity.api_key_record import hash_of
from portico.testing import Upstream, gateway
from tests.integration.signing_in import Auth, may, post, refresh
from tests.unit.docs.pages import page
from tests.unit.identity.signing import SECRET
from tests.wired.site import ask

KEY = "s" * 43


def configuration(name: str, *services: Upstream) -> str:
    """The one configuration of a page, with these services in the place of its own."""
    (text,) = [block.text for block in page(name).blocks if block.name == "portico.yaml"]
    for service in services:
        text = re.sub(r'url: "http://[a-z]+:[0-9]+"', f'url: "{service.url}"', text, count=1)
    return text


async def test_keys() -> None:
    async with Upstream() as orders:
        text = configuration("docs/authentication-api-keys.md", orders)
        text, hashes = re.subn(r"sha256:[0-9a-f]{64}", f"sha256:{hash_of(KEY)}", text)
        text = text.replace("192.0.2.0/24", "127.0.0.0/8")
        assert hashes == 1
        async with gateway(text) as running:
            fields = {"x-api-key": f"shop_till-7.{KEY}"}
            assert (await ask(running.port, "/orders/1", fields)).status == 200
            assert (await ask(running.port, "/orders/1")).status == 401
            (got,) = orders.requests()
            assert [got.get(name) for name in (b"x-user-id", b"x-tenant-id", b"x-user-role")] == [
                b"till-7", b"t-7", b"seller",
            ]  # fmt: skip


@pytest.fixture
def auth() -> Auth:
    return Auth()


async def test_tokens(auth: Auth) -> None:
    async with Upstream(auth) as service, Upstream() as orders:
        text = configuration("docs/authentication-tokens.md", service, orders)
        env = {"JWT_SECRET": SECRET, "JWT_REFRESH_SECRET": SECRET[::-1], "SERVICE_SECRET": SECRET * 2}
        async with gateway(text.replace("/auth/refresh", "/refresh"), env=env) as running:
            said = json.loads((await post(running, "/auth/login", {"password": "right"})).body)
            assert await may(running, said["accessToken"], "/orders/1") == 200
            said = json.loads((await refresh(running, said["refreshToken"])).body)
            bearer = {"authorization": f"Bearer {said['accessToken']}"}
            granted = json.loads((await post(running, "/auth/token", {"audience": "reports"}, **bearer)).body)
            token = {"x-service-token": granted["accessToken"]}
            assert (await ask(running.port, "/reports/today", token)).status == 200
            assert (await ask(running.port, "/reports/today", bearer)).status == 401
            assert (await post(running, "/auth/logout", **bearer)).status == 200
            assert await may(running, said["accessToken"], "/orders/1") == 401
            assert (await refresh(running, said["refreshToken"])).status == 401
