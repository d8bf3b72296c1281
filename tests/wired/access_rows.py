"""Rows of `cors`, `addresses` and the owners of `authorize`, on a route and under `defaults`; of `logs.audit`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.wired.identity_rows import token
from tests.wired.route_rows import AGENT, PROVEN, both, status
from tests.wired.rows import UNSET, Probe, Row
from tests.wired.site import Site

APP, OTHER = "https://app.example.com", "https://other.example.com"
LOCAL = "http://localhost:5173"
LISTED = {"@.cors.origins": [APP]}
PREFLIGHT = {"access-control-request-method": "PUT"}


def told(field: str, origin: str, asked: Mapping[str, str] | None = None) -> Probe:
    """A field about CORS that a page of this origin reads in a reply, or in that to its pre-flight."""

    async def probe(site: Site) -> object:
        method = "OPTIONS" if asked else "GET"
        reply = await site.ask("/", {"origin": origin, **(asked or {})}, method=method)
        return reply.get(f"access-control-{field}".encode())

    return probe


def preflight(key: str, value: object, field: str, seen: tuple[object, object]) -> list[Row]:
    return both(f"cors.{key}", (UNSET, value), seen, told(field, APP, PREFLIGHT), LISTED)


async def as_ann(site: Site) -> object:
    bearer = token({"sub": "ann", "role": "agent"})
    return (await site.ask("/?user=ann&other=bob", {"authorization": f"Bearer {bearer}"})).status


async def audited(site: Site) -> object:
    assert (await site.ask()).status == 401
    path = site.folder / "audit.log"
    return path.exists() and len(path.read_text("utf-8").splitlines())


OWNED = PROVEN | {"roles.agent.permissions": ["tickets:edit-own"]}
METHODS = b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = b"Authorization, Content-Type, X-API-Key, X-Venue-ID, X-Tenant-ID, X-Request-ID, Idempotency-Key"
EXPOSED = (
    b"X-Request-ID, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
    b"Retry-After, Location"
)
ALLOWED = told("allow-origin", APP)

ROWS = (
    *both("cors", (UNSET, APP), (None, APP.encode()), ALLOWED),
    *both("cors.origins", ([OTHER], [APP]), (None, APP.encode()), ALLOWED),
    *both("cors.localhost", (UNSET, True), (None, LOCAL.encode()), told("allow-origin", LOCAL), LISTED),
    *both("cors.credentials", (UNSET, True), (None, b"true"), told("allow-credentials", APP), LISTED),
    *preflight("methods", ["GET", "PUT"], "allow-methods", (METHODS, b"GET, PUT")),
    *preflight("headers", "X-Mine", "allow-headers", (HEADERS, b"X-Mine")),
    *preflight("max_age", "1h", "max-age", (b"600", b"3600")),
    *both("cors.expose", (UNSET, ["X-Mine"]), (EXPOSED, b"X-Mine"), told("expose-headers", APP), LISTED),
    *both("authorize.permission", ("tickets:view", "tickets:edit"), (200, 403), AGENT, PROVEN),
    *both("authorize.*.permission", ("tickets:view", "tickets:edit"), (200, 403), AGENT, PROVEN),
    *both(
        "authorize.owner",
        ("query:user", "query:other"),
        (200, 403),
        as_ann,
        OWNED | {"@.authorize.permission": "tickets:edit"},
    ),
    *both(
        "authorize.*.owner",
        ("query:user", "query:other"),
        (200, 403),
        as_ann,
        OWNED | {"@.authorize.GET.permission": "tickets:edit"},
    ),
    Row("logs.audit", ("<folder>/audit.log", "off"), (1, False), audited, PROVEN),
    *both("addresses", ("off", {"deny": "127.0.0.0/8"}), (200, 403), status),
    *both("addresses.allow", ("127.0.0.0/8", "10.0.0.0/8"), (200, 403), status),
    *both("addresses.deny", ("10.0.0.0/8", "127.0.0.1"), (200, 403), status),
)
