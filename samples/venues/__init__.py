"""The venue service: venues of a tenant, and who belongs to them. Below `/api/v1`, and as well with `/venue`:

    GET|POST /venues                            the caller's venues; a new one, which its maker owns
    GET|PUT|DELETE /venues/{id}                 changed by its owner
    GET /venues/{id}/members                    PUT|DELETE /venues/{id}/members/{userId}

For the gateway alone, outside `/api/v1` (`X-Gateway-Internal: true`, the tenant in `X-Tenant-ID`):

    GET /venues/{id}                            200, or 404 when the tenant has no such venue
    GET /venues/{id}/members/{userId}           {venueId, userId, role, tier}, or 404

Beside them `GET /health` and `/metrics`, also below the prefix. Who calls is what the gateway says
(`samples.platform.told`).
"""

from __future__ import annotations

import time
from http import HTTPStatus

from sqlalchemy import select
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router

from samples.platform.answers import Json
from samples.platform.clock import utc_now
from samples.platform.errors import EXCEPTION_HANDLERS, NotFoundError
from samples.platform.service import PREFIX, PlainStart
from samples.platform.told import internal_tenant
from samples.venues import places
from samples.venues.opening import NAME, database_of, open_venues
from samples.venues.schema import members, venues

_SINCE = time.monotonic()


async def _exists(request: Request) -> Response:
    tenant = internal_tenant(request)
    venue_id = request.path_params["id"]
    async with database_of(request).reading() as connection:
        tier = await connection.scalar(
            select(venues.c.tier).where(venues.c.id == venue_id, venues.c.tenant_id == tenant)
        )
    if tier is None:
        raise NotFoundError("Venue")
    return Json({"venueId": venue_id, "tier": tier})


async def _belongs(request: Request) -> Response:
    tenant = internal_tenant(request)
    venue_id, user_id = request.path_params["id"], request.path_params["userId"]
    async with database_of(request).reading() as connection:
        found = await connection.execute(
            select(members.c.role, venues.c.tier)
            .join(venues, venues.c.id == members.c.venue_id)
            .where(venues.c.id == venue_id, venues.c.tenant_id == tenant, members.c.user_id == user_id)
        )
        row = found.one_or_none()
    if row is None:
        raise NotFoundError("Venue")
    return Json({"venueId": venue_id, "userId": user_id, "role": row.role, "tier": row.tier})


async def _health(request: Request) -> Response:
    well = await database_of(request).answers()
    body = {
        "status": "healthy" if well else "unhealthy",
        "service": "venue",
        "uptime": round(time.monotonic() - _SINCE, 3),
        "timestamp": utc_now(),
    }
    return Json(body, HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)


async def _metrics(_request: Request) -> Response:
    return PlainTextResponse(
        f"# TYPE venue_uptime_seconds gauge\nvenue_uptime_seconds {time.monotonic() - _SINCE:.3f}\n"
    )


_OPEN = [
    Route(f"{prefix}/{name}", endpoint)
    for prefix in ("", f"{PREFIX}/venues", f"{PREFIX}/venue")
    for name, endpoint in (("health", _health), ("metrics", _metrics))
]

app = Starlette(
    routes=[
        *_OPEN,
        Route("/venues/{id}", _exists),
        Route("/venues/{id}/members/{userId}", _belongs),
        Mount(PREFIX, Router(places.routes, redirect_slashes=False)),
    ],
    exception_handlers=EXCEPTION_HANDLERS,
    lifespan=open_venues,
    middleware=[Middleware(PlainStart)],
)
app.router.redirect_slashes = False

__all__ = ["NAME", "app"]
