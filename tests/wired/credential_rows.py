"""Rows of API keys, and of tokens that the gateway makes: a service that lets everybody sign in."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt

from portico.identity.api_key_record import KeyRecord, LiveSecret, hash_of
from portico.testing import Link, Upstream
from tests.wired.identity_rows import KEY, PRIVATE, SECRET, SIGNED, public, token
from tests.wired.rows import REFUSED, UNSET, Probe, Row, Start
from tests.wired.site import Site

# -- API keys

SHOWN, OTHER = "s" * 43, "t" * 43
HASH, OTHER_HASH = (f"sha256:{hash_of(secret)}" for secret in (SHOWN, OTHER))
SENT = {"x-api-key": f"ptk_till.{SHOWN}"}
PARTNERS = {"routes[0].authenticate": "partners", "roles.agent.permissions": ["tickets:edit"]}
KEYED = PARTNERS | {"identity.partners.api_key.keys.till.secret": [HASH]}
TILL = "identity.partners.api_key.keys.till"
EMPTY: Mapping[str, object] = {}


async def with_key(site: Site) -> object:
    return (await site.ask("/?venueId=v-1", SENT)).status


def told(name: str) -> Probe:
    async def probe(site: Site) -> object:
        return await site.received(name, SENT)

    return probe


async def used_again(site: Site) -> object:
    """What a key that has been used gets."""
    await site.ask("/", SENT)
    return (await site.ask("/", SENT)).status


async def after_a_change(site: Site) -> object:
    """Whose a key is for the gateway, when its record has changed a moment ago."""
    found: list[object] = []
    for subject in ("one", "two"):
        record = KeyRecord("kept", "ptk", (LiveSecret(hash_of(SHOWN)),), subject)
        await site.store.keep("apikey", "kept", record.encode(), None)
        await asyncio.sleep(0.02)
        found.append(await site.received("x-user-id", {"x-api-key": f"ptk_kept.{SHOWN}"}))
    return found[-1]


def key_row(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object] = EMPTY,
) -> Row:
    return Row(f"identity.*.api_key.keys.*.{key}", values, seen, probe, {**KEYED, **given}, f"{TILL}.{key}")


API_KEYS = (
    Row(
        "identity.*.api_key.header",
        (UNSET, "x-key"),
        (200, 401),
        with_key,
        KEYED,
        "identity.partners.api_key.header",
    ),
    Row(
        "identity.*.api_key.prefix",
        (UNSET, "shop"),
        (200, 401),
        with_key,
        KEYED,
        "identity.partners.api_key.prefix",
    ),
    Row(
        "identity.*.api_key.cache",
        (UNSET, "1ms"),
        ("one", "two"),
        after_a_change,
        PARTNERS,
        "identity.partners.api_key.cache",
    ),
    key_row("secret", ([HASH, OTHER_HASH], [OTHER_HASH]), (200, 401), with_key),
    key_row("subject", (UNSET, "bob"), ("till", "bob"), told("x-user-id")),
    key_row("tenant", (UNSET, "t-1"), (None, "t-1"), told("x-tenant-id")),
    key_row("roles", (UNSET, ["agent"]), (None, "agent"), told("x-user-role")),
    key_row(
        "scopes", (UNSET, ["tickets:edit"]), (403, 200), with_key, {"routes[0].authorize": "tickets:edit"}
    ),
    key_row("addresses", (["127.0.0.0/8"], ["192.0.2.0/24"]), (200, 401), with_key),
    key_row("limit", (UNSET, "1/h"), (200, 429), used_again),
    key_row(
        "venues",
        (["v-1"], ["v-2"]),
        (200, 404),
        with_key,
        {
            f"{TILL}.tenant": "t-1",
            f"{TILL}.roles": ["agent"],
            "services.venue": {"url": "<backend>"},
            "venues.service": "venue",
            "routes[0].venue": "required",
        },
    ),
)

# -- tokens

SIGN_IN = SIGNED | {
    "identity.users.jwt.issue.refresh_secret": SECRET[::-1],
    "services.backend.breaker": "off",
    "routes[0].authenticate": "none",
}
ISSUE = "identity.users.jwt.issue"


class SigningIn(Upstream):
    """Lets ada sign in as an agent, whom it calls a boss when it is asked about her."""

    def __init__(self) -> None:
        super().__init__(self.answer)

    async def answer(self, link: Link) -> None:
        while True:
            request = await link.request()
            asked = request.target.startswith((b"/users/", b"/people/"))
            said: dict[str, Any] = (
                {"role": "boss", "rank": "chief"} if asked else {"user": {"id": "ada", "role": "agent"}}
            )
            body = json.dumps(said).encode()
            link.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


THERE: Mapping[str, Start] = {"backend": SigningIn, "other": SigningIn}
LOGIN = SIGN_IN | {"routes[0].tokens": {"login": "users"}}
REFRESH = SIGN_IN | {"routes[0].tokens": {"refresh": "users"}}
USER = REFRESH | {f"{ISSUE}.user.service": "backend", "services.other.url": "<other>"}


async def signed_in(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await site.ask("/", method="POST", body=b"{}")).body)
    return found


async def members(site: Site) -> object:
    return sorted(await signed_in(site))


def lasts(member: str) -> Probe:
    async def probe(site: Site) -> object:
        claims = jwt.decode((await signed_in(site))[member], options={"verify_signature": False})
        return claims["exp"] - claims["iat"]

    return probe


async def role_at_login(site: Site) -> object:
    claims = jwt.decode((await signed_in(site))["accessToken"], options={"verify_signature": False})
    return claims.get("role")


def spent(**more: object) -> str:
    """A refresh token of the first generation, as the gateway makes it."""
    now = int(time.time())
    said: dict[str, Any] = {
        "type": "refresh",
        "of": "users",
        "fam": "f",
        "gen": 0,
        "jti": "j",
        "iat": now,
        "exp": now + 60,
    }
    said["said"] = {"sub": "ada"}
    return jwt.encode({**said, **more}, SECRET[::-1], "HS256")


async def refreshed(site: Site) -> Any:
    body = json.dumps({"refreshToken": spent()}).encode()
    return await site.ask("/", method="POST", body=body)


async def refreshed_twice(site: Site) -> object:
    return [(await refreshed(site)).status for _ in range(2)]


async def role_at_refresh(site: Site) -> object:
    said = json.loads((await refreshed(site)).body)
    return jwt.decode(said["accessToken"], options={"verify_signature": False}).get("role")


async def who_was_asked(site: Site) -> object:
    await refreshed(site)
    return [len(site.upstreams[name].requests()) for name in ("backend", "other")]


async def path_asked(site: Site) -> object:
    await refreshed(site)
    return site.backend.requests()[0].target


async def algorithm(site: Site) -> object:
    return jwt.get_unverified_header((await signed_in(site))["accessToken"])["alg"]


def granted(audience: str) -> Probe:
    async def probe(site: Site) -> object:
        body = json.dumps({"audience": audience}).encode()
        return (await site.ask("/", {"authorization": f"Bearer {token()}"}, method="POST", body=body)).status

    return probe


async def after_sign_out(site: Site) -> object:
    bearer = {"authorization": f"Bearer {token({'jti': 'one'})}"}
    return [(await site.ask("/", bearer)).status for _ in range(2)]


def both(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object],
) -> list[Row]:
    return [
        Row(f"{section}.{key}", values, seen, probe, given, f"{place}.{key}", THERE)
        for section, place in (("defaults", "defaults"), ("routes[]", "routes[0]"))
    ]


def issue_row(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object],
) -> Row:
    return Row(f"identity.*.jwt.issue.{key}", values, seen, probe, given, upstreams=THERE)


CALLERS = SIGN_IN | {"routes[0].authenticate": "users"}
TOKENS = (
    issue_row("access", (UNSET, "60s"), (86_400, 60), lasts("accessToken"), LOGIN),
    issue_row("refresh", (UNSET, "60s"), (604_800, 60), lasts("refreshToken"), LOGIN),
    issue_row(
        "refresh_secret",
        (UNSET, SECRET[::-1]),
        (["accessToken", "user"], ["accessToken", "refreshToken", "user"]),
        members,
        LOGIN,
    ),
    issue_row("grace", (UNSET, "1h"), ([200, 401], [200, 200]), refreshed_twice, REFRESH),
    Row(
        "identity.*.jwt.issue.claims.*",
        (UNSET, "/user/role"),
        (None, "agent"),
        role_at_login,
        LOGIN | {f"{ISSUE}.claims.sub": "/user/id"},
        f"{ISSUE}.claims.role",
        THERE,
    ),
    issue_row(
        "answer.access",
        (UNSET, "token"),
        (["accessToken", "refreshToken", "user"], ["refreshToken", "token", "user"]),
        members,
        LOGIN,
    ),
    issue_row(
        "answer.refresh",
        (UNSET, "next"),
        (["accessToken", "refreshToken", "user"], ["accessToken", "next", "user"]),
        members,
        LOGIN,
    ),
    issue_row("user.service", ("backend", "other"), ([1, 0], [0, 1]), who_was_asked, USER),
    issue_row("user.path", (UNSET, "/people/{id}"), (b"/users/ada", b"/people/ada"), path_asked, USER),
    Row(
        "identity.*.jwt.issue.user.claims.*",
        ("/role", "/rank"),
        ("boss", "chief"),
        role_at_refresh,
        USER,
        f"{ISSUE}.user.claims.role",
        THERE,
    ),
    issue_row(
        "audiences",
        (["a"], ["b"]),
        (200, 422),
        granted("a"),
        CALLERS | {"routes[0].tokens": {"grant": "users"}},
    ),
    Row(
        "identity.*.jwt.issue.private_key",
        (UNSET, PRIVATE.decode()),
        (REFUSED, "ES256"),
        algorithm,
        {
            "identity.users.jwt.public_key": public(KEY),
            "identity.users.jwt.algorithms": ["ES256"],
            f"{ISSUE}.access": "1h",
            "routes[0].tokens": {"login": "users"},
        },
        upstreams=THERE,
    ),
    *both(
        "tokens",
        ("off", {"login": "users"}),
        (["user"], ["accessToken", "refreshToken", "user"]),
        members,
        SIGN_IN,
    ),
    *both(
        "tokens.login",
        ("users", "others"),
        (86_400, 60),
        lasts("accessToken"),
        SIGN_IN | {"identity.others.jwt": {"secret": SECRET, "issue": {"access": "60s"}}},
    ),
    *both(
        "tokens.refresh",
        ("users", "others"),
        ([200, 401], [401, 401]),
        refreshed_twice,
        SIGN_IN | {"identity.others.jwt": {"secret": SECRET, "issue": {"refresh_secret": SECRET[1:]}}},
    ),
    *both(
        "tokens.logout",
        ("others", "users"),
        ([200, 200], [200, 401]),
        after_sign_out,
        CALLERS | {"identity.others.jwt": {"secret": SECRET, "issue": {"access": "60s"}}},
    ),
    *both(
        "tokens.grant",
        ("users", "others"),
        (200, 422),
        granted("a"),
        CALLERS
        | {
            f"{ISSUE}.audiences": ["a"],
            "identity.others.jwt": {"secret": SECRET, "issue": {"audiences": ["b"]}},
        },
    ),
    *both(
        "revocation",
        ("open", "closed"),
        (200, 503),
        lambda site: _status(site),
        SIGNED | {"gateway.store": "redis://127.0.0.1:1"},
    ),
)


async def _status(site: Site) -> object:
    return (await site.ask("/", {"authorization": f"Bearer {token()}"})).status


ROWS = (*API_KEYS, *TOKENS)
