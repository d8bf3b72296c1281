"""Tickets: made, listed, changed, moved through their life, assigned, deleted."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from sqlalchemy import Row, case, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from samples.platform.answers import Json, created, nothing
from samples.platform.clock import utc_now
from samples.platform.database import upsert_into
from samples.platform.errors import ConflictError
from samples.platform.fields import Body, Change, Instant, Line, ObjectId, Text, UserId, path_id, read_body
from samples.platform.listing import AnyOf, ListQuery, answer_list, read_query
from samples.platform.service import caller_of, database_of, routed
from samples.tickets.access import find_ticket, visible_tickets
from samples.tickets.activity import record
from samples.tickets.schema import new_id, ticket_numbers, tickets, time_entries
from samples.tickets.status import BY_REQUESTER, PRIORITIES, STATUSES, Priority, Status, check_step

Tags = list[Line]


class NewTicket(Body):
    """`POST /tickets`. Only an agent may ask in another's name or assign at once."""

    title: Line
    description: Text = ""
    priority: Priority = "medium"
    company_id: ObjectId | None = None
    requester_id: UserId | None = None
    assignee_id: UserId | None = None
    tags: Tags = Field([], max_length=20)
    due_at: Instant | None = None


class TicketChange(Change):
    """`PUT /tickets/{id}`: the sent fields change. Status and assignee have endpoints of their own."""

    title: Line = ""
    description: Text = ""
    priority: Priority = "medium"
    company_id: ObjectId | None = None
    tags: Tags = Field([], max_length=20)
    due_at: Instant | None = None


class StatusChange(Body):
    """`PATCH /tickets/{id}/status`."""

    status: Status


class Assignment(Body):
    """`PATCH /tickets/{id}/assign`: `null` takes the ticket from its assignee."""

    assignee_id: UserId | None


class TicketQuery(ListQuery):
    """`GET /tickets`. `assignee=none` finds what nobody works on."""

    sort_by: Literal["createdAt", "updatedAt", "dueAt", "number", "title", "status", "priority"] = "createdAt"
    status: AnyOf[Status] = ()
    priority: AnyOf[Priority] = ()
    assignee: UserId | None = None
    text: Text = ""


SORTABLE = {
    "createdAt": tickets.c.created_at,
    "updatedAt": tickets.c.updated_at,
    "dueAt": tickets.c.due_at,
    "number": tickets.c.number,
    "title": tickets.c.title,
    "status": case({status: rank for rank, status in enumerate(STATUSES)}, value=tickets.c.status),
    "priority": case({priority: rank for rank, priority in enumerate(PRIORITIES)}, value=tickets.c.priority),
}


def shown_ticket(row: Row[Any]) -> dict[str, Any]:
    """A ticket as callers see it."""
    return {
        "id": row.id,
        "number": row.number,
        "title": row.title,
        "description": row.description,
        "status": row.status,
        "priority": row.priority,
        "companyId": row.company_id,
        "requesterId": row.requester_id,
        "assigneeId": row.assignee_id,
        "tags": row.tags,
        "dueAt": row.due_at,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
    }


async def list_tickets(request: Request) -> Response:
    """`GET /tickets`, newest first by default."""
    caller = caller_of(request)
    query = read_query(request, TicketQuery)
    matching = select(tickets).where(visible_tickets(caller))
    if query.status:
        matching = matching.where(tickets.c.status.in_(query.status))
    if query.priority:
        matching = matching.where(tickets.c.priority.in_(query.priority))
    if query.assignee == "none":
        matching = matching.where(tickets.c.assignee_id.is_(None))
    elif query.assignee is not None:
        matching = matching.where(tickets.c.assignee_id == query.assignee)
    if query.text:
        matching = matching.where(
            or_(
                tickets.c.title.icontains(query.text, autoescape=True),
                tickets.c.description.icontains(query.text, autoescape=True),
            )
        )
    async with database_of(request).reading() as connection:
        answer = await answer_list(
            connection, matching, query, sortable=SORTABLE, tie_break=tickets.c.number, show=shown_ticket
        )
    return Json(answer)


async def create_ticket(request: Request) -> Response:
    """`POST /tickets`: 201 with the ticket, open and numbered."""
    caller = caller_of(request)
    wanted = await read_body(request, NewTicket)
    for_another = wanted.requester_id not in (None, caller.user_id)
    if for_another or wanted.assignee_id is not None:
        caller.require("agent", "ask in another's name or assign a ticket")
    now = utc_now()
    async with database_of(request).writing() as connection:
        inserted = await connection.execute(
            insert(tickets)
            .values(
                id=new_id(),
                tenant_id=caller.tenant_id,
                number=await _next_number(connection, caller.tenant_id),
                title=wanted.title,
                description=wanted.description,
                status="open",
                priority=wanted.priority,
                company_id=wanted.company_id,
                requester_id=wanted.requester_id or caller.user_id,
                assignee_id=wanted.assignee_id,
                tags=_without_doubles(wanted.tags),
                due_at=wanted.due_at,
                created_at=now,
                updated_at=now,
            )
            .returning(tickets)
        )
        ticket = inserted.one()
        await record(connection, caller, ticket.id, "created", {"number": ticket.number})
    return created(shown_ticket(ticket), f"/api/v1/tickets/{ticket.id}")


async def _next_number(connection: AsyncConnection, tenant_id: str) -> int:
    """The tenant's next number. The row stays locked until the transaction ends, so that two processes
    never take the same one, and a transaction that fails leaves no gap."""
    taken = await connection.execute(
        upsert_into(connection, ticket_numbers)
        .values(tenant_id=tenant_id, last=1)
        .on_conflict_do_update(
            index_elements=[ticket_numbers.c.tenant_id], set_={"last": ticket_numbers.c.last + 1}
        )
        .returning(ticket_numbers.c.last)
    )
    number: int = taken.scalar_one()
    return number


async def get_ticket(request: Request) -> Response:
    """`GET /tickets/{id}`."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    async with database_of(request).reading() as connection:
        return Json(shown_ticket(await find_ticket(connection, caller, ticket_id)))


async def change_ticket(request: Request) -> Response:
    """`PUT /tickets/{id}`: its requester, its assignee, or an agent."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    sent = (await read_body(request, TicketChange)).sent()
    if "tags" in sent:
        sent["tags"] = _without_doubles(sent["tags"])
    async with database_of(request).writing() as connection:
        ticket = await find_ticket(connection, caller, ticket_id, to_change=True)
        changes = {name: value for name, value in sent.items() if getattr(ticket, name) != value}
        if not changes:
            return Json(shown_ticket(ticket))
        ticket = await _store(connection, ticket_id, changes)
        await record(connection, caller, ticket_id, "updated", {"fields": sorted(changes)})
    return Json(shown_ticket(ticket))


async def change_status(request: Request) -> Response:
    """`PATCH /tickets/{id}/status`: 409 for a step that makes no sense."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    wanted = (await read_body(request, StatusChange)).status
    async with database_of(request).writing() as connection:
        ticket = await find_ticket(connection, caller, ticket_id, to_change=True)
        if wanted not in BY_REQUESTER:
            caller.require("agent", f"make a ticket {wanted}")
        check_step(ticket.status, wanted)
        changed = await _store(connection, ticket_id, {"status": wanted})
        details = {"from": ticket.status, "to": wanted}
        await record(connection, caller, ticket_id, "status_changed", details)
    return Json(shown_ticket(changed))


async def assign_ticket(request: Request) -> Response:
    """`PATCH /tickets/{id}/assign`: agents only, and not once the ticket is closed."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    wanted = (await read_body(request, Assignment)).assignee_id
    async with database_of(request).writing() as connection:
        ticket = await find_ticket(connection, caller, ticket_id, to_change=True)
        caller.require("agent", "assign a ticket")
        if ticket.status == "closed":
            raise ConflictError("A closed ticket cannot be assigned")
        if ticket.assignee_id == wanted:
            return Json(shown_ticket(ticket))
        changed = await _store(connection, ticket_id, {"assignee_id": wanted})
        details = {"from": ticket.assignee_id, "to": wanted}
        await record(connection, caller, ticket_id, "assigned", details)
    return Json(shown_ticket(changed))


async def delete_ticket(request: Request) -> Response:
    """`DELETE /tickets/{id}`: managers only, with all that hangs on it, unless some of it was billed."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    async with database_of(request).writing() as connection:
        await find_ticket(connection, caller, ticket_id, to_change=True)
        caller.require("manager", "delete a ticket")
        billed = exists().where(time_entries.c.ticket_id == ticket_id, time_entries.c.billed_at.is_not(None))
        if await connection.scalar(select(billed)):
            raise ConflictError("A ticket with billed time cannot be deleted")
        await connection.execute(delete(tickets).where(tickets.c.id == ticket_id))
    return nothing()


async def _store(connection: AsyncConnection, ticket_id: str, changes: dict[str, Any]) -> Row[Any]:
    stored = await connection.execute(
        update(tickets)
        .where(tickets.c.id == ticket_id)
        .values(**changes, updated_at=utc_now())
        .returning(tickets)
    )
    row: Row[Any] = stored.one()
    return row


def _without_doubles(tags: Any) -> list[str]:
    return list(dict.fromkeys(tags))


routes = [
    routed("/tickets", GET=list_tickets, POST=create_ticket),
    routed("/tickets/{id}", GET=get_ticket, PUT=change_ticket, DELETE=delete_ticket),
    routed("/tickets/{id}/status", PATCH=change_status),
    routed("/tickets/{id}/assign", PATCH=assign_ticket),
]
