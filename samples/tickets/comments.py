"""Comments on tickets. An internal comment is seen and written by agents and above only; for anybody
else it does not exist, in lists, counts and by its id."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from samples.platform.answers import Json, created, nothing
from samples.platform.clock import utc_now
from samples.platform.errors import NotFoundError
from samples.platform.fields import Body, Change, FilledText, ObjectId, UserId, path_id, read_body
from samples.platform.identity import Caller
from samples.platform.listing import ListQuery, answer_list, read_query
from samples.platform.service import caller_of, database_of, routed
from samples.tickets.access import find_ticket, require_owner, visible_tickets
from samples.tickets.activity import record
from samples.tickets.schema import comments, new_id, tickets


class NewComment(Body):
    """`POST /tickets/{ticketId}/comments`."""

    body: FilledText
    internal: bool = False


class CommentChange(Change):
    """`PUT /comments/{id}`: the sent fields change."""

    body: FilledText = ""
    internal: bool = False


class TicketCommentQuery(ListQuery):
    """`GET /tickets/{ticketId}/comments`."""

    sort_by: Literal["createdAt", "updatedAt"] = "createdAt"


class CommentQuery(TicketCommentQuery):
    """`GET /comments`."""

    ticket_id: ObjectId | None = None
    author: UserId | None = None


SORTABLE = {"createdAt": comments.c.created_at, "updatedAt": comments.c.updated_at}


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "ticketId": row.ticket_id,
        "authorId": row.author_id,
        "body": row.body,
        "internal": row.internal,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
    }


def _visible(caller: Caller) -> ColumnElement[bool]:
    """The condition on comments joined with their tickets."""
    if caller.is_at_least("agent"):
        return visible_tickets(caller)
    return and_(visible_tickets(caller), comments.c.internal.is_(False))


async def _find(connection: AsyncConnection, caller: Caller, comment_id: str) -> Row[Any]:
    query = select(comments).join(tickets).where(comments.c.id == comment_id, _visible(caller))
    row: Row[Any] | None = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFoundError("Comment")
    return row


async def _find_to_change(connection: AsyncConnection, caller: Caller, comment_id: str) -> Row[Any]:
    """The comment, held by its ticket: all changes below a ticket wait for each other there, in one order."""
    comment = await _find(connection, caller, comment_id)
    await find_ticket(connection, caller, comment.ticket_id, to_change=True)
    return await _find(connection, caller, comment_id)


async def list_ticket_comments(request: Request) -> Response:
    """`GET /tickets/{ticketId}/comments`."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    query = read_query(request, TicketCommentQuery)
    matching = select(comments).join(tickets).where(comments.c.ticket_id == ticket_id, _visible(caller))
    async with database_of(request).reading() as connection:
        await find_ticket(connection, caller, ticket_id)
        answer = await answer_list(
            connection, matching, query, sortable=SORTABLE, tie_break=comments.c.id, show=_shown
        )
    return Json(answer)


async def count_ticket_comments(request: Request) -> Response:
    """`GET /tickets/{ticketId}/comments/count`: how many of them the caller sees."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    counted = select(func.count()).select_from(comments.join(tickets))
    async with database_of(request).reading() as connection:
        await find_ticket(connection, caller, ticket_id)
        count = await connection.scalar(counted.where(comments.c.ticket_id == ticket_id, _visible(caller)))
    return Json({"ticketId": ticket_id, "count": count})


async def create_comment(request: Request) -> Response:
    """`POST /tickets/{ticketId}/comments`: whoever sees the ticket."""
    caller = caller_of(request)
    ticket_id = path_id(request, "Ticket")
    wanted = await read_body(request, NewComment)
    now = utc_now()
    async with database_of(request).writing() as connection:
        await find_ticket(connection, caller, ticket_id, to_change=True)
        if wanted.internal:
            caller.require("agent", "write an internal comment")
        inserted = await connection.execute(
            insert(comments)
            .values(
                id=new_id(),
                tenant_id=caller.tenant_id,
                ticket_id=ticket_id,
                author_id=caller.user_id,
                body=wanted.body,
                internal=wanted.internal,
                created_at=now,
                updated_at=now,
            )
            .returning(comments)
        )
        comment = inserted.one()
        await _record(connection, caller, comment, "comment_added")
    return created(_shown(comment), f"/api/v1/comments/{comment.id}")


async def list_comments(request: Request) -> Response:
    """`GET /comments`: over all tickets that the caller sees."""
    caller = caller_of(request)
    query = read_query(request, CommentQuery)
    matching = select(comments).join(tickets).where(_visible(caller))
    if query.ticket_id is not None:
        matching = matching.where(comments.c.ticket_id == query.ticket_id)
    if query.author is not None:
        matching = matching.where(comments.c.author_id == query.author)
    async with database_of(request).reading() as connection:
        answer = await answer_list(
            connection, matching, query, sortable=SORTABLE, tie_break=comments.c.id, show=_shown
        )
    return Json(answer)


async def get_comment(request: Request) -> Response:
    """`GET /comments/{id}`."""
    caller = caller_of(request)
    comment_id = path_id(request, "Comment")
    async with database_of(request).reading() as connection:
        return Json(_shown(await _find(connection, caller, comment_id)))


async def change_comment(request: Request) -> Response:
    """`PUT /comments/{id}`: its author, or a manager."""
    caller = caller_of(request)
    comment_id = path_id(request, "Comment")
    sent = (await read_body(request, CommentChange)).sent()
    async with database_of(request).writing() as connection:
        comment = await _find_to_change(connection, caller, comment_id)
        require_owner(caller, comment.author_id, "change a comment")
        if sent.get("internal"):
            caller.require("agent", "make a comment internal")
        if not sent:
            return Json(_shown(comment))
        stored = await connection.execute(
            update(comments)
            .where(comments.c.id == comment_id)
            .values(**sent, updated_at=utc_now())
            .returning(comments)
        )
        changed = stored.one()
        await _record(connection, caller, changed, "comment_updated", internal=comment.internal)
    return Json(_shown(changed))


async def delete_comment(request: Request) -> Response:
    """`DELETE /comments/{id}`: its author, or a manager."""
    caller = caller_of(request)
    comment_id = path_id(request, "Comment")
    async with database_of(request).writing() as connection:
        comment = await _find_to_change(connection, caller, comment_id)
        require_owner(caller, comment.author_id, "delete a comment")
        await connection.execute(delete(comments).where(comments.c.id == comment_id))
        await _record(connection, caller, comment, "comment_deleted")
    return nothing()


async def _record(
    connection: AsyncConnection, caller: Caller, comment: Row[Any], action: str, *, internal: bool = False
) -> None:
    """Logs the deed, hidden from users when the comment is internal now or was so before."""
    hidden = internal or comment.internal
    await record(connection, caller, comment.ticket_id, action, {"commentId": comment.id}, internal=hidden)


routes = [
    routed("/tickets/{id}/comments", GET=list_ticket_comments, POST=create_comment),
    routed("/tickets/{id}/comments/count", GET=count_ticket_comments),
    routed("/comments", GET=list_comments),
    routed("/comments/{id}", GET=get_comment, PUT=change_comment, DELETE=delete_comment),
]
