"""Keys that are right by themselves, and yet would do nothing: nothing configured is ignored (design decision 2).

What can be seen in the configuration alone is judged in `config.check`; here is what needs the defaults merged, or
the stages. Each is a problem, and stops the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portico.config.marks import Path
from portico.config.models.settings import Settings
from portico.config.problems import Problems, did_you_mean
from portico.exchange.stage import Stage

from .errors import CODES

# The stall watch knows the loop by a heartbeat ten times a second: whatever is shorter would be no stall.
SHORTEST_STALL_S = 0.2


def check_effects(settings: Settings, stages: Iterable[Stage[Any]], problems: Problems) -> Iterator[None]:
    """Add a problem for every key that would be without effect, pausing after each route."""
    yield from _passed_headers(settings, problems)
    stall = settings.gateway.stall
    if stall is not None and stall < SHORTEST_STALL_S:
        reason = "is too short: the loop's heart beats ten times a second"
        problems.add(("gateway", "stall"), reason, "write 200ms or more, or off")
    for index, name in enumerate(settings.gateway.ready.require):
        if settings.services[name].breaker is None:
            reason = f"has no effect: {name} has no breaker, and so always counts as ready"
            problems.add(("gateway", "ready", "require", index), reason)
    yield from _unproven_access(settings, problems)
    yield from _limits(settings, problems)
    yield from _unused(settings, problems)
    known = CODES.union(*(stage.codes for stage in stages))
    for code in settings.gateway.errors.texts:
        if code not in known:
            path = ("gateway", "errors", "texts", code)
            problems.add(path, f"there is no error {code}", did_you_mean(code, known))


def _passed_headers(settings: Settings, problems: Problems) -> Iterator[None]:
    """`headers.pass` adds to an allow list; without one every header passes anyway."""
    by_default = settings.defaults.headers
    if by_default.allow is not None:
        return
    idle: list[Path] = []
    limited = False
    for index, route in enumerate(settings.routes):
        if route.headers.allow is not None:
            limited = True
        elif route.headers.pass_:
            idle.append(("routes", index))
        yield
    if by_default.pass_ and not limited:
        idle.append(("defaults",))
    for path in idle:
        problems.add(
            (*path, "headers", "pass"),
            "has no effect: it adds to headers.allow, and without that every header passes",
            "remove it, or write allow: standard",
        )


def _unproven_access(settings: Settings, problems: Problems) -> Iterator[None]:
    """`authorize` on a route that proves nobody refuses every request."""
    by_default = settings.defaults.stages
    for index, route in enumerate(settings.routes):
        asks = route.stages.get("authorize", by_default.get("authorize")) is not None
        proves = route.stages.get("authenticate", by_default.get("authenticate"))
        if asks and not proves:
            problems.add(
                ("routes", index, "authorize" if "authorize" in route.stages else "authenticate"),
                "refuses every request: the route proves nobody (authenticate: none), so nobody has a role",
                "name an identity under authenticate, or write authorize: off",
            )
        yield


def _limits(settings: Settings, problems: Problems) -> Iterator[None]:
    """Limits by who calls, where nobody is known; what all limits share, where there is none."""
    by_default = settings.defaults.stages
    some = False
    for index, route in enumerate(settings.routes):
        yield
        limits = route.stages.get("rate_limit", by_default.get("rate_limit"))
        some = some or limits is not None
        if route.stages.get("authenticate", by_default.get("authenticate")):
            continue
        for number, limit in enumerate(limits or ()):
            if limit.per.proven and not limit.per.always:
                reason = "is known of nobody here: the route proves nobody (authenticate: none)"
                remedy = f"write {limit.per}|ip, or another rate_limit for this route"
                if "rate_limit" in route.stages:
                    problems.add(
                        ("routes", index, "rate_limit", number, "per"), f"{limit.per} {reason}", remedy
                    )
                else:
                    reason = f"has a limit per {limit.per} from defaults, which {reason}"
                    problems.add(("routes", index), reason, remedy)
    if not some and "rate_limits" in settings.gateway.model_fields_set:
        problems.add(("gateway", "rate_limits"), "has no effect: no route has a rate_limit", "remove it")


def _unused(settings: Settings, problems: Problems) -> Iterator[None]:
    """What is declared and never used is worth knowing, if no reason to stop."""
    used: set[str] = set() if settings.venues is None else {settings.venues.service}
    proving = set(settings.defaults.stages.get("authenticate") or ())
    for route in settings.routes:
        used.add(route.service)
        proving.update(route.stages.get("authenticate") or ())
        yield
    for name in settings.services:
        if name not in used:
            problems.add(("services", name), "no route uses this service", severity="warning", on_key=True)
    for name in settings.identity:
        if name not in proving:
            problems.add(
                ("identity", name), "no route asks for this identity", severity="warning", on_key=True
            )
