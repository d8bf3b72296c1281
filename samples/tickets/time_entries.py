"""Time worked on tickets: logged by agents, billed by managers, summed per ticket.

Whoever sees a ticket sees its time; only agents and above log any. An entry that was billed is fixed:
until a manager takes the billing back (`billedAt: null`) it is neither changed nor deleted (409).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from sqlalchemy import Row, Select, case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from samples.platform.answers import Json, created, nothing
from samples.platform.clock import utc_now
from samples.platform.errors import ConflictError, NotFoundError
from samples.platform.fields import Body, Change, Instant, ObjectId, Text, UserId, path_id, read_body
from samples.platform.identity import Caller
from samples.platform.listing import ListQuery, answer_list, read_query
from samples.platform.service import caller_of, database_of, routed
from samples.tickets.access import find_ticket, require_owner, visible_tickets
from samples.tickets.activity import record
from samples.tickets.schema import new_id, tickets, time_entries

MAX_MINUTES = 7 * 24 * 60
"""One entry is at most a week's work."""


class NewTimeEntry(Body):
    """`POST /tickets/{ticketId}/time-entries`."""

    minutes: int = Field(gt=0, le=MAX_MINUTES)
    description: Text = ""
    billable: bool = True
    worked_at: Instant | None = None


class TimeEntryChange(Change):
    """`PUT /time-entries/{id}`: the sent fields change. `billedAt` is a manager's."""

    minutes: int = Field(1, gt=0, le=MAX_MINUTES)
    description: Text = ""
    billable: bool = True
    worked_at: Instant = Field(default_factory=utc_now)
    billed_at: Instant | None = None


class TicketTimeQuery(ListQuery):
    """`GET /tickets/{ticketId}/time-entries`."""

    sort_by: Literal["workedAt", "minutes"] = "workedAt"


class UnbilledQuery(TicketTimeQuery):
    """`GET /time-entries/unbilled`."""

    ticket_id: ObjectId | None = None
    user: UserId | None = None


class TimeQuery(UnbilledQuery):
    """`GET /time-entries`."""

    billable: bool | None = None
    billed: bool | None = None


SORTABLE = {"workedAt": time_entries.c.worked_at, "minutes": time_entries.c.minutes}


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "ticketId": row.ticket_id,
        "userId": row.user_id,
        "minutes": row.minutes,
        "description": row.description,
        "billable": row.billable,
        "billedAt": row.billed_at,
        "workedAt": row.worked_at,
    }


def _visible(caller: Caller) -> Select[Any]:
    return select(time_entries).join(tickets).where(visible_tickets(caller))


async def _find(connection: AsyncConnection, caller: Caller, entry_id: str) -> Row[Any]:
    query = _visible(caller).where(time_entries.c.id == entry_id)
    row: Row[Any] | None = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFoundError("Time entry")
    return row


async def _find_to_change(connection: AsyncConnection, caller: Caller, entry_id: str) -> Row[Any]:
    """The entry, held by its ticket: all changes below a ticket wait for each other there, in one order."""
    entry = await _find(connection, caller, entry_id)
    await find_ticket(connection, caller, entry.ticket_id, to_change=True)
    return await _find(connection, caller, entry_id)


async def _answer(connection: AsyncConnection, matching: Select[Any], query: ListQuery) -> Response:
    answer = await answer_list(
        connection, matching, query, sortable=SORTABLE, tie_break=time_entries.c.id, show=_shown
    )
    return Json(answer)


async def list_ticket_time(request: Request) -> Response:
    """`GET /tickets/{ticketId}/time-entries`."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    query = read_query(request, TicketTimeQuery)
    async with database_of(request).reading() as connection:
        await find_ticket(connection, caller, ticket_id)
        return await _answer(connection, _visible(caller).where(tickets.c.id == ticket_id), query)


async def list_time(request: Request) -> Response:
    """`GET /time-entries`: over all tickets that the caller sees."""
    caller = caller_of(request)
    query = read_query(request, TimeQuery)
    matching = _narrowed(_visible(caller), query)
    if query.billable is not None:
        matching = matching.where(time_entries.c.billable.is_(query.billable))
    if query.billed is not None:
        billed_at = time_entries.c.billed_at
        matching = matching.where(billed_at.is_not(None) if query.billed else billed_at.is_(None))
    async with database_of(request).reading() as connection:
        return await _answer(connection, matching, query)


async def list_unbilled(request: Request) -> Response:
    """`GET /time-entries/unbilled`: what is billable and not billed yet; agents only."""
    caller = caller_of(request)
    caller.require("agent", "see unbilled time")
    query = read_query(request, UnbilledQuery)
    matching = _narrowed(_visible(caller), query).where(
        time_entries.c.billable.is_(True), time_entries.c.billed_at.is_(None)
    )
    async with database_of(request).reading() as connection:
        return await _answer(connection, matching, query)


def _narrowed(matching: Select[Any], query: UnbilledQuery) -> Select[Any]:
    if query.ticket_id is not None:
        matching = matching.where(time_entries.c.ticket_id == query.ticket_id)
    if query.user is not None:
        matching = matching.where(time_entries.c.user_id == query.user)
    return matching


async def summarize_ticket_time(request: Request) -> Response:
    """`GET /tickets/{id}/time-entries/summary`: minutes in all, billable and unbilled, also by user."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    entry = time_entries.c
    unbilled = (entry.billable.is_(True)) & (entry.billed_at.is_(None))
    sums = (
        select(
            entry.user_id,
            func.count().label("entries"),
            func.sum(entry.minutes).label("minutes"),
            func.sum(case((entry.billable.is_(True), entry.minutes), else_=0)).label("billable"),
            func.sum(case((unbilled, entry.minutes), else_=0)).label("unbilled"),
        )
        .where(entry.ticket_id == ticket_id)
        .group_by(entry.user_id)
        .order_by(entry.user_id)
    )
    async with database_of(request).reading() as connection:
        await find_ticket(connection, caller, ticket_id)
        rows = (await connection.execute(sums)).all()
    return Json(
        {
            "ticketId": ticket_id,
            "entries": sum(row.entries for row in rows),
            "totalMinutes": sum(row.minutes for row in rows),
            "billableMinutes": sum(row.billable for row in rows),
            "unbilledMinutes": sum(row.unbilled for row in rows),
            "byUser": [
                {
                    "userId": row.user_id,
                    "entries": row.entries,
                    "totalMinutes": row.minutes,
                    "billableMinutes": row.billable,
                    "unbilledMinutes": row.unbilled,
                }
                for row in rows
            ],
        }
    )


async def log_time(request: Request) -> Response:
    """`POST /tickets/{ticketId}/time-entries`: agents only, in their own name."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    wanted = await read_body(request, NewTimeEntry)
    now = utc_now()
    async with database_of(request).writing() as connection:
        await find_ticket(connection, caller, ticket_id, to_change=True)
        caller.require("agent", "log time")
        inserted = await connection.execute(
            insert(time_entries)
            .values(
                id=new_id(),
                tenant_id=caller.tenant_id,
                ticket_id=ticket_id,
                user_id=caller.user_id,
                minutes=wanted.minutes,
                description=wanted.description,
                billable=wanted.billable,
                billed_at=None,
                worked_at=wanted.worked_at or now,
                created_at=now,
            )
            .returning(time_entries)
        )
        entry = inserted.one()
        await _record(connection, caller, entry, "time_logged")
    return created(_shown(entry), f"/api/v1/time-entries/{entry.id}")


async def get_time(request: Request) -> Response:
    """`GET /time-entries/{id}`."""
    caller = caller_of(request)
    entry_id = path_id(request, "Time entry")
    async with database_of(request).reading() as connection:
        return Json(_shown(await _find(connection, caller, entry_id)))


async def change_time(request: Request) -> Response:
    """`PUT /time-entries/{id}`: who worked, or a manager; `billedAt` a manager only."""
    caller = caller_of(request)
    entry_id = path_id(request, "Time entry")
    sent = (await read_body(request, TimeEntryChange)).sent()
    async with database_of(request).writing() as connection:
        entry = await _find_to_change(connection, caller, entry_id)
        require_owner(caller, entry.user_id, "change a time entry")
        changes = {name: value for name, value in sent.items() if getattr(entry, name) != value}
        if "billed_at" in changes:
            caller.require("manager", "bill time")
        _check_billing(entry, changes)
        if not changes:
            return Json(_shown(entry))
        stored = await connection.execute(
            update(time_entries)
            .where(time_entries.c.id == entry_id)
            .values(**changes)
            .returning(time_entries)
        )
        changed = stored.one()
        await _record(connection, caller, changed, "time_updated")
    return Json(_shown(changed))


def _check_billing(entry: Row[Any], changes: dict[str, Any]) -> None:
    """Billed time stays as it was billed, and only billable time is billed."""
    billed_at = changes.get("billed_at", entry.billed_at)
    if billed_at is None:
        return
    if entry.billed_at is not None and changes.keys() - {"billed_at"}:
        raise ConflictError("Billed time cannot be changed")
    if not changes.get("billable", entry.billable):
        raise ConflictError("Time that is not billable cannot be billed")


async def delete_time(request: Request) -> Response:
    """`DELETE /time-entries/{id}`: who worked, or a manager."""
    caller = caller_of(request)
    entry_id = path_id(request, "Time entry")
    async with database_of(request).writing() as connection:
        entry = await _find_to_change(connection, caller, entry_id)
        require_owner(caller, entry.user_id, "delete a time entry")
        if entry.billed_at is not None:
            raise ConflictError("Billed time cannot be deleted")
        await connection.execute(delete(time_entries).where(time_entries.c.id == entry_id))
        await _record(connection, caller, entry, "time_deleted")
    return nothing()


async def _record(connection: AsyncConnection, caller: Caller, entry: Row[Any], action: str) -> None:
    details = {"timeEntryId": entry.id, "minutes": entry.minutes}
    await record(connection, caller, entry.ticket_id, action, details, internal=True)


routes = [
    routed("/tickets/{id}/time-entries", GET=list_ticket_time, POST=log_time),
    routed("/tickets/{id}/time-entries/summary", GET=summarize_ticket_time),
    routed("/time-entries", GET=list_time),
    routed("/time-entries/unbilled", GET=list_unbilled),
    routed("/time-entries/{id}", GET=get_time, PUT=change_time, DELETE=delete_time),
]
