"""A service that knows one user, a configuration whose gateway makes their tokens, and what a client does with them."""

from __future__ import annotations

import json
from typing import Any

from portico.testing import Link, Message, RunningGateway, Upstream
from tests.unit.identity.signing import SECRET
from tests.wired.site import ask

REFRESH_SECRET = "the refresh secret of the tests, which is another one"
USER = {"id": "u-1", "tenant_id": "t-1", "role": "agent", "email": "ada@shop.test"}

CONFIGURATION = """
version: 1
gateway: {{listen: ["127.0.0.1:0"]}}
logs: {{access: off, level: error}}
identity:
  users:
    jwt:
      secret: "{secret}"
      type: access
      issuer: shop
      issue: {{refresh_secret: "{refresh}", access: 1h, refresh: 2h, {more}}}
  services:
    jwt:
      secret: "the secret of service tokens, which is a third one"
      header: x-service-token
      audience: [reports]
      issue: {{access: 5m, audiences: [reports, stock]}}
roles: {{agent: {{}}, admin: {{}}}}
services:
  auth: {{url: "{auth}"}}
defaults: {{authenticate: users}}
routes:
  - {{match: POST /login, service: auth, authenticate: none, tokens: {{login: users}}}}
  - {{match: POST /refresh, service: auth, authenticate: none, tokens: {{refresh: users}}}}
  - {{match: POST /logout, service: auth, tokens: {{logout: users}}}}
  - {{match: POST /grant, service: auth, tokens: {{grant: services}}}}
  - {{match: /reports, service: auth, authenticate: services}}
  - {{match: /me, service: auth}}
  - {{match: /admin, service: auth, authorize: {{roles: [admin]}}}}
"""


class Auth:
    """A service that knows one user. `status` is what it answers with to everything but a look-up."""

    def __init__(self) -> None:
        self.status = b"200 OK"
        self.user: dict[str, Any] | None = dict(USER)
        self.body: bytes | None = None

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            said: dict[str, Any] = {"user": self.user, "accessToken": "of the service"}
            status = self.status
            if request.target.startswith(b"/users/"):
                assert request.get(b"x-gateway-internal") == b"true"
                status, said = (b"200 OK", self.user) if self.user else (b"404 Not Found", {})
            body = json.dumps(said).encode() if self.body is None else self.body
            link.send(
                b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (status, len(body), body)
            )


def configured(service: Upstream, more: str = "") -> str:
    return CONFIGURATION.format(secret=SECRET, refresh=REFRESH_SECRET, auth=service.url, more=more)


async def post(running: RunningGateway, path: str, said: object = None, **fields: str) -> Message:
    body = b"" if said is None else json.dumps(said).encode()
    return await ask(running.port, path, fields, method="POST", body=body)


async def sign_in(running: RunningGateway) -> dict[str, Any]:
    reply = await post(running, "/login", {"email": "ada@shop.test", "password": "right"})
    assert reply.status == 200, reply.body
    said: dict[str, Any] = json.loads(reply.body)
    return said


async def refresh(running: RunningGateway, token: str) -> Message:
    return await post(running, "/refresh", {"refreshToken": token})


async def may(running: RunningGateway, access: str, path: str = "/me") -> int:
    return (await ask(running.port, path, {"authorization": f"Bearer {access}"})).status
