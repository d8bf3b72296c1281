"""Paths that are another towards the service: stripped, added to, exchanged; and still the one normalised form."""

from __future__ import annotations

import pytest

from portico.config import ConfigurationError
from portico.testing import Client, Upstream, gateway

CONFIGURATION = """
version: 1
logs: {{access: off}}
services: {{echo: {{url: "{url}"}}}}
routes:
  - {{match: /api/v1/auth/**, service: echo, authenticate: none, rewrite: {{strip: /api/v1}}}}
  - {{match: /old/**, service: echo, authenticate: none, rewrite: {{strip: /old, add: /new/2}}}}
  - {{match: /whole, service: echo, authenticate: none, rewrite: {{strip: /whole}}}}
  - {{match: "/{{name}}/x", service: echo, authenticate: none, rewrite: {{add: /b%7eb}}}}
"""

FORWARDED = {
    "/api/v1/auth/login?next=/api/v1": "/auth/login?next=/api/v1",
    "/api/v1/auth": "/auth",
    "/api/v1/auth/api/v1/auth": "/auth/api/v1/auth",
    "/old/a/b": "/new/2/a/b",
    "/old": "/new/2",
    "/old/": "/new/2/",
    "/whole": "/",
    "/whole?q=1": "/?q=1",
    "/a/x": "/b~b/a/x",
    # What is matched is normalised, and that is what is rewritten.
    "/api/v1/x/../auth/%41": "/auth/A",
    "/%61pi/v1/auth/a%2Fb": "/auth/a%2Fb",
    "/old/./old/x": "/new/2/old/x",
}
REFUSED = {
    "/api/v1/auth/../../..//x": 400,
    "/api/v1/auth/..%2Fx": 400,
    "/api/v1/auth//x": 400,
    "/oldest/x/y": 404,
}


async def test_services_see_the_rewritten_path_and_nothing_else_changes() -> None:
    async with Upstream() as echo, gateway(CONFIGURATION.format(url=echo.url + "/base")) as running:
        for target, seen in FORWARDED.items():
            async with await Client.connect(running.port) as client:
                client.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert (await client.final_reply()).status == 200, target
            assert echo.requests()[-1].target.decode() == f"/base{seen}", target
        before = len(echo.requests())
        for target, status in REFUSED.items():
            async with await Client.connect(running.port) as client:
                client.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert (await client.final_reply()).status == status, target
        assert len(echo.requests()) == before


@pytest.mark.parametrize(
    ("match", "rewrite", "said"),
    [
        ("/api/**", "{strip: /apis}", '"/apis" does not begin the path /api/\\*\\* of this route'),
        ("/apis/**", "{strip: /api}", '"/api" does not begin'),
        ("/{name}/**", "{strip: /api}", '"/api" does not begin'),
        ("/api/**", "{strip: /api/}", "is no prefix"),
        ("/api/**", "{add: api}", "is no path"),
        ("/api/**", "{add: /a/../../b}", "can be no path that is forwarded"),
        ("/api/**", "{}", "says not what to rewrite"),
    ],
)
async def test_what_cannot_be_rewritten_is_a_problem(match: str, rewrite: str, said: str) -> None:
    text = f"""
version: 1
services: {{echo: {{url: "http://127.0.0.1:9"}}}}
routes: [{{match: "{match}", service: echo, authenticate: none, rewrite: {rewrite}}}]
"""
    with pytest.raises(ConfigurationError, match=said):
        async with gateway(text):
            pass
