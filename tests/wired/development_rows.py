"""Rows of `development`: what `portico run` prints for a person who tries the gateway.

That it is printed at all is seen in a process, by the row of `development.user`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jwt

from portico.cli.greeting import greeting
from portico.config import load_settings_text
from portico.process.supervisor import Announcement
from portico.stages import load_stages, stage_types
from tests.wired.identity_rows import OTHER, SECRET
from tests.wired.rows import UNSET, Probe, Row
from tests.wired.site import Site

TOKEN = {
    "identity.users.jwt.secret": SECRET,
    "identity.partners.jwt.secret": OTHER,
    "development.token.identity": "users",
    "development.token.claims": {"sub": "ada"},
}


def printed(site: Site, title: str) -> str:
    """The line below this title."""
    loaded = load_settings_text(site.text, stage_types(load_stages()))
    lines = list(greeting(Announcement((f"http://127.0.0.1:{site.port}",), 1, {}, os.getpid(), loaded)))
    (found,) = (below for above, below in pairwise(lines) if title in above)
    return found.strip()


def printed_token(read: Callable[[dict[str, Any], bool], object]) -> Probe:
    """What can be read in the token: its claims, and whether it is one for `users`."""

    async def probe(site: Site) -> object:
        token = printed(site, "Token, valid for")
        is_for_users = True
        try:
            claims = jwt.decode(token, SECRET, ["HS256"])
        except jwt.InvalidSignatureError:
            claims, is_for_users = jwt.decode(token, OTHER, ["HS256"]), False
        return read(claims, is_for_users)

    return probe


async def tries(site: Site) -> object:
    return printed(site, "Try").replace(str(site.port), "PORT")


ROWS = (
    Row(
        "development.token.identity",
        ("users", "partners"),
        (True, False),
        printed_token(lambda claims, is_for_users: is_for_users),
        TOKEN,
    ),
    Row(
        "development.token.claims.*",
        ("ada", "bob"),
        ("ada", "bob"),
        printed_token(lambda claims, is_for_users: claims["sub"]),
        TOKEN,
        at="development.token.claims.sub",
    ),
    Row(
        "development.token.expires",
        (UNSET, "1h"),
        (86_400, 3600),
        printed_token(lambda claims, is_for_users: claims["exp"] - claims["iat"]),
        TOKEN,
    ),
    Row(
        "development.try",
        (["GET /a"], ["GET /b"]),
        ("curl http://127.0.0.1:PORT/a", "curl http://127.0.0.1:PORT/b"),
        tries,
    ),
)
