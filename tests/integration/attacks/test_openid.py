"""Attacks on browsers that sign in at a provider, and on their sessions; each beside the twin that is let in."""

from __future__ import annotations

import hmac
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.utils import base64url_encode

from portico.testing import RunningGateway, Upstream, gateway
from tests.integration.openid.browser import Browser, Page
from tests.integration.openid.lying import CLIENT, LyingProvider
from tests.unit.identity.signing import private_key, public_pem
from tests.wired.site import ask

SITE = "https://shop.test"
SECRET = "the secret of the client of the lying provider"
CONFIGURATION = """
version: 1
gateway: {{listen: ["127.0.0.1:0"]}}
logs: {{access: off, audit: off, level: fatal}}
identity:
  browsers:
    session:
      secret: the secret of the sessions of the tests, long enough
      origins: ["https://app.shop.test"]
      openid:
        issuer: {issuer}
        client: {{id: {client}, secret: "{secret}"}}
        callback: {site}/auth/callback
        redirect: /auth/login
        {more}
services: {{shop: {{url: "{shop}"}}}}
defaults: {{authenticate: browsers}}
routes:
  - {{match: /auth/login, service: shop, authenticate: none, session: {{start: browsers}}}}
  - {{match: /auth/callback, service: shop, authenticate: none, session: {{callback: browsers}}}}
  - {{match: /auth/logout, service: shop, authenticate: none, session: {{logout: browsers}}}}
  - {{match: POST /auth/ended, service: shop, authenticate: none, session: {{backchannel: browsers}}}}
  - {{match: /**, service: shop}}
"""
NOW = int(time.time())
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Attacked:
    """A gateway, the service behind it, and its provider."""

    def __init__(self, running: RunningGateway, provider: LyingProvider, shop: Upstream) -> None:
        self.running = running
        self.provider = provider
        self.shop = shop

    def browser(self) -> Browser:
        return Browser({SITE: self.running.url})

    async def begun(self, browser: Browser, target: str = "/home") -> str:
        """The provider's address for a sign-in that this browser has begun."""
        page = await browser.open(f"{SITE}/auth/login?return_to={quote(target)}", follow=False)
        assert page.status == 303, page.text
        return page.location

    async def returned(self, browser: Browser, **more: str) -> Page:
        """A whole sign-in, up to where the gateway sends the browser."""
        back = self.provider.authorize(await self.begun(browser), **more)
        return await browser.open(back, follow=False)

    async def signed_in(self) -> Browser:
        browser = self.browser()
        page = await self.returned(browser)
        assert (page.status, page.headers["location"]) == (303, "/home")
        return browser

    async def who(self, browser: Browser) -> bytes | None:
        """Whom the service sees; None when the browser is nobody."""
        page = await browser.open(f"{SITE}/who", accept="*/*")
        return self.shop.requests()[-1].get(b"x-user-id") if page.status == 200 else None


@pytest.fixture
async def attacked(request: pytest.FixtureRequest) -> AsyncIterator[Attacked]:
    provider = LyingProvider()
    async with Upstream(provider) as issuer, Upstream() as shop:
        provider.url = issuer.url
        text = CONFIGURATION.format(
            issuer=issuer.url,
            client=CLIENT,
            secret=SECRET,
            site=SITE,
            shop=shop.url,
            more=getattr(request, "param", ""),
        )
        async with gateway(text) as running:
            yield Attacked(running, provider, shop)


def refused(page: Page, browser: Browser) -> None:
    assert page.status == 401, page.text
    assert "__Host-session" not in browser.names(SITE)


@pytest.mark.parametrize("checks_pkce", [True, False])
async def test_a_stolen_code_in_another_browser(attacked: Attacked, checks_pkce: bool) -> None:
    """Code injection: PKCE stops it at the provider, and the nonce where the provider does not look."""
    provider = attacked.provider
    provider.checks_pkce = checks_pkce
    victim, thief = attacked.browser(), attacked.browser()
    stolen = provider.authorize(await attacked.begun(victim))
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    refused(await thief.open(provider.authorize(await attacked.begun(thief), code=code), follow=False), thief)
    assert await attacked.who(await attacked.signed_in()) == b"ada"


async def test_a_sign_in_that_another_browser_has_begun(attacked: Attacked) -> None:
    """Sign-in CSRF: whoever follows the attacker's link would act in the attacker's account."""
    attacker, victim = attacked.browser(), attacked.browser()
    link = attacked.provider.authorize(await attacked.begun(attacker))
    await attacked.begun(victim)  # has a sign-in of its own under way
    refused(await victim.open(link, follow=False), victim)
    refused(await attacked.browser().open(link, follow=False), victim)
    assert (await attacker.open(link, follow=False)).status == 303


async def test_a_cookie_of_another_sign_in_under_the_right_name(attacked: Attacked) -> None:
    attacker, victim = attacked.browser(), attacked.browser()
    link = attacked.provider.authorize(await attacked.begun(attacker))
    await attacked.begun(victim)
    ((_, kept),) = victim.cookies.items()
    (name,) = attacker.names(SITE)
    victim.cookies[SITE, "/", name] = kept
    refused(await victim.open(link, follow=False), victim)
    assert (await attacker.open(link, follow=False)).status == 303


async def test_a_replayed_callback(attacked: Attacked) -> None:
    attacked.provider.gives_codes_once = False
    browser = attacked.browser()
    back = attacked.provider.authorize(await attacked.begun(browser))
    kept = dict(browser.cookies)
    assert (await browser.open(back, follow=False)).status == 303
    thief = attacked.browser()
    refused(await thief.open(back, follow=False), thief)
    thief.cookies = kept  # even with the cookie that was dropped
    refused(await thief.open(back, follow=False), thief)
    assert attacked.provider.paths().count("/token") == 1


async def test_a_cookie_that_leads_elsewhere(attacked: Attacked) -> None:
    browser = attacked.browser()
    back = attacked.provider.authorize(await attacked.begun(browser))
    ((key, kept),) = browser.cookies.items()
    login, end, _, signature = kept.value.split(".")
    for target, signed in (("aHR0cHM6Ly9ldmlsLnRlc3Qv", signature), ("Lw", ""), ("Lw", signature[:-1])):
        browser.cookies[key] = replace(kept, value=f"{login}.{end}.{target}.{signed}")
        refused(await browser.open(back, follow=False), browser)
    browser.cookies[key] = kept
    assert (await browser.open(back, follow=False)).status == 303


LIES: list[dict[str, Any]] = [
    {"nonce": "another"},
    {"nonce": None},
    {"nonce": 7},
    {"aud": "another-client"},
    {"aud": None},
    {"aud": [CLIENT, "another-client"]},
    {"aud": [CLIENT, "another-client"], "azp": "another-client"},
    {"aud": [CLIENT, 7], "azp": CLIENT},
    {"azp": "another-client"},
    {"iss": "https://evil.test"},
    {"iss": None},
    {"sub": None},
    {"sub": ""},
    {"sub": "x" * 256},
    {"sub": 7},
    {"sub": "ad\u00e4"},
    {"exp": NOW - 3600, "iat": NOW - 7200},
    {"exp": None},
    {"iat": None},
    {"iat": NOW + 3600},
    {"nbf": NOW + 3600},
    {"at_hash": "another"},
    {"sid": 7},
    {"role": "agent,admin"},
    {"role": ["agent"] * 900},
    {"tenant_id": "t-1\r\nx-user-id: root"},
]


async def test_id_tokens_that_say_something_else(attacked: Attacked) -> None:
    for said in LIES:
        attacked.provider.claims = said
        browser = attacked.browser()
        page = await attacked.returned(browser)
        assert (page.status, browser.names(SITE)) == (401, []), said
    attacked.provider.claims = {"aud": [CLIENT], "azp": CLIENT}
    assert await attacked.who(await attacked.signed_in()) == b"ada"


FORGERIES: list[tuple[str, Any, dict[str, Any]]] = [
    ("HS256", SECRET.encode().ljust(64, b"x"), {}),
    ("HS256", b"the public key as a secret", {"kid": "k1"}),
    ("HS256", b"x" * 32, {"alg": "none"}),
    ("RS256", OTHER_KEY, {}),
    ("RS256", OTHER_KEY, {"kid": "unknown"}),
    ("RS256", OTHER_KEY, {"jwk": {"kty": "RSA"}, "jku": "https://evil.test/jwks"}),
    ("RS256", None, {"kid": "k2"}),
    ("RS256", None, {"crit": ["exp"]}),
    ("RS256", None, {"typ": "at+jwt"}),
    ("RS256", None, {"typ": "logout+jwt"}),
    ("RS256", None, {"typ": 7}),
    ("ES256", None, {"kid": "k2"}),
    ("RS512", None, {}),
]


async def test_id_tokens_that_are_signed_otherwise(attacked: Attacked) -> None:
    provider = attacked.provider
    for forgery in FORGERIES:
        provider.algorithm, provider.key, provider.header = forgery
        browser = attacked.browser()
        page = await attacked.returned(browser)
        assert (page.status, browser.names(SITE)) == (401, []), forgery
    provider.algorithm, provider.key, provider.header = "RS256", None, {"typ": "JWT"}
    assert await attacked.who(await attacked.signed_in()) == b"ada"


async def test_id_tokens_that_are_none(attacked: Attacked) -> None:
    for token in ("", "a.b.c", "a.b", "x" * 9000, "é.é.é"):
        attacked.provider.token = token
        browser = attacked.browser()
        refused(await attacked.returned(browser), browser)


@pytest.mark.parametrize("way", ["none", "no signature", "the public key as a secret", "right"])
async def test_id_tokens_without_a_good_signature(attacked: Attacked, way: str) -> None:
    provider, browser = attacked.provider, attacked.browser()
    location = await attacked.begun(browser)
    honest = provider.id_token(parse_qs(urlsplit(location).query)["nonce"][0])
    header, payload = honest.split(".")[:2]
    if way == "none":
        unsigned = base64url_encode(b'{"alg":"none"}').decode()
        provider.token = f"{unsigned}.{payload}."
    elif way == "no signature":
        provider.token = f"{header}.{payload}."
    elif way == "right":
        provider.token = honest
    else:
        signed = base64url_encode(b'{"alg":"HS256","kid":"k1"}') + b"." + payload.encode()
        mac = hmac.digest(public_pem(private_key("RS256")).encode(), signed, "sha256")
        provider.token = (signed + b"." + base64url_encode(mac)).decode()
    page = await browser.open(provider.authorize(location), follow=False)
    if way == "right":
        assert page.status == 303
    else:
        refused(page, browser)


@pytest.mark.parametrize("announced", [True, False])
async def test_an_answer_of_another_issuer(attacked: Attacked, announced: bool) -> None:
    """Mix-up of providers (RFC 9207)."""
    if announced:
        attacked.provider.metadata = {"authorization_response_iss_parameter_supported": True}
    browser = attacked.browser()
    refused(await attacked.returned(browser, iss="https://evil.test"), browser)
    assert (await attacked.returned(browser)).status == (401 if announced else 303)
    assert (await attacked.returned(browser, iss=attacked.provider.url)).status == 303
    assert attacked.provider.paths().count("/token") == (1 if announced else 2)


@pytest.mark.parametrize("doubled", ["state", "code", "iss"])
async def test_a_parameter_that_occurs_twice(attacked: Attacked, doubled: str) -> None:
    browser = attacked.browser()
    back = attacked.provider.authorize(await attacked.begun(browser), iss=attacked.provider.url)
    again = parse_qs(urlsplit(back).query)[doubled][0]
    refused(await browser.open(f"{back}&{doubled}={quote(again)}", follow=False), browser)
    assert (await browser.open(back, follow=False)).status == 303


async def test_a_head_request_does_not_spend_the_code(attacked: Attacked) -> None:
    browser = attacked.browser()
    back = attacked.provider.authorize(await attacked.begun(browser))
    cookies = "; ".join(f"{name}={kept.value}" for (_, _, name), kept in browser.cookies.items())
    target = back.removeprefix(SITE)
    reply = await ask(attacked.running.port, target, {"cookie": cookies}, method="HEAD")
    assert (reply.status, reply.get(b"allow")) == (405, b"GET")
    assert (await browser.open(back, follow=False)).status == 303


ELSEWHERE = [
    "https://evil.test/",
    "//evil.test/",
    "/\\evil.test/",
    "\\\\evil.test/",
    "/\t/evil.test/",
    "/\r\nset-cookie: a=b",
    " //evil.test",
    "https:evil.test",
    "https:/evil.test",
    "https://shop.test@evil.test/",
    "https://app.shop.test.evil.test/",
    "https://app.shop.test\\@evil.test/",
    "https://app.shop.test:1/",
    "http://app.shop.test/",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.test",
    "",
    "/é",
    "/" + "x" * 1024,
]


async def test_a_sign_in_that_would_lead_elsewhere(attacked: Attacked) -> None:
    browser = attacked.browser()
    for target in ELSEWHERE:
        page = await browser.open(f"{SITE}/auth/login?return_to={quote(target)}", follow=False)
        assert (page.status, browser.names(SITE)) == (422, []), target


async def test_a_sign_in_that_leads_to_this_site(attacked: Attacked) -> None:
    browser = attacked.browser()
    for target in ("/", "/a?b=c&d#e", "https://app.shop.test/x", "https://shop.test"):
        back = attacked.provider.authorize(await attacked.begun(browser, target))
        assert (await browser.open(back, follow=False)).headers["location"] == target


@pytest.mark.parametrize("path", ["//evil.test/", "/%5Cevil.test", "/a//evil.test"])
async def test_a_page_whose_path_looks_like_a_host(attacked: Attacked, path: str) -> None:
    reply = await ask(attacked.running.port, path, {"accept": "text/html", "host": "shop.test"})
    where = (reply.get(b"location") or b"").decode()
    assert reply.status in (303, 400, 404)
    returned = parse_qs(urlsplit(where).query).get("return_to", ["/"])[0]
    assert returned[:2] not in ("//", "/\\")


async def test_a_host_that_the_client_made_up(attacked: Attacked) -> None:
    fields = {"host": "evil.test", "x-forwarded-host": "evil.test", "accept": "text/html"}
    reply = await ask(attacked.running.port, "/auth/login", fields)
    assert b"evil" not in (reply.get(b"location") or b"evil")


async def test_a_session_that_was_planted(attacked: Attacked) -> None:
    """Fixation: what the attacker knew before the sign-in is worth nothing after it."""
    attacker, victim = await attacked.signed_in(), attacked.browser()
    victim.cookies = dict(attacker.cookies)
    attacked.provider.claims = {"sub": "victim"}
    assert (await attacked.returned(victim)).status == 303
    assert await attacked.who(victim) == b"victim"
    planted, own = attacker.cookie("__Host-session").value, victim.cookie("__Host-session").value
    assert planted.partition(".")[0] != own.partition(".")[0]
    assert await attacked.who(attacker) is None


async def test_cookies_and_tokens_that_stand_for_one_another(attacked: Attacked) -> None:
    browser = attacked.browser()
    location = await attacked.begun(browser)
    ((_, login),) = browser.cookies.items()
    asked = parse_qs(urlsplit(location).query)
    for value in (login.value, asked["state"][0], f"{login.value.split('.')[0]}.{asked['state'][0]}"):
        browser.cookies[SITE, "/", "__Host-session"] = replace(login, value=value)
        assert await attacked.who(browser) is None
    assert await attacked.who(await attacked.signed_in()) == b"ada"


async def test_a_stolen_session_without_its_csrf_token(attacked: Attacked) -> None:
    owner, other = await attacked.signed_in(), await attacked.signed_in()
    thief = attacked.browser()
    thief.cookies = {key: kept for key, kept in owner.cookies.items() if key[2] == "__Host-session"}
    own, others = (each.cookie("__Host-csrf").value for each in (owner, other))
    without: list[dict[str, Any]] = [
        {},
        {"x_csrf_token": ""},
        {"x_csrf_token": others},
        {"origin": "https://evil.test"},
    ]
    for fields in without:
        page = await thief.open(f"{SITE}/transfer", {"amount": "1000"}, **fields)
        assert page.status == 403, fields
    foreign = await owner.open(f"{SITE}/transfer", {}, x_csrf_token=own, origin="https://evil.test")
    assert foreign.status == 403
    seen = len(attacked.shop.requests())
    assert (await owner.open(f"{SITE}/transfer", {}, x_csrf_token=own, origin=SITE)).status == 200
    assert len(attacked.shop.requests()) == seen + 1


async def test_a_page_of_another_site_signs_nobody_out(attacked: Attacked) -> None:
    browser = await attacked.signed_in()
    page = await browser.open(f"{SITE}/auth/logout", follow=False, sec_fetch_site="cross-site")
    assert page.status == 403
    assert await attacked.who(browser) == b"ada"
    page = await browser.open(f"{SITE}/auth/logout", follow=False, sec_fetch_site="same-origin")
    assert page.status == 303
    assert await attacked.who(browser) is None


EVENT = {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "jti": "j-1"}


NO_SIGN_OUTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"events": {}, "jti": "j-1"}, {}),
    ({**EVENT, "nonce": "any"}, {}),
    ({**EVENT, "jti": None}, {}),
    ({**EVENT, "sub": None}, {}),
    ({**EVENT, "sid": 7}, {}),
    ({**EVENT, "aud": "another-client"}, {}),
    ({**EVENT, "iss": "https://evil.test"}, {}),
    ({**EVENT, "exp": NOW - 3600}, {}),
    ({**EVENT, "iat": None}, {}),
    (EVENT, {"typ": "at+jwt"}),
    (EVENT, {"alg": "none"}),
    (EVENT, {"kid": "k2"}),
]


async def test_logout_tokens_that_are_none(attacked: Attacked) -> None:
    browser, provider = await attacked.signed_in(), attacked.provider
    for lie in NO_SIGN_OUTS:
        provider.claims, provider.header = lie
        page = await browser.open(f"{SITE}/auth/ended", {"logout_token": provider.id_token()})
        assert page.status == 400, lie
    assert await attacked.who(browser) == b"ada"
    provider.claims, provider.header = EVENT, {"typ": "logout+jwt"}
    page = await browser.open(f"{SITE}/auth/ended", {"logout_token": provider.id_token()})
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert await attacked.who(browser) is None


async def test_a_replayed_logout_token(attacked: Attacked) -> None:
    provider = attacked.provider
    provider.claims, provider.header = EVENT, {"typ": "logout+jwt"}
    token = provider.id_token()
    provider.claims, provider.header = {}, {}
    browser = await attacked.signed_in()
    assert (await browser.open(f"{SITE}/auth/ended", {"logout_token": token})).status == 200
    later = await attacked.signed_in()
    assert (await browser.open(f"{SITE}/auth/ended", {"logout_token": token})).status == 400
    assert await attacked.who(later) == b"ada"
    assert await attacked.who(browser) is None


async def test_a_sign_out_of_one_session_leaves_the_others(attacked: Attacked) -> None:
    provider = attacked.provider
    browsers = {}
    for sid in ("s-1", "s-2"):
        provider.claims = {"sid": sid}
        browsers[sid] = await attacked.signed_in()
    provider.claims, provider.header = {**EVENT, "sid": "s-1"}, {"typ": "logout+jwt"}
    page = await browsers["s-1"].open(f"{SITE}/auth/ended", {"logout_token": provider.id_token()})
    assert page.status == 200
    assert await attacked.who(browsers["s-1"]) is None
    assert await attacked.who(browsers["s-2"]) == b"ada"


@pytest.mark.parametrize("attacked", ["userinfo: true"], indirect=True)
@pytest.mark.parametrize("said", [{"sub": "bob"}, {}, {"sub": None}, []])
async def test_userinfo_of_somebody_else(attacked: Attacked, said: Any) -> None:
    attacked.provider.userinfo = said
    browser = attacked.browser()
    refused(await attacked.returned(browser), browser)
    attacked.provider.userinfo = {"sub": "ada", "role": "admin", "email": "ada@shop.test"}
    assert await attacked.who(await attacked.signed_in()) == b"ada"
    # What was signed counts before what was only sent.
    assert attacked.shop.requests()[-1].get(b"x-user-role") == b"agent"


@pytest.mark.parametrize("attacked", ["userinfo: true"], indirect=True)
async def test_a_user_of_whom_too_much_is_said(attacked: Attacked) -> None:
    attacked.provider.userinfo = {"sub": "ada", "email": "x" * 65_000}
    browser = attacked.browser()
    refused(await attacked.returned(browser), browser)


@pytest.mark.parametrize("attacked", ["userinfo: true"], indirect=True)
async def test_an_access_token_that_would_break_out_of_its_header(attacked: Attacked) -> None:
    attacked.provider.access_token = "a\r\nx-user-id: root"
    browser = attacked.browser()
    refused(await attacked.returned(browser), browser)
    assert "/userinfo" not in attacked.provider.paths()


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [("/token", 500, 503), ("/token", 401, 503), ("/token", 429, 503), ("/token", 403, 401)],
)
async def test_a_provider_that_fails_lets_nobody_in(
    attacked: Attacked, path: str, status: int, expected: int
) -> None:
    attacked.provider.statuses = {path: status}
    browser = attacked.browser()
    page = await attacked.returned(browser)
    assert page.status == expected
    assert "__Host-session" not in browser.names(SITE)
    attacked.provider.statuses = {}
    assert await attacked.who(await attacked.signed_in()) == b"ada"


@pytest.mark.parametrize(("error", "status"), [("access_denied", 401), ("server_error", 503), ("\r\n", 401)])
async def test_what_the_provider_says_instead_of_a_code(attacked: Attacked, error: str, status: int) -> None:
    browser = attacked.browser()
    page = await attacked.returned(browser, code="", error=error)
    assert page.status == status
    assert "/token" not in attacked.provider.paths()
