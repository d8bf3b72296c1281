"""Host names that are for one tenant: whoever is of another is refused there, and elsewhere as welcome as before."""

from __future__ import annotations

import time

import httpx

from portico.testing import Upstream, gateway
from tests.unit.identity.signing import SECRET, sign

CONFIGURATION = """
version: 1
logs: {{access: off}}
identity: {{users: {{jwt: {{secret: "{secret}"}}}}}}
hosts:
  tickets.acme.example: {{tenant: acme, brand: Acme}}
  "*.globex.example": {{tenant: globex}}
  "*.eu.globex.example": {{tenant: globex-eu}}
services: {{echo: {{url: "{url}"}}, own: {{url: "{url}/own"}}}}
routes:
  - {{match: tickets.acme.example/**, service: own, authenticate: users}}
  - {{match: /login, service: echo, authenticate: none}}
  - {{match: /**, service: echo, authenticate: users}}
"""


async def test_a_token_of_another_tenant_is_refused_at_the_brands_name() -> None:
    text_of = CONFIGURATION.format
    async with (
        Upstream() as echo,
        gateway(text_of(secret=SECRET, url=echo.url)) as running,
        httpx.AsyncClient(base_url=running.url) as client,
    ):

        async def ask(host: str, tenant: str | None, target: str = "/x", **more: str) -> httpx.Response:
            said = {"sub": "ann", "tenant_id": tenant, "exp": time.time() + 3600}
            token = sign({name: value for name, value in said.items() if value is not None})
            fields = {"host": host, "authorization": f"Bearer {token.decode()}", **more}
            return await client.get(target, headers=fields)

        for host, tenant in (
            ("tickets.acme.example", "acme"), ("TICKETS.acme.example:80", "acme"), ("a.globex.example", "globex"),
            ("a.eu.globex.example", "globex-eu"), ("elsewhere.example", "acme"), ("globex.example", "acme"),
        ):  # fmt: skip
            reply = await ask(host, tenant)
            assert reply.status_code == 200, (host, tenant)
        for host, false in (
            ("tickets.acme.example", "globex"), ("Tickets.Acme.Example", "globex"), ("tickets.acme.example", None),
            ("tickets.acme.example", ""), ("a.globex.example", "globex-eu"), ("a.eu.globex.example", "globex"),
            ("a.globex.example:443", "acme"),
        ):  # fmt: skip
            reply = await ask(host, false, **{"X-Tenant-ID": "acme"})
            assert (reply.status_code, reply.json().get("code")) in (
                (403, "AUTHORIZATION_ERROR"),
                (401, "INVALID_TOKEN"),
            ), (host, false)
        told = await ask(
            "tickets.acme.example", "acme", **{"X-Gateway-Brand": "Evil", "X_Gateway_Brand": "Evil"}
        )
        fields = told.json()["headers"]
        assert [value for name, value in fields if name.replace("_", "-") == "x-gateway-brand"] == ["Acme"]
        assert ["x-gateway-expected-tenant", "acme"] in fields
        nobody = await client.get("/login", headers={"host": "a.globex.example"})
        assert ["x-gateway-expected-tenant", "globex"] in nobody.json()["headers"]
