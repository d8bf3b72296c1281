"""A browser without JavaScript for sign-ins: keeps cookies as RFC 6265 says, follows redirects, posts forms.

Sites are named as they would be on the Internet (`https://shop.test`), and are reached where `places` says. So secure
cookies and registered addresses are those of the real thing, without certificates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

PAGE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
MOST_REDIRECTS = 20


@dataclass(frozen=True, slots=True)
class Page:
    """Where a browser has arrived."""

    url: str
    status: int
    headers: httpx.Headers
    text: str

    @property
    def location(self) -> str:
        """Where it is sent on to, as a whole address."""
        return urljoin(self.url, str(self.headers.get("location", "")))


@dataclass(frozen=True, slots=True)
class Kept:
    """A cookie. `line` is what set it."""

    value: str
    line: str


class Browser:
    """`cookies`: (origin, path, name) → cookie; change them to be somebody else."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = dict(places)
        self.cookies: dict[tuple[str, str, str], Kept] = {}
        self.went: list[str] = []  # every address, in order

    def cookie(self, name: str) -> Kept:
        """The cookie of a name, whose ever it is."""
        return next(kept for (_, _, its_name), kept in self.cookies.items() if its_name == name)

    def names(self, origin: str) -> list[str]:
        """The names of a site's cookies."""
        return sorted(name for its_origin, _, name in self.cookies if its_origin == origin)

    async def open(
        self, url: str, form: Mapping[str, str] | None = None, *, follow: bool = True, **fields: str
    ) -> Page:
        """Go there, or post a form there; `follow`: and on, wherever one is sent. `fields` go with the first request,
        with hyphens for underscores."""
        page = await self._ask(url, form, {name.replace("_", "-"): value for name, value in fields.items()})
        for _ in range(MOST_REDIRECTS):
            if not (follow and page.status in (301, 302, 303)):
                return page
            page = await self._ask(page.location, None, {})
        raise AssertionError(f"redirected without end: {self.went[-6:]}")

    async def submit(self, page: Page, **values: str) -> Page:
        """Post the page's form."""
        found = re.search(r'action="([^"]+)"', page.text)
        assert found is not None, page.text
        hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        return await self.open(urljoin(page.url, unescape(found[1])), {**dict(hidden), **values})

    async def _ask(self, url: str, form: Mapping[str, str] | None, fields: Mapping[str, str]) -> Page:
        self.went.append(url)
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        place = self.places.get(origin, origin)
        headers: dict[str, str] = {"accept": PAGE, **fields, "host": parts.netloc}
        sent = [
            f"{name}={kept.value}"
            for (its_origin, path, name), kept in self.cookies.items()
            if its_origin == origin and (parts.path or "/").startswith(path)
        ]
        if sent:
            headers["cookie"] = "; ".join(sent)
        asked: Any = {"data": dict(form)} if form is not None else {}
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as client:
            target = place + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            reply = await client.request(
                "POST" if form is not None else "GET", target, headers=headers, **asked
            )
        for line in reply.headers.get_list("set-cookie"):
            self._keep(origin, line)
        return Page(url, reply.status_code, reply.headers, reply.text)

    def _keep(self, origin: str, line: str) -> None:
        pair, *rest = line.split(";")
        name, _, value = pair.strip().partition("=")
        said = {key.strip().lower(): text for key, _, text in (one.partition("=") for one in rest)}
        path = said.get("path", "/")
        if name.startswith("__Host-"):
            assert (path, "secure" in said, "domain" in said) == ("/", True, False), line
        if said.get("max-age") == "0" or "1970" in said.get("expires", ""):
            self.cookies.pop((origin, path, name), None)
        else:
            self.cookies[origin, path, name] = Kept(value, line)
