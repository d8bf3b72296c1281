"""Contacts: people, each at one of the tenant's companies or at none."""

from __future__ import annotations

from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import Row, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from samples.crm.companies import agent_of, find_company
from samples.crm.schema import contacts
from samples.platform.answers import Json, created, nothing
from samples.platform.clock import utc_now
from samples.platform.errors import FieldFailure, InvalidError, NotFoundError
from samples.platform.fields import Body, Change, Email, Line, ObjectId, Text, path_id, read_body
from samples.platform.identity import Caller
from samples.platform.listing import ListQuery, answer_list, read_query
from samples.platform.service import database_of, routed


class NewContact(Body):
    """`POST /crm/contacts`."""

    name: Line
    company_id: ObjectId | None = None
    email: Email | None = None
    phone: Line | None = None


class ContactChange(Change):
    """`PUT /crm/contacts/{id}`: the sent fields change."""

    name: Line = ""
    company_id: ObjectId | None = None
    email: Email | None = None
    phone: Line | None = None


class ContactQuery(ListQuery):
    """`GET /crm/contacts`; `text` searches names and e-mail addresses."""

    sort_by: Literal["name", "createdAt", "updatedAt"] = "name"
    sort_order: Literal["asc", "desc"] = "asc"
    company_id: ObjectId | None = None
    text: Text = ""


SORTABLE = {
    "name": contacts.c.name,
    "createdAt": contacts.c.created_at,
    "updatedAt": contacts.c.updated_at,
}


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "companyId": row.company_id,
        "name": row.name,
        "email": row.email,
        "phone": row.phone,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
    }


async def _find(
    connection: AsyncConnection, caller: Caller, contact_id: str, *, to_change: bool = False
) -> Row[Any]:
    query = select(contacts).where(contacts.c.id == contact_id, contacts.c.tenant_id == caller.tenant_id)
    found = await connection.execute(query.with_for_update() if to_change else query)
    row: Row[Any] | None = found.one_or_none()
    if row is None:
        raise NotFoundError("Contact")
    return row


async def _check_company(connection: AsyncConnection, caller: Caller, company_id: object) -> None:
    """A contact's company is one of the tenant's own; held, so that it is not deleted meanwhile."""
    if not isinstance(company_id, str):
        return
    try:
        await find_company(connection, caller, company_id, to_change=True)
    except NotFoundError:
        failure = FieldFailure("companyId", "unknown_company", "there is no such company")
        raise InvalidError([failure]) from None


async def list_contacts(request: Request) -> Response:
    """`GET /crm/contacts`, by name."""
    caller = agent_of(request)
    query = read_query(request, ContactQuery)
    matching = select(contacts).where(contacts.c.tenant_id == caller.tenant_id)
    if query.company_id is not None:
        matching = matching.where(contacts.c.company_id == query.company_id)
    if query.text:
        matching = matching.where(
            or_(
                contacts.c.name.icontains(query.text, autoescape=True),
                contacts.c.email.icontains(query.text, autoescape=True),
            )
        )
    async with database_of(request).reading() as connection:
        answer = await answer_list(
            connection, matching, query, sortable=SORTABLE, tie_break=contacts.c.id, show=_shown
        )
    return Json(answer)


async def create_contact(request: Request) -> Response:
    """`POST /crm/contacts`."""
    caller = agent_of(request)
    wanted = await read_body(request, NewContact)
    now = utc_now()
    values = {"id": str(uuid4()), "tenant_id": caller.tenant_id, "created_at": now, "updated_at": now}
    async with database_of(request).writing() as connection:
        await _check_company(connection, caller, wanted.company_id)
        inserted = await connection.execute(
            insert(contacts).values(**values, **wanted.model_dump()).returning(contacts)
        )
        contact = inserted.one()
    return created(_shown(contact), f"/api/v1/crm/contacts/{contact.id}")


async def get_contact(request: Request) -> Response:
    """`GET /crm/contacts/{id}`."""
    caller = agent_of(request)
    contact_id = path_id(request, "Contact")
    async with database_of(request).reading() as connection:
        return Json(_shown(await _find(connection, caller, contact_id)))


async def change_contact(request: Request) -> Response:
    """`PUT /crm/contacts/{id}`."""
    caller = agent_of(request)
    contact_id = path_id(request, "Contact")
    sent = (await read_body(request, ContactChange)).sent()
    async with database_of(request).writing() as connection:
        await _find(connection, caller, contact_id)
        await _check_company(connection, caller, sent.get("company_id"))
        await _find(connection, caller, contact_id, to_change=True)
        stored = await connection.execute(
            update(contacts)
            .where(contacts.c.id == contact_id)
            .values(**sent, updated_at=utc_now())
            .returning(contacts)
        )
        changed = stored.one()
    return Json(_shown(changed))


async def delete_contact(request: Request) -> Response:
    """`DELETE /crm/contacts/{id}`: managers only."""
    caller = agent_of(request)
    contact_id = path_id(request, "Contact")
    async with database_of(request).writing() as connection:
        await _find(connection, caller, contact_id, to_change=True)
        caller.require("manager", "delete a contact")
        await connection.execute(delete(contacts).where(contacts.c.id == contact_id))
    return nothing()


routes = [
    routed("/crm/contacts", GET=list_contacts, POST=create_contact),
    routed("/crm/contacts/{id}", GET=get_contact, PUT=change_contact, DELETE=delete_contact),
]
