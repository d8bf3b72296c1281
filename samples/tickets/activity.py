"""The log of what happened to a ticket: written in the same transaction as the deed, never changed.

Entries about internal comments and about time are marked internal, and a `user` does not see them.
"""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from samples.platform.answers import Json
from samples.platform.clock import utc_now
from samples.platform.fields import path_id
from samples.platform.identity import Caller
from samples.platform.listing import ListQuery, answer_list, read_query
from samples.platform.service import caller_of, database_of, routed
from samples.tickets.access import find_ticket
from samples.tickets.schema import activity


async def record(
    connection: AsyncConnection,
    caller: Caller,
    ticket_id: str,
    action: str,
    details: dict[str, Any],
    *,
    internal: bool = False,
) -> None:
    """Adds one entry; `details` is JSON."""
    await connection.execute(
        insert(activity).values(
            tenant_id=caller.tenant_id,
            ticket_id=ticket_id,
            actor_id=caller.user_id,
            action=action,
            details=details,
            internal=internal,
            created_at=utc_now(),
        )
    )


class ActivityQuery(ListQuery):
    """The log has one order, that of its writing."""

    sort_by: Literal["createdAt"] = "createdAt"


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "ticketId": row.ticket_id,
        "actorId": row.actor_id,
        "action": row.action,
        "details": row.details,
        "createdAt": row.created_at,
    }


async def list_activity(request: Request) -> Response:
    """`GET /tickets/{id}/activity`, newest first."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    query = read_query(request, ActivityQuery)
    async with database_of(request).reading() as connection:
        await find_ticket(connection, caller, ticket_id)
        matching = select(activity).where(activity.c.ticket_id == ticket_id)
        if not caller.is_at_least("agent"):
            matching = matching.where(activity.c.internal.is_(False))
        answer = await answer_list(
            connection,
            matching,
            query,
            sortable={"createdAt": activity.c.id},
            tie_break=activity.c.id,
            show=_shown,
        )
    return Json(answer)


routes = [routed("/tickets/{id}/activity", GET=list_activity)]
