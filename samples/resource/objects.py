"""The objects of one collection: listed, made, read, changed, deleted; those of the caller's tenant alone, and of the
venue that the gateway checked, where it did."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Row, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from samples.platform.clock import utc_now
from samples.platform.database import Database, upsert_into
from samples.platform.errors import FieldFailure, InvalidError, MalformedError, NotFoundError
from samples.platform.fields import read_bytes
from samples.platform.listing import ListQuery, answer_list
from samples.platform.told import Told
from samples.resource.schema import objects
from samples.resource.settings import ServiceSettings

NEW = "new"
_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "flag": (bool,),
    "any": (object,),
}
_SORTABLE = {"createdAt": objects.c.created_at, "updatedAt": objects.c.updated_at, "status": objects.c.status}


class ObjectQuery(ListQuery):
    """`GET /<collection>`."""

    sort_by: Literal["createdAt", "updatedAt", "status"] = "createdAt"
    status: str | None = None


def shown(row: Row[Any]) -> dict[str, Any]:
    """An object as a caller sees it."""
    return {
        "id": row.id,
        **row.data,
        "venueId": row.venue_id,
        "status": row.status,
        "createdBy": row.created_by,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
    }


async def read_object(request: Request, settings: ServiceSettings, *, whole: bool) -> dict[str, Any]:
    """The body as members of an object; 422 with every member that does not fit. `whole`: nothing may be missing."""
    try:
        sent = orjson.loads(await read_bytes(request) or b"{}")
    except orjson.JSONDecodeError:
        raise MalformedError("The body is not valid JSON") from None
    if not isinstance(sent, dict):
        raise InvalidError([FieldFailure("body", "object", "must be an object")])
    failures = []
    for name, value in sent.items():
        kind = settings.fields.get(name)
        if kind is None and name != "venueId":
            failures.append(FieldFailure(name, "unknown", "is not known here"))
            continue
        wanted = _TYPES[(kind or "text").rstrip("!")]
        if not isinstance(value, wanted) or (
            isinstance(value, bool) and bool not in wanted and object not in wanted
        ):
            failures.append(FieldFailure(name, "type", f"must be a {(kind or 'text').rstrip('!')}"))
    for name, kind in settings.fields.items():
        if whole and kind.endswith("!") and name not in sent:
            failures.append(FieldFailure(name, "missing", "is needed"))
    if failures:
        raise InvalidError(failures)
    return sent


class Objects:
    """One service's objects in the database."""

    def __init__(self, service: str, settings: ServiceSettings, database: Database) -> None:
        self.service = service
        self.settings = settings
        self._database = database
        self._kind = settings.serves[0].capitalize()

    async def sow(self, tenant_id: str) -> None:
        """Put the seed data in, where it is not there yet. Two processes may do it at once."""
        if not self.settings.seed:
            return
        now = utc_now()
        rows = [
            {
                "id": str(UUID(str(one["id"]))),
                "service": self.service,
                "tenant_id": tenant_id,
                "venue_id": one.get("venueId"),
                "status": one.get("status", NEW),
                "data": {
                    name: value for name, value in one.items() if name not in ("id", "venueId", "status")
                },
                "created_by": "seed",
                "created_at": now,
                "updated_at": now,
            }
            for one in self.settings.seed
        ]
        async with self._database.writing() as connection:
            await connection.execute(upsert_into(connection, objects).values(rows).on_conflict_do_nothing())

    def _visible(self, told: Told) -> Select[Any]:
        matching = select(objects).where(
            objects.c.service == self.service, objects.c.tenant_id == told.tenant_id
        )
        return matching if told.venue_id is None else matching.where(objects.c.venue_id == told.venue_id)

    async def _found(self, connection: AsyncConnection, told: Told, object_id: str) -> Row[Any]:
        found = await connection.execute(self._visible(told).where(objects.c.id == object_id))
        row: Row[Any] | None = found.one_or_none()
        if row is None:
            raise NotFoundError(self._kind)
        return row

    async def listed(self, told: Told, query: ObjectQuery) -> dict[str, Any]:
        """One page, and for whom it was made."""
        matching = self._visible(told)
        if query.status is not None:
            matching = matching.where(objects.c.status == query.status)
        async with self._database.reading() as connection:
            page = await answer_list(
                connection, matching, query, sortable=_SORTABLE, tie_break=objects.c.id, show=shown
            )
        return {**page, "service": self.service, "for": told.shown()}

    async def made(self, told: Told, members: dict[str, Any], status: str = NEW) -> dict[str, Any]:
        """A new object, of the venue that was checked if one was."""
        now = utc_now()
        venue_id = told.venue_id or members.pop("venueId", None)
        data = {name: value for name, value in members.items() if name != "venueId"}
        async with self._database.writing() as connection:
            stored = await connection.execute(
                insert(objects)
                .values(
                    id=str(uuid4()),
                    service=self.service,
                    tenant_id=told.tenant_id,
                    venue_id=venue_id,
                    status=status,
                    data=data,
                    created_by=told.user_id,
                    created_at=now,
                    updated_at=now,
                )
                .returning(objects)
            )
            return shown(stored.one())

    async def read(self, told: Told, object_id: str) -> dict[str, Any]:
        """One object, or 404."""
        async with self._database.reading() as connection:
            return shown(await self._found(connection, told, object_id))

    async def changed(self, told: Told, object_id: str, members: dict[str, Any]) -> dict[str, Any]:
        """The object with these members; its venue stays."""
        members.pop("venueId", None)
        async with self._database.writing() as connection:
            row = await self._found(connection, told, object_id)
            stored = await connection.execute(
                update(objects)
                .where(objects.c.id == row.id)
                .values(data={**row.data, **members}, updated_at=utc_now())
                .returning(objects)
            )
            return shown(stored.one())

    async def remove(self, told: Told, object_id: str) -> None:
        """Delete it, or 404."""
        async with self._database.writing() as connection:
            row = await self._found(connection, told, object_id)
            await connection.execute(delete(objects).where(objects.c.id == row.id))
