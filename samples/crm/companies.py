"""Companies: one of each name in a tenant, and not deleted while it has contacts."""

from __future__ import annotations

from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import Row, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from samples.crm.schema import companies, contacts
from samples.platform.answers import Json, created, nothing
from samples.platform.clock import utc_now
from samples.platform.errors import ConflictError, NotFoundError
from samples.platform.fields import Body, Change, Line, Text, path_id, read_body
from samples.platform.identity import Caller
from samples.platform.listing import ListQuery, answer_list, read_query
from samples.platform.service import caller_of, database_of, routed


class NewCompany(Body):
    """`POST /crm/companies`."""

    name: Line
    website: Line | None = None
    phone: Line | None = None
    notes: Text = ""


class CompanyChange(Change):
    """`PUT /crm/companies/{id}`: the sent fields change."""

    name: Line = ""
    website: Line | None = None
    phone: Line | None = None
    notes: Text = ""


class CompanyQuery(ListQuery):
    """`GET /crm/companies`; `text` searches the names."""

    sort_by: Literal["name", "createdAt", "updatedAt"] = "name"
    sort_order: Literal["asc", "desc"] = "asc"
    text: Text = ""


SORTABLE = {
    "name": companies.c.name,
    "createdAt": companies.c.created_at,
    "updatedAt": companies.c.updated_at,
}


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "website": row.website,
        "phone": row.phone,
        "notes": row.notes,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
    }


def agent_of(request: Request) -> Caller:
    """The caller, who must be an agent or above."""
    caller = caller_of(request)
    caller.require("agent", "use the customer data")
    return caller


async def find_company(
    connection: AsyncConnection, caller: Caller, company_id: str, *, to_change: bool = False
) -> Row[Any]:
    """The company, or 404. `to_change` holds it against other transactions until this one ends."""
    query = select(companies).where(companies.c.id == company_id, companies.c.tenant_id == caller.tenant_id)
    found = await connection.execute(query.with_for_update() if to_change else query)
    row: Row[Any] | None = found.one_or_none()
    if row is None:
        raise NotFoundError("Company")
    return row


async def list_companies(request: Request) -> Response:
    """`GET /crm/companies`, by name."""
    caller = agent_of(request)
    query = read_query(request, CompanyQuery)
    matching = select(companies).where(companies.c.tenant_id == caller.tenant_id)
    if query.text:
        matching = matching.where(companies.c.name.icontains(query.text, autoescape=True))
    async with database_of(request).reading() as connection:
        answer = await answer_list(
            connection, matching, query, sortable=SORTABLE, tie_break=companies.c.id, show=_shown
        )
    return Json(answer)


async def create_company(request: Request) -> Response:
    """`POST /crm/companies`."""
    caller = agent_of(request)
    wanted = await read_body(request, NewCompany)
    now = utc_now()
    values = {"id": str(uuid4()), "tenant_id": caller.tenant_id, "created_at": now, "updated_at": now}
    async with database_of(request).writing() as connection:
        company = await _stored(
            connection, insert(companies).values(**values, **wanted.model_dump()).returning(companies)
        )
    return created(_shown(company), f"/api/v1/crm/companies/{company.id}")


async def get_company(request: Request) -> Response:
    """`GET /crm/companies/{id}`."""
    caller = agent_of(request)
    company_id = path_id(request, "Company")
    async with database_of(request).reading() as connection:
        return Json(_shown(await find_company(connection, caller, company_id)))


async def change_company(request: Request) -> Response:
    """`PUT /crm/companies/{id}`."""
    caller = agent_of(request)
    company_id = path_id(request, "Company")
    sent = (await read_body(request, CompanyChange)).sent()
    async with database_of(request).writing() as connection:
        await find_company(connection, caller, company_id, to_change=True)
        changed = await _stored(
            connection,
            update(companies)
            .where(companies.c.id == company_id)
            .values(**sent, updated_at=utc_now())
            .returning(companies),
        )
    return Json(_shown(changed))


async def _stored(connection: AsyncConnection, statement: Any) -> Row[Any]:
    try:
        row: Row[Any] = (await connection.execute(statement)).one()
    except IntegrityError:
        raise ConflictError("There is a company of this name already") from None
    return row


async def delete_company(request: Request) -> Response:
    """`DELETE /crm/companies/{id}`: managers only, and only without contacts."""
    caller = agent_of(request)
    company_id = path_id(request, "Company")
    async with database_of(request).writing() as connection:
        await find_company(connection, caller, company_id, to_change=True)
        caller.require("manager", "delete a company")
        if await connection.scalar(select(exists().where(contacts.c.company_id == company_id))):
            raise ConflictError("A company with contacts cannot be deleted")
        await connection.execute(delete(companies).where(companies.c.id == company_id))
    return nothing()


routes = [
    routed("/crm/companies", GET=list_companies, POST=create_company),
    routed("/crm/companies/{id}", GET=get_company, PUT=change_company, DELETE=delete_company),
]
