"""The configurations and scripts on the pages about sessions and OpenID, run as they stand but for the addresses."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from bench import npm
from portico.testing import Link, Upstream, gateway
from tests.integration.openid.browser import Browser
from tests.integration.openid.lying import LyingProvider
from tests.unit.docs.pages import Page, page

SECRET = "the secret of the sessions of the pages, long enough"
SITE = "https://shop.example"
SESSIONS, OPENID = page("docs/authentication-sessions.md"), page("docs/authentication-openid.md")


def configuration(of: Page, **places: str) -> str:
    """The page's configuration, with these addresses for those that it names."""
    (text,) = [block.text for block in of.blocks if block.name == "portico.yaml"]
    for name, meant in places.items():
        written = r"https://login\.example/" if name == "issuer" else rf"http://{name}:\d+"
        text, changed = re.subn(written, meant, text)
        assert changed == 1, name
    return text


async def knows_ada(link: Link) -> None:
    """A service that lets everybody sign in as ada."""
    while True:
        await link.request()
        body = b'{"user": {"id": "ada", "tenant_id": "t-1", "role": "agent"}}'
        link.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


async def test_the_page_about_sessions() -> None:
    async with Upstream(knows_ada) as auth, Upstream() as orders:
        text = configuration(SESSIONS, auth=auth.url, orders=orders.url)
        async with gateway(text, env={"SESSION_SECRET": SECRET}) as running:
            browser = Browser({SITE: running.url})
            assert (await browser.open(f"{SITE}/orders/1")).status == 401
            assert (await browser.open(f"{SITE}/login", {"user": "ada"})).status == 200
            assert (await browser.open(f"{SITE}/orders/1")).status == 200
            told = orders.requests()[-1]
            assert (told.get(b"x-user-id"), told.get(b"x-tenant-source")) == (b"ada", b"session")
            token = browser.cookie("__Host-csrf").value
            assert json.loads((await browser.open(f"{SITE}/csrf")).text) == {"csrfToken": token}
            assert (await browser.open(f"{SITE}/orders", {})).status == 403
            assert (await browser.open(f"{SITE}/orders", {}, x_csrf_token=token)).status == 200
            assert (await browser.open(f"{SITE}/logout", {}, x_csrf_token=token)).status == 200
            assert browser.names(SITE) == []


async def test_the_page_about_openid() -> None:
    provider = LyingProvider()
    provider.claims = {"org": "t-7"}
    async with Upstream(provider) as issuer, Upstream() as shop:
        provider.url = issuer.url
        text = configuration(OPENID, issuer=issuer.url, shop=shop.url)
        async with gateway(text, env={"SESSION_SECRET": SECRET, "CLIENT_SECRET": "s3cr3t"}) as running:
            browser = Browser({SITE: running.url})
            page = await browser.open(f"{SITE}/orders?a=b", follow=False)
            page = await browser.open(page.location, follow=False)
            page = await browser.open(provider.authorize(page.location), follow=False)
            assert (page.status, page.location) == (303, f"{SITE}/orders?a=b")
            assert (await browser.open(page.location)).status == 200
            assert shop.requests()[-1].get(b"x-tenant-id") == b"t-7"
            left = await browser.open(f"{SITE}/auth/logout", follow=False)
            assert left.location.startswith(f"{issuer.url}/end_session?id_token_hint=")
            assert (await browser.open(f"{SITE}/bye")).status == 200


@pytest.mark.parametrize("of", [SESSIONS, OPENID], ids=["sessions", "openid"])
def test_the_script_of_a_page_shows_the_token(of: Page) -> None:
    try:
        node = npm.program("node")
    except npm.NotInstalled as error:
        pytest.skip(str(error))
    (script,) = [block.text for block in of.blocks if block.language == "javascript"]
    around = """
        const body = '{}', document = {cookie: 'theme=dark; __Host-csrf=the-token; a=b'}
        let location
        function fetch(url, {headers}) {
            console.log(headers['x-csrf-token'])
            return Promise.resolve({json: () => ({location: '/there'})})
        }
    """
    done = subprocess.run([node, "--eval", around + script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "the-token"
