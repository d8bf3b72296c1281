"""Sessions of browsers from outside: cookies, CSRF, their ends, and what a stolen cookie is good for."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from portico.config import ConfigurationError
from portico.identity.sessions import Sessions
from portico.rules import Limits
from portico.stores import MemoryStore
from portico.testing import Link, Message, RunningGateway, Upstream, gateway
from tests.wired.site import ask

SESSION_SECRET = "the secret of the sessions of the tests, long enough"

TOO_MUCH = json.dumps({"user": {"id": "u-1", "email": "ä" * 16_000}}, ensure_ascii=False).encode()

CONFIGURATION = """
version: 1
gateway: {{listen: ["127.0.0.1:0"]}}
logs: {{access: off, level: error}}
identity:
  browsers: {{session: {{secret: "{secret}", origins: ["https://app.shop.test"], {more}}}}}
roles: {{agent: {{}}, admin: {{}}}}
services: {{auth: {{url: "{auth}"}}}}
defaults: {{authenticate: browsers}}
routes:
  - {{match: POST /login, service: auth, authenticate: none, session: {{login: browsers}}}}
  - {{match: POST /logout, service: auth, session: {{logout: browsers}}}}
  - {{match: /csrf, service: auth, session: {{csrf: browsers}}}}
  - {{match: /me, service: auth}}
"""


class Auth:
    """A service that lets everybody sign in, and says how it was asked."""

    def __init__(self) -> None:
        self.status = b"200 OK"
        self.body: bytes | None = None
        self.seen: list[Message] = []

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            self.seen.append(request)
            user = {"id": "u-1", "tenant_id": "t-1", "role": "agent"}
            body = json.dumps({"user": user}).encode() if self.body is None else self.body
            link.send(b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (self.status, len(body), body))


@pytest.fixture
def auth() -> Auth:
    return Auth()


def configured(service: Upstream, more: str = "") -> str:
    return CONFIGURATION.format(secret=SESSION_SECRET, auth=service.url, more=more)


@pytest.fixture
async def running(auth: Auth) -> AsyncIterator[RunningGateway]:
    async with Upstream(auth) as service, gateway(configured(service)) as made:
        yield made


class Browser:
    """Keeps the cookies that it is given, and shows the CSRF token as a page would."""

    def __init__(self, running: RunningGateway) -> None:
        self.running = running
        self.cookies: dict[str, str] = {}
        self.set: list[str] = []

    async def ask(self, method: str, path: str, *, csrf: bool = True, **fields: str) -> Message:
        sent = dict(fields)
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if csrf and "__Host-csrf" in self.cookies:
            sent.setdefault("x-csrf-token", self.cookies["__Host-csrf"])
        reply = await ask(
            self.running.port, path, sent, method=method, body=b"{}" if method == "POST" else b""
        )
        self.set = [value.decode() for value in reply.all(b"set-cookie")]
        for line in self.set:
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return reply

    async def status(self, method: str = "GET", path: str = "/me", **more: Any) -> int:
        return (await self.ask(method, path, **more)).status


async def signed_in(running: RunningGateway) -> Browser:
    browser = Browser(running)
    assert await browser.status("POST", "/login") == 200
    return browser


async def test_a_sign_in_begins_a_session(running: RunningGateway, auth: Auth) -> None:
    browser = Browser(running)
    assert await browser.status() == 401
    reply = await browser.ask("POST", "/login")
    assert json.loads(reply.body)["user"]["id"] == "u-1"
    assert reply.get(b"cache-control") == b"no-store"
    session, csrf = sorted(browser.set, reverse=True)
    assert session.startswith("__Host-session=")
    assert {"Path=/", "SameSite=Lax", "Secure", "HttpOnly"} <= set(session.split("; "))
    assert csrf.startswith("__Host-csrf=")
    assert "HttpOnly" not in csrf
    assert await browser.status() == 200
    assert auth.seen[-1].get(b"x-user-id") == b"u-1"
    assert auth.seen[-1].get(b"x-tenant-id") == b"t-1"
    assert auth.seen[-1].get(b"x-tenant-source") == b"session"


async def test_a_service_learns_who_calls_and_not_how_to_be_them(running: RunningGateway, auth: Auth) -> None:
    browser = await signed_in(running)
    browser.cookies |= {"theme": "dark", "a": "b"}
    assert await browser.status() == 200
    told = auth.seen[-1].get(b"cookie") or b""
    assert b"theme=dark" in told
    assert b"session" not in told


async def test_who_was_not_let_in_has_no_session(running: RunningGateway, auth: Auth) -> None:
    auth.status = b"401 Unauthorized"
    browser = Browser(running)
    assert await browser.status("POST", "/login") == 401
    assert browser.set == []


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b"{}", b'{"user": {"id": "\xc3\xa4"}}', TOO_MUCH])
async def test_an_answer_that_names_nobody_makes_no_session(
    running: RunningGateway, auth: Auth, body: bytes
) -> None:
    auth.body = body
    browser = Browser(running)
    reply = await browser.ask("POST", "/login")
    assert reply.body == body
    assert await browser.status() == 401


@pytest.mark.parametrize("change", ["nothing", "other", "of another session", "without"])
async def test_a_stolen_cookie_changes_nothing_without_the_token(
    running: RunningGateway, change: str
) -> None:
    browser = await signed_in(running)
    other = await signed_in(running)
    assert await browser.status("POST") == 200
    token = {"nothing": "", "other": "x" * 43, "of another session": other.cookies["__Host-csrf"]}.get(change)
    fields = {} if token is None else {"x-csrf-token": token}
    reply = await browser.ask("POST", "/me", csrf=False, **fields)
    assert reply.status == 403
    assert b"CSRF" in reply.body
    assert await browser.status("GET", csrf=False) == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://gateway.test", 200),
        ("http://gateway.test", 200),
        ("https://app.shop.test", 200),
        ("https://evil.test", 403),
        ("https://app.shop.test.evil.test", 403),
        ("null", 403),
        ("https://gateway.test:8443", 403),
    ],
)
async def test_only_pages_of_these_origins_change_anything(
    running: RunningGateway, origin: str, status: int
) -> None:
    browser = await signed_in(running)
    assert await browser.status("POST", origin=origin) == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        ({"origin": "https://gateway.test"}, 200),
        ({"origin": "https://app.shop.test", "sec-fetch-site": "same-site"}, 200),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "null"}, 200),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "null", "sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "https://evil.test"}, 403),
        ({"origin": "https://evil.test", "sec-fetch-site": "same-origin"}, 403),
    ],
)
async def test_no_page_of_another_site_signs_anybody_in(
    running: RunningGateway, auth: Auth, fields: dict[str, str], status: int
) -> None:
    browser = Browser(running)
    assert await browser.status("POST", "/login", **fields) == status
    assert (browser.cookies == {}) is (status == 403)
    assert len(auth.seen) == (status == 200)


@pytest.mark.parametrize(
    ("origin", "opens"),
    [("https://gateway.test", True), ("https://app.shop.test", True), ("https://evil.test", False)],
)
async def test_no_page_of_another_origin_opens_a_websocket(
    running: RunningGateway, auth: Auth, origin: str, opens: bool
) -> None:
    browser = await signed_in(running)
    handshake = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    handshake["sec-websocket-key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    status = await browser.status("GET", "/me", origin=origin, **handshake)
    assert (status == 403) is not opens
    assert len(auth.seen) == 1 + opens


async def test_a_page_of_another_origin_asks_for_the_token(running: RunningGateway) -> None:
    browser, other = await signed_in(running), await signed_in(running)
    reply = await browser.ask("GET", "/csrf")
    assert reply.get(b"cache-control") == b"no-store"
    token = json.loads(reply.body)["csrfToken"]
    fields = {"origin": "https://app.shop.test", "x-csrf-token": token}
    assert await browser.status("POST", **fields) == 200
    assert await other.status("POST", **fields) == 403
    assert await Browser(running).status("GET", "/csrf") == 401


async def test_cookies_that_were_made_up(running: RunningGateway) -> None:
    browser = await signed_in(running)
    value = browser.cookies["__Host-session"]
    session_id, signature = value.split(".")
    unknown = Sessions(MemoryStore(Limits(0)), [SESSION_SECRET.encode()], 900, 900).cookie("x" * 43)
    for forged in (
        session_id,
        f"{session_id}.",
        f"{session_id}.{signature[:-1]}",
        f"{session_id[:-1]}A.{signature}",
        f"{session_id}.{signature}.",
        "",
        "é",
        unknown,
    ):
        browser.cookies["__Host-session"] = forged
        assert await browser.status() == 401, forged
    browser.cookies["__Host-session"] = value
    assert await browser.status() == 200


async def test_a_sign_out_ends_this_session_when_the_service_agrees(
    running: RunningGateway, auth: Auth
) -> None:
    browser, other = await signed_in(running), await signed_in(running)
    kept = dict(browser.cookies)
    auth.status = b"500 Internal Server Error"
    assert await browser.status("POST", "/logout") == 500
    auth.status = b"200 OK"
    assert await browser.status() == 200
    assert await browser.status("POST", "/logout") == 200
    assert browser.cookies == {}
    browser.cookies = kept
    assert await browser.status() == 401
    assert await other.status() == 200


@pytest.mark.parametrize(
    ("more", "route", "why"),
    [
        ("secure: false", "login: browsers", "is a name that browsers take over HTTPS only"),
        ("csrf_cookie: __Host-session", "login: browsers", "one name for two cookies"),
        (
            "same_site: none, secure: false, cookie: a, csrf_cookie: b",
            "login: browsers",
            "for secure cookies only",
        ),
        ("idle: 1m", "start: browsers", "browsers has no provider"),
        ("idle: 1m", "login: browsers, logout: browsers", "exactly one of login"),
        ("idle: 1m", "login: others", "others has no sessions"),
    ],
)
async def test_sessions_that_could_not_work(auth: Auth, more: str, route: str, why: str) -> None:
    async with Upstream(auth) as service:
        text = configured(service, more).replace("session: {login: browsers}", f"session: {{{route}}}")
        text = text.replace(
            "identity:\n",
            "identity:\n  others: {jwt: {secret: a secret of the tests that signs no session}}\n",
        )
        with pytest.raises(ConfigurationError) as refused:
            async with gateway(text):
                pass
        assert why in str(refused.value)
        assert SESSION_SECRET not in str(refused.value)


async def test_pages_of_all_origins_are_refused(auth: Auth) -> None:
    async with Upstream(auth) as service:
        text = configured(service).replace("https://app.shop.test", "*")
        with pytest.raises(ConfigurationError, match="name the origins"):
            async with gateway(text):
                pass


async def test_a_session_ends_at_the_latest(auth: Auth) -> None:
    more = "idle: 1s, lifetime: 1s, cache: 100ms"
    async with Upstream(auth) as service, gateway(configured(service, more)) as running:
        browser = await signed_in(running)
        began = time.monotonic()
        while await browser.status() == 200:
            assert time.monotonic() - began < 60
        assert time.monotonic() - began >= 0.8


async def test_a_session_is_in_the_store_by_a_hash_and_prolonged(running: RunningGateway) -> None:
    browser = await signed_in(running)
    store = running.gateway.live.get("store", lambda: MemoryStore(Limits(0)))
    found = [(key, value) async for key, value in store.list("session")]
    session_id = browser.cookies["__Host-session"].split(".")[0]
    assert all(session_id not in key and session_id.encode() not in value for key, value in found)
    assert len(found) == 1
