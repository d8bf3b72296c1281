"""Which fields of a request and a reply pass a route: its own rules merged with those of `defaults`."""

from __future__ import annotations

from portico.config.models.route import RouteHeaders

# Requirements 1.6: what passes in allow-list mode. Framing fields are the gateway's own.
STANDARD_FIELDS = (
    "accept",
    "accept-language",
    "accept-encoding",
    "authorization",
    "content-type",
    "user-agent",
    "x-request-id",
    "x-api-key",
    "idempotency-key",
)


def header_rules(
    defaults: RouteHeaders, route: RouteHeaders
) -> tuple[frozenset[str] | None, frozenset[str], frozenset[str], str | None]:
    """(request fields that pass or None for all, those that never pass, reply fields that never pass, host).

    `allow` and `host` of a route replace those of `defaults`; the lists add up. A name may end in `*`.
    """
    allow: frozenset[str] | None = None
    written = route.allow if route.allow is not None else defaults.allow
    if written is not None:
        names = {*written, *defaults.pass_, *route.pass_}
        if "standard" in names:
            names |= set(STANDARD_FIELDS)
        allow = frozenset(names)
    drop = frozenset(defaults.drop + route.drop)
    drop_reply = frozenset(defaults.drop_reply + route.drop_reply)
    return allow, drop, drop_reply, route.host or defaults.host
