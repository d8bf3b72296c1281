"""Who sees which ticket, and who may change what hangs on it.

- Nobody sees anything of another tenant. A `user` sees the tickets that they asked for or that are
  assigned to them, without internal comments; an `agent` and above sees all of the tenant.
- Comments and time entries belong to who wrote them: only they, or a `manager` and above, change or
  delete one.

What a caller may not see answers 404; what they see and may not do answers 403.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from samples.platform.errors import ForbiddenError, NotFoundError
from samples.platform.identity import Caller
from samples.tickets.schema import tickets


def visible_tickets(caller: Caller) -> ColumnElement[bool]:
    """The condition on `tickets` for those that the caller sees."""
    of_tenant = tickets.c.tenant_id == caller.tenant_id
    if caller.is_at_least("agent"):
        return of_tenant
    own = or_(tickets.c.requester_id == caller.user_id, tickets.c.assignee_id == caller.user_id)
    return and_(of_tenant, own)


async def find_ticket(
    connection: AsyncConnection, caller: Caller, ticket_id: str, *, to_change: bool = False
) -> Row[Any]:
    """The ticket, or 404. `to_change` holds it against other transactions until this one ends."""
    query = select(tickets).where(tickets.c.id == ticket_id, visible_tickets(caller))
    row = (await connection.execute(query.with_for_update() if to_change else query)).one_or_none()
    if row is None:
        raise NotFoundError("Ticket")
    return row


def require_owner(caller: Caller, owner_id: str, what: str) -> None:
    """Refuses with 403 who neither owns the thing nor is a manager."""
    if caller.user_id != owner_id and not caller.is_at_least("manager"):
        raise ForbiddenError(f"Only its author or the role manager or above may {what}")
