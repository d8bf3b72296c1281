"""Rows of `routes`, and of `defaults` where a route may state the same."""

from __future__ import annotations

from collections.abc import Mapping

from portico.testing import Upstream
from tests.wired.identity_rows import OTHER, SECRET, token
from tests.wired.rows import UNSET, Probe, Row, Start
from tests.wired.site import Site, halting, saying, slow, whole

ECHO: Mapping[str, Start] = {"backend": Upstream}


def both(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object] | None = None,
    upstreams: Mapping[str, Start] = ECHO,
) -> list[Row]:
    """A row of `defaults` and one of a route. `@` in the places of `given` stands for either."""
    rows = []
    for section, place in (("defaults", "defaults"), ("routes[]", "routes[0]")):
        here = {name.replace("@", place): value for name, value in (given or {}).items()}
        at = f"{place}.{key}".replace("authorize.*", "authorize.GET")
        rows.append(Row(f"{section}.{key}", values, seen, probe, here, at=at, upstreams=upstreams))
    return rows


async def forwarded(site: Site) -> object:
    await site.ask("/api/v1/x")
    return site.backend.requests()[-1].target


# Each beside the other, for a rewriting of nothing is refused.
ADDING = {"routes[0].match": "/api/v1/**", "routes[0].rewrite.add": "/a"}
STRIPPING = {"routes[0].match": "/api/v1/**", "routes[0].rewrite.strip": "/api"}


async def status(site: Site) -> object:
    return (await site.ask()).status


async def long_body(site: Site) -> object:
    return (await site.ask(method="POST", body=b"x" * 400)).status


async def colour(site: Site) -> object:
    return await site.received("x-colour", {"x-colour": "green"})


async def colour_replied(site: Site) -> object:
    return (await site.ask()).get(b"x-said")


async def host(site: Site) -> object:
    return await site.received("host") == "gateway.test"


def as_agent(claims: Mapping[str, object]) -> Probe:
    bearer = token(claims)

    async def probe(site: Site) -> object:
        return (await site.ask("/", {"authorization": f"Bearer {bearer}"})).status

    return probe


def reply_field(name: str) -> Probe:
    async def probe(site: Site) -> object:
        return (await site.ask()).get(name.encode())

    return probe


def statuses(*requests: tuple[str, str, str]) -> Probe:
    """Of these methods, targets and values of `x-colour`."""

    async def probe(site: Site) -> object:
        return [
            (await site.ask(target, {"x-colour": value}, method=method)).status
            for method, target, value in requests
        ]

    return probe


async def host_asked(site: Site) -> object:
    return [(await site.ask("/", {"host": name})).status for name in ("a.test", "b.test")]


async def service_asked(site: Site) -> object:
    return (await site.ask("/a")).get(b"x-said")


AGENT = as_agent({"role": "agent"})
PROVEN = {
    "identity.users.jwt.secret": SECRET,
    "routes[0].authenticate": "users",
    "roles.agent.permissions": ["tickets:view"],
    "roles.boss.permissions": ["tickets:edit"],
}
HSTS = "security_headers.hsts"
TWO = {"backend": lambda: Upstream(saying("one")), "other": lambda: Upstream(saying("two"))}
OTHER_SERVICE = {"services.other.url": "<other>"}


def hsts(key: str, value: object, seen: tuple[object, object]) -> list[Row]:
    given = {f"@.{HSTS}.max_age": "1h"} if key != "max_age" else {f"@.{HSTS}.subdomains": False}
    return both(f"{HSTS}.{key}", (UNSET, value), seen, reply_field("strict-transport-security"), given)


def security(key: str, value: object, field: str, seen: tuple[object, object]) -> list[Row]:
    return both(f"security_headers.{key}", (UNSET, value), seen, reply_field(field))


ROWS = (
    *both(
        "timeout", (UNSET, "100ms"), (200, 504), status, upstreams={"backend": lambda: Upstream(slow(0.5))}
    ),
    *both(
        "idle",
        (UNSET, "50ms"),
        ("whole", "broken off"),
        whole,
        upstreams={"backend": lambda: Upstream(halting)},
    ),
    Row(
        "defaults.total",
        (UNSET, "200ms"),
        ("whole", "broken off"),
        whole,
        upstreams={"backend": lambda: Upstream(halting)},
    ),
    Row(
        "routes[].total",
        (UNSET, "off"),
        ("broken off", "whole"),
        whole,
        given={"services.backend.total": "200ms", "defaults.total": "200ms"},
        upstreams={"backend": lambda: Upstream(halting)},
    ),
    *both("limits.body", (UNSET, 100), (200, 413), long_body),
    *both("headers.allow", (UNSET, "standard"), ("green", None), colour),
    *both("headers.pass", (UNSET, "x-colour"), (None, "green"), colour, {"@.headers.allow": "standard"}),
    *both("headers.drop", (UNSET, "x-colour"), ("green", None), colour),
    *both(
        "headers.drop_reply",
        (UNSET, "x-said"),
        (b"one", None),
        colour_replied,
        upstreams={"backend": lambda: Upstream(saying("one"))},
    ),
    *both("headers.host", (UNSET, "client"), (False, True), host),
    Row(
        "defaults.authenticate",
        ("users", "partners"),
        (200, 401),
        AGENT,
        given=PROVEN | {"routes[0].authenticate": UNSET, "identity.partners.jwt.secret": OTHER},
    ),
    Row("routes[].authenticate", ("none", "users"), (200, 401), status, PROVEN),
    Row("routes[].rewrite.strip", (UNSET, "/api/v1"), (b"/a/api/v1/x", b"/a/x"), forwarded, ADDING),
    Row("routes[].rewrite.add", (UNSET, "/v2"), (b"/v1/x", b"/v2/v1/x"), forwarded, STRIPPING),
    *both("authorize", ("off", "tickets:edit"), (200, 403), AGENT, PROVEN),
    *both("authorize.roles", (["agent"], ["boss"]), (200, 403), AGENT, PROVEN),
    *both("authorize.*", ("tickets:view", "tickets:edit"), (200, 403), AGENT, PROVEN),
    *both("authorize.*.roles", (["agent"], ["boss"]), (200, 403), AGENT, PROVEN),
    *both(
        "security_headers",
        (UNSET, "off"),
        (b"nosniff", None),
        reply_field("x-content-type-options"),
    ),
    *security(
        "csp",
        "default-src 'none'",
        "content-security-policy",
        (
            b"default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data: https:",
            b"default-src 'none'",
        ),
    ),
    *security("hsts", {}, "strict-transport-security", (None, b"max-age=31536000; includeSubDomains")),
    *hsts("max_age", "1h", (b"max-age=31536000", b"max-age=3600")),
    *hsts("subdomains", False, (b"max-age=3600; includeSubDomains", b"max-age=3600")),
    *hsts(
        "preload",
        True,
        (b"max-age=3600; includeSubDomains", b"max-age=3600; includeSubDomains; preload"),
    ),
    *security("nosniff", "off", "x-content-type-options", (b"nosniff", None)),
    *security("frame", "DENY", "x-frame-options", (b"SAMEORIGIN", b"DENY")),
    *security("referrer", "origin", "referrer-policy", (b"no-referrer", b"origin")),
    *security("xss", "1; mode=block", "x-xss-protection", (None, b"1; mode=block")),
    Row(
        "routes[].match",
        ("/a", "/b"),
        ([200, 404], [404, 200]),
        statuses(("GET", "/a", ""), ("GET", "/b", "")),
    ),
    Row(
        "routes[].match.path",
        ("/a", "/b"),
        ([200, 404], [404, 200]),
        statuses(("GET", "/a", ""), ("GET", "/b", "")),
    ),
    Row(
        "routes[].match.methods",
        ("GET", "POST"),
        ([200, 405], [405, 200]),
        statuses(("GET", "/a", ""), ("POST", "/a", "")),
        given={"routes[0].match": {"path": "/a"}},
    ),
    Row(
        "routes[].match.hosts",
        ("a.test", "b.test"),
        ([200, 404], [404, 200]),
        host_asked,
        given={"routes[0].match": {"path": "/"}},
    ),
    Row(
        "routes[].match.headers.*",
        ("green", "red"),
        ([200, 404], [404, 200]),
        statuses(("GET", "/a", "green"), ("GET", "/a", "red")),
        given={"routes[0].match": {"path": "/a"}},
        at="routes[0].match.headers.x-colour",
    ),
    Row(
        "routes[].match.query.*",
        ("1", "2"),
        ([200, 404], [404, 200]),
        statuses(("GET", "/a?page=1", ""), ("GET", "/a?page=2", "")),
        given={"routes[0].match": {"path": "/a"}},
        at="routes[0].match.query.page",
    ),
    Row(
        "routes[].service",
        ("backend", "other"),
        (b"one", b"two"),
        service_asked,
        given=OTHER_SERVICE,
        upstreams=TWO,
    ),
    Row(
        "routes[].order",
        (UNSET, -1),
        (b"two", b"one"),
        service_asked,
        given=OTHER_SERVICE | {"routes[1]": {"match": "/a", "service": "other", "authenticate": "none"}},
        upstreams=TWO,
    ),
)
