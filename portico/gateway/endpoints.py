"""What the gateway answers itself: /live, /health, /ready, /metrics (requirements 12.1 and 13.1), and OPTIONS *.

They are routes like any other, with the observing stages of every route, and a hook that answers. Health and
metrics speak for all workers, whichever of them was asked.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Protocol

import orjson

import portico
from portico.config.models.settings import Settings
from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.reply import Reply
from portico.exchange.stage import Hooks
from portico.observe.exposition import CONTENT_TYPE
from portico.observe.exposition import render as render_metrics
from portico.observe.snapshot import merge

from .compile import EndpointRoute
from .errors import timestamp
from .template import compile_template

PLACEHOLDERS = frozenset(
    {
        "status",
        "name",
        "timestamp",
        "uptime",
        "uptime_s",
        "memory",
        "pid",
        "version",
        "breakers",
        "breaker_stats",
        "workers",
    }
)

# T's form (requirements 13.1); a profile may write its own under gateway.health.body.
DEFAULT_HEALTH: Mapping[str, Any] = {
    "status": "ok",
    "timestamp": "{timestamp}",
    "uptime": "{uptime}",
    "memory": "{memory}",
    "pid": "{pid}",
    "version": "{version}",
    "circuitBreakers": "{breakers}",
}

# How bad a breaker's state is, for one word about all workers.
_SEVERITY = {"CLOSED": 0, "HALF_OPEN": 1, "OPEN": 2}

Snapshots = Sequence[Mapping[str, Any]]


class Vitals(Protocol):
    """What the endpoints ask of the worker that they run in."""

    clock: Clock
    started: float

    async def snapshots(self) -> Snapshots:
        """Of every worker, this one included."""

    def readiness(self) -> dict[str, bool]:
        """What `/ready` depends on, by name."""

    def store_away(self) -> bool:
        """Whether the gateway has to do without its store, which makes it no less ready."""


def endpoint_routes(settings: Settings, vitals: Vitals) -> list[EndpointRoute]:
    """The gateway's own routes. Raises TemplateError for a health template that names what there is not."""
    paths = settings.gateway.endpoints
    body = settings.gateway.health.body
    template = compile_template(DEFAULT_HEALTH if body is None else body, PLACEHOLDERS)
    name = settings.gateway.name

    def live(x: Exchange) -> Reply:
        return _json({"status": "alive"})

    async def health(x: Exchange) -> Reply:
        return _json(template(_health(name, vitals, await vitals.snapshots())))

    async def detail(x: Exchange) -> Reply:
        snapshots = await vitals.snapshots()
        values = _health(name, vitals, snapshots)
        return _json(
            {
                **values["breaker_stats"],  # first: a service may be called "status"
                "status": values["status"],
                "service": name,
                "version": values["version"],
                "uptime": values["uptime_s"],
                "timestamp": values["timestamp"],
                "workers": [_worker(snapshot) for snapshot in snapshots if snapshot.get("pid") is not None],
            }
        )

    def ready(x: Exchange) -> Reply:
        checks = vitals.readiness()
        fine = all(checks.values())
        words = {check: "ok" if good else "failed" for check, good in checks.items()}
        if vitals.store_away():
            words["store"] = "away"
        return _json({"status": "ready" if fine else "not ready", "checks": words}, 200 if fine else 503)

    async def metrics(x: Exchange) -> Reply:
        snapshots = [one["metrics"] for one in await vitals.snapshots() if "metrics" in one]
        return Reply(
            200,
            [(b"content-type", CONTENT_TYPE), (b"cache-control", b"no-store")],
            render_metrics(merge(snapshots)),
        )

    def asterisk(x: Exchange) -> Reply:
        # RFC 9110 section 9.3.7: about the server as a whole.
        return Reply(204, [(b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")])

    answers: list[
        tuple[str, str | None, Callable[[Exchange], Reply] | Callable[[Exchange], Awaitable[Reply]]]
    ] = [
        ("live", paths.live, live),
        ("health", paths.health, health),
        ("detail", paths.detail, detail),
        ("ready", paths.ready, ready),
        ("metrics", paths.metrics, metrics),
    ]
    routes = [
        EndpointRoute(name, path, Hooks(on_request=answer))
        for name, path, answer in answers
        if path is not None
    ]
    routes.append(EndpointRoute("asterisk", "*", Hooks(on_request=asterisk), frozenset({b"OPTIONS"})))
    return routes


def _json(body: Any, status: int = 200) -> Reply:
    return Reply(
        status, [(b"content-type", b"application/json"), (b"cache-control", b"no-store")], orjson.dumps(body)
    )


def _health(name: str, vitals: Vitals, snapshots: Snapshots) -> dict[str, Any]:
    now = monotonic()
    workers = [snapshot for snapshot in snapshots if snapshot.get("pid") is not None]
    stats = merge_breakers([snapshot["breakers"] for snapshot in workers])
    uptime = now - vitals.started
    return {
        "status": "ok" if all(one["state"] != "OPEN" for one in stats.values()) else "degraded",
        "name": name,
        "timestamp": timestamp(vitals.clock.wall(now)),
        "uptime": round(uptime, 3),
        "uptime_s": int(uptime),
        "memory": {"rss": sum(snapshot["rss_bytes"] for snapshot in workers)},
        "pid": os.getpid(),
        "version": portico.__version__,
        "breakers": {
            service: {"state": one["state"], "stats": {key: one[key] for key in one if key != "state"}}
            for service, one in stats.items()
        },
        "breaker_stats": stats,
        "workers": len(workers),
    }


def _worker(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    return {key: snapshot[key] for key in ("worker", "pid", "in_flight", "connections", "generation")}


def merge_breakers(of_workers: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """One set of statistics per service over all workers: the worst state, the sums, the latest times."""
    merged: dict[str, dict[str, Any]] = {}
    for breakers in of_workers:
        for service, stats in breakers.items():
            known = merged.get(service)
            if known is None:
                merged[service] = dict(stats)
                continue
            if _SEVERITY[stats["state"]] > _SEVERITY[known["state"]]:
                known["state"] = stats["state"]
            for count in ("failures", "successes", "totalRequests"):
                known[count] += stats[count]
            for moment in ("lastFailureTime", "lastSuccessTime", "nextAttempt"):
                times = [time for time in (known[moment], stats[moment]) if time is not None]
                known[moment] = max(times, default=None)
    return merged
