"""Venues: those of the caller's tenant, and of it those that the caller belongs to; an admin sees them all."""

from __future__ import annotations

from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import Row, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from samples.platform.answers import Json, created, nothing
from samples.platform.clock import utc_now
from samples.platform.errors import ForbiddenError, NotFoundError
from samples.platform.fields import Body, Change, Line, UserId, path_id, read_body
from samples.platform.listing import ListQuery, answer_list, read_query
from samples.platform.service import routed
from samples.platform.told import Told, told_of
from samples.venues.opening import database_of
from samples.venues.schema import members, venues
from samples.venues.settings import Tier, VenueRole

OWNER = "venue-owner"
ADMIN = "admin"


class NewVenue(Body):
    """`POST /venues`; who makes it owns it."""

    name: Line
    tier: Tier = "standard"


class VenueChange(Change):
    """`PUT /venues/{id}`: the sent fields change."""

    name: Line = ""
    tier: Tier = "standard"


class Membership(Body):
    """`PUT /venues/{id}/members/{userId}`."""

    role: VenueRole


class VenueQuery(ListQuery):
    """`GET /venues`."""

    sort_by: Literal["name", "createdAt", "updatedAt"] = "name"
    sort_order: Literal["asc", "desc"] = "asc"


_SORTABLE = {"name": venues.c.name, "createdAt": venues.c.created_at, "updatedAt": venues.c.updated_at}


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "tier": row.tier,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
    }


def _visible(told: Told) -> Select[Any]:
    matching = select(venues).where(venues.c.tenant_id == told.tenant_id)
    if told.role == ADMIN:
        return matching
    if told.venue_id is not None:
        return matching.where(venues.c.id == told.venue_id)  # the gateway has checked that they belong there
    own = select(members.c.venue_id).where(members.c.user_id == told.user_id)
    return matching.where(venues.c.id.in_(own))


async def _found(
    connection: AsyncConnection, told: Told, venue_id: str, *, to_rule: bool = False
) -> Row[Any]:
    """The venue, or 404; `to_rule`: only for its owner, others are 403."""
    found = await connection.execute(_visible(told).where(venues.c.id == venue_id))
    row: Row[Any] | None = found.one_or_none()
    if row is None:
        raise NotFoundError("Venue")
    if to_rule and told.role != ADMIN:
        role = await connection.scalar(
            select(members.c.role).where(members.c.venue_id == venue_id, members.c.user_id == told.user_id)
        )
        if role != OWNER:
            raise ForbiddenError("Only the venue's owner may do this")
    return row


async def _list(request: Request) -> Response:
    told, query = told_of(request), read_query(request, VenueQuery)
    async with database_of(request).reading() as connection:
        return Json(
            await answer_list(
                connection, _visible(told), query, sortable=_SORTABLE, tie_break=venues.c.id, show=_shown
            )
        )


async def _create(request: Request) -> Response:
    told, wanted, now = told_of(request), await read_body(request, NewVenue), utc_now()
    async with database_of(request).writing() as connection:
        stored = await connection.execute(
            insert(venues)
            .values(
                id=str(uuid4()),
                tenant_id=told.tenant_id,
                created_at=now,
                updated_at=now,
                **wanted.model_dump(),
            )
            .returning(venues)
        )
        venue = stored.one()
        await connection.execute(insert(members).values(venue_id=venue.id, user_id=told.user_id, role=OWNER))
    return created(_shown(venue), f"/api/v1/venues/{venue.id}")


async def _read(request: Request) -> Response:
    async with database_of(request).reading() as connection:
        return Json(_shown(await _found(connection, told_of(request), path_id(request, "Venue"))))


async def _change(request: Request) -> Response:
    told, venue_id = told_of(request), path_id(request, "Venue")
    sent = (await read_body(request, VenueChange)).sent()
    async with database_of(request).writing() as connection:
        await _found(connection, told, venue_id, to_rule=True)
        changed = await connection.execute(
            update(venues)
            .where(venues.c.id == venue_id)
            .values(**sent, updated_at=utc_now())
            .returning(venues)
        )
        return Json(_shown(changed.one()))


async def _delete(request: Request) -> Response:
    told, venue_id = told_of(request), path_id(request, "Venue")
    async with database_of(request).writing() as connection:
        await _found(connection, told, venue_id, to_rule=True)
        await connection.execute(delete(venues).where(venues.c.id == venue_id))
    return nothing()


async def _members(request: Request) -> Response:
    told, venue_id = told_of(request), path_id(request, "Venue")
    async with database_of(request).reading() as connection:
        await _found(connection, told, venue_id)
        rows = await connection.execute(select(members).where(members.c.venue_id == venue_id))
        return Json({"data": [{"userId": row.user_id, "role": row.role} for row in rows]})


async def _put_member(request: Request) -> Response:
    told, venue_id = told_of(request), path_id(request, "Venue")
    user_id: UserId = request.path_params["userId"]
    role = (await read_body(request, Membership)).role
    async with database_of(request).writing() as connection:
        await _found(connection, told, venue_id, to_rule=True)
        await connection.execute(
            delete(members).where(members.c.venue_id == venue_id, members.c.user_id == user_id)
        )
        await connection.execute(insert(members).values(venue_id=venue_id, user_id=user_id, role=role))
    return Json({"userId": user_id, "role": role})


async def _remove_member(request: Request) -> Response:
    told, venue_id = told_of(request), path_id(request, "Venue")
    user_id = request.path_params["userId"]
    async with database_of(request).writing() as connection:
        await _found(connection, told, venue_id, to_rule=True)
        await connection.execute(
            delete(members).where(members.c.venue_id == venue_id, members.c.user_id == user_id)
        )
    return nothing()


routes = [
    route
    for name in ("venues", "venue")
    for route in (
        routed(f"/{name}", GET=_list, POST=_create),
        routed(f"/{name}/{{id}}", GET=_read, PUT=_change, DELETE=_delete),
        routed(f"/{name}/{{id}}/members", GET=_members),
        routed(f"/{name}/{{id}}/members/{{userId}}", PUT=_put_member, DELETE=_remove_member),
    )
]
