"""Browsers sign in at a real OpenID provider, and out again: the gateway between them, seen from outside."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from portico.testing import RunningGateway, Upstream, gateway, until
from tests.integration.openid.browser import Browser, Page
from tests.integration.openid.running import CALLBACK, SECRET, SITE, provider
from tests.unit.identity.signing import private_key, private_pem

# One provider for all of them.
pytestmark = pytest.mark.xdist_group("openid")

CONFIGURATION = """
version: 1
gateway: {{listen: ["127.0.0.1:0"]}}
logs: {{access: off, level: error}}
identity:
  browsers:
    session:
      secret: the secret of the sessions of the tests, long enough
      origins: ["https://app.shop.test"]
      openid:
        issuer: {issuer}
        client: {{{client}}}
        callback: {callback}
        userinfo: true
        after_logout: {site}/bye
        redirect: /auth/login
services: {{shop: {{url: "{shop}"}}}}
defaults: {{authenticate: browsers}}
routes:
  - {{match: /auth/login, service: shop, authenticate: none, session: {{start: browsers}}}}
  - {{match: /auth/callback, service: shop, authenticate: none, session: {{callback: browsers}}}}
  - {{match: /auth/logout, service: shop, authenticate: none, session: {{logout: browsers}}}}
  - {{match: POST /auth/ended, service: shop, authenticate: none, session: {{backchannel: browsers}}}}
  - {{match: /bye, service: shop, authenticate: none}}
  - {{match: /**, service: shop}}
"""
CLIENTS = {
    "client_secret_basic": f'secret: "{SECRET}"',
    "client_secret_post": f'secret: "{SECRET}", by: post',
    "private_key_jwt": f"key: {json.dumps(private_pem(private_key('RS256')))}",
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider() as found:
        yield found


@pytest.fixture
async def shop() -> AsyncIterator[Upstream]:
    async with Upstream() as made:
        yield made


@asynccontextmanager
async def site(
    issuer: str, shop: Upstream, way: str = "client_secret_basic"
) -> AsyncIterator[RunningGateway]:
    text = CONFIGURATION.format(
        issuer=issuer, client=f"id: {way}, {CLIENTS[way]}", callback=CALLBACK, site=SITE, shop=shop.url
    )
    async with gateway(text) as running:
        yield running


@pytest.fixture
async def running(issuer: str, shop: Upstream) -> AsyncIterator[RunningGateway]:
    async with site(issuer, shop) as made:
        yield made


def browser_of(running: RunningGateway) -> Browser:
    return Browser({SITE: running.url})


async def sign_in(browser: Browser, url: str, user: str = "ada") -> Page:
    """Through the provider's two forms."""
    form = await browser.open(url)
    assert 'name="login"' in form.text, (form.status, form.text)
    consent = await browser.submit(form, login=user, password="right")
    return await browser.submit(consent) if 'value="consent"' in consent.text else consent


def told(shop: Upstream, name: bytes) -> bytes | None:
    return shop.requests()[-1].get(name)


@pytest.mark.parametrize("way", list(CLIENTS))
async def test_a_browser_signs_in_and_is_back_where_it_wanted_to_go(
    issuer: str, shop: Upstream, way: str
) -> None:
    async with site(issuer, shop, way) as running:
        browser = browser_of(running)
        page = await sign_in(browser, f"{SITE}/orders?of=today")
        assert (page.url, page.status) == (f"{SITE}/orders?of=today", 200)
        assert told(shop, b"x-user-id") == b"ada"
        assert told(shop, b"x-tenant-id") == b"t-1"
        assert told(shop, b"x-user-role") == b"agent"
        assert told(shop, b"cookie") == b"__Host-csrf=" + browser.cookie("__Host-csrf").value.encode()
        assert browser.names(SITE) == ["__Host-csrf", "__Host-session"]
        line = browser.cookie("__Host-session").line
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(line.split("; "))


async def test_the_question_to_the_provider(running: RunningGateway) -> None:
    browser = browser_of(running)
    page = await browser.open(f"{SITE}/auth/login?return_to=/a", follow=False)
    asked = parse_qs(urlsplit(page.location).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [CALLBACK]
    assert asked["scope"] == ["openid profile email"]
    assert {"state", "nonce", "code_challenge", "client_id"} <= asked.keys()
    assert page.headers["cache-control"] == "no-store"
    (name,) = browser.names(SITE)
    kept = browser.cookie(name)
    assert name.startswith("__Host-login-")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=600"} <= set(kept.line.split("; "))
    # The verifier and the nonce are not in the cookie.
    assert asked["nonce"][0] not in kept.value
    again = parse_qs(urlsplit((await browser.open(f"{SITE}/auth/login", follow=False)).location).query)
    assert all(again[one] != asked[one] for one in ("state", "nonce", "code_challenge"))


async def test_several_tabs_sign_in_at_once(running: RunningGateway) -> None:
    browser = browser_of(running)
    first = await browser.open(f"{SITE}/one")
    second = await browser.open(f"{SITE}/two")
    done = await browser.submit(first, login="ada", password="right")
    done = await browser.submit(done) if 'value="consent"' in done.text else done
    assert (done.url, done.status) == (f"{SITE}/one", 200)
    session = browser.cookie("__Host-session").value
    done = await browser.submit(second, login="ada", password="right")
    done = await browser.submit(done) if 'value="consent"' in done.text else done
    assert (done.url, done.status) == (f"{SITE}/two", 200)
    assert browser.cookie("__Host-session").value != session


async def test_so_many_tabs_and_no_more_have_cookies(running: RunningGateway) -> None:
    browser = browser_of(running)
    for _ in range(12):
        await browser.open(f"{SITE}/auth/login", follow=False)
    assert len(browser.names(SITE)) == 8


async def test_who_is_known_at_the_provider_is_not_asked_again(running: RunningGateway) -> None:
    browser = browser_of(running)
    await sign_in(browser, f"{SITE}/")
    for key in [key for key in browser.cookies if key[0] == SITE]:
        del browser.cookies[key]
    page = await browser.open(f"{SITE}/back")
    assert (page.url, page.status) == (f"{SITE}/back", 200)


async def test_only_browsers_that_ask_for_a_page_are_sent_to_the_provider(running: RunningGateway) -> None:
    browser = browser_of(running)
    script = await browser.open(f"{SITE}/data", accept="application/json")
    assert script.status == 401
    assert script.headers["www-authenticate"] == 'Cookie realm="browsers"'
    page = await browser.open(f"{SITE}/data?x=1", follow=False)
    assert (page.status, page.text) == (303, "")
    assert page.headers["location"] == "/auth/login?return_to=%2Fdata%3Fx%3D1"
    assert "www-authenticate" not in page.headers
    changing = await browser.open(f"{SITE}/data", {"a": "b"}, follow=False)
    assert changing.status == 401


async def test_a_sign_in_that_the_user_breaks_off(running: RunningGateway) -> None:
    browser = browser_of(running)
    form = await browser.open(f"{SITE}/")
    page = await browser.open(f"{form.url}/abort")
    assert page.url.startswith(f"{CALLBACK}?")
    assert page.status == 401
    assert json.loads(page.text)["code"] == "AUTHENTICATION_ERROR"
    assert browser.names(SITE) == []


async def test_a_sign_out_ends_the_session_here_and_there(running: RunningGateway) -> None:
    browser = browser_of(running)
    await sign_in(browser, f"{SITE}/")
    kept = dict(browser.cookies)
    form = await browser.open(f"{SITE}/auth/logout")
    asked = parse_qs(urlsplit(form.url).query)
    assert asked["post_logout_redirect_uri"] == [f"{SITE}/bye"]
    assert "id_token_hint" in asked
    assert browser.names(SITE) == []
    page = await browser.submit(form, logout="yes")
    assert (page.url.partition("?")[0], page.status) == (f"{SITE}/bye", 200)
    assert 'name="login"' in (await browser.open(f"{SITE}/")).text  # the provider asks who it is
    browser.cookies = {key: cookie for key, cookie in kept.items() if key[0] == SITE}
    assert (await browser.open(f"{SITE}/", accept="*/*")).status == 401


async def test_a_page_signs_out_by_script(running: RunningGateway) -> None:
    browser = browser_of(running)
    await sign_in(browser, f"{SITE}/")
    token = browser.cookie("__Host-csrf").value
    refused = await browser.open(f"{SITE}/auth/logout", {}, accept="*/*")
    assert refused.status == 403
    page = await browser.open(f"{SITE}/auth/logout", {}, accept="*/*", x_csrf_token=token)
    assert page.status == 200
    assert "id_token_hint=" in json.loads(page.text)["location"]
    assert browser.names(SITE) == []


async def test_the_provider_ends_a_session_by_itself(issuer: str, running: RunningGateway) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.put(f"{issuer}/gateway/{running.port}")
    here, elsewhere = browser_of(running), browser_of(running)
    await sign_in(here, f"{SITE}/")
    await sign_in(elsewhere, f"{SITE}/")
    metadata = await here.open(f"{issuer}/.well-known/openid-configuration")
    form = await here.open(json.loads(metadata.text)["end_session_endpoint"])
    await here.submit(form, logout="yes")

    async def status() -> int:
        return (await here.open(f"{SITE}/", accept="*/*")).status

    assert await status() == 401
    assert (await elsewhere.open(f"{SITE}/", accept="*/*")).status == 200


async def test_a_provider_that_is_away(shop: Upstream) -> None:
    async with Upstream() as gone:
        url = gone.url
    async with site(url, shop) as running:
        browser = browser_of(running)
        page = await browser.open(f"{SITE}/")
        assert page.url.startswith(f"{SITE}/auth/login")
        assert page.status == 503
        assert int(page.headers["retry-after"]) >= 1
        assert json.loads(page.text)["code"] == "SERVICE_UNAVAILABLE"
        assert browser.names(SITE) == []
        out = await browser.open(f"{SITE}/auth/logout", follow=False)
        assert (out.status, out.headers["location"]) == (303, f"{SITE}/bye")


async def test_what_a_sign_in_has_taught_outlives_a_reload(issuer: str, shop: Upstream) -> None:
    async with site(issuer, shop) as running:
        browser = browser_of(running)
        await sign_in(browser, f"{SITE}/")
        waiting = browser_of(running)
        form = await waiting.open(f"{SITE}/late")
        await running.reload(
            CONFIGURATION.format(
                issuer=issuer,
                client=f"id: client_secret_basic, {CLIENTS['client_secret_basic']}",
                callback=CALLBACK,
                site=SITE,
                shop=shop.url,
            )
        )
        assert (await browser.open(f"{SITE}/", accept="*/*")).status == 200
        consent = await waiting.submit(form, login="bob", password="right")
        page = await waiting.submit(consent)
        assert (page.url, page.status) == (f"{SITE}/late", 200)
        await until(lambda: told(shop, b"x-user-id") == b"bob", "the service has heard who")
