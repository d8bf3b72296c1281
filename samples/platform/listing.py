"""Lists: `page, limit, sortBy, sortOrder` and filters in, `{data, page, limit, total}` out.

Every wrong parameter of a query is named at once with 422. The order is total: rows that are equal by the
chosen column are ordered by the tie-break, so that no row is on two pages or on none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from sqlalchemy import Column, ColumnElement, Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from samples.platform.errors import InvalidError

MAX_LIMIT = 100
MAX_PAGE = 1_000_000


class ListQuery(BaseModel):
    """What every list understands; a subclass adds `sort_by` and its filters."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=False)

    page: int = Field(1, ge=1, le=MAX_PAGE)
    limit: int = Field(20, ge=1, le=MAX_LIMIT)
    sort_order: Literal["asc", "desc"] = "desc"
    sort_by: str = "createdAt"


QueryT = TypeVar("QueryT", bound=ListQuery)
T = TypeVar("T")


def _split(written: object) -> object:
    return tuple(part.strip() for part in written.split(",")) if isinstance(written, str) else written


AnyOf = Annotated[tuple[T, ...], BeforeValidator(_split), Field(max_length=20)]
"""A filter that takes one value or several: `status=open,waiting` or `status=open&status=waiting`."""


def read_query(request: Request, model: type[QueryT]) -> QueryT:
    """The query as `model`, or 422 with every wrong parameter. A parameter sent twice is a list."""
    params = request.query_params
    try:
        return model.model_validate({name: ",".join(params.getlist(name)) for name in params})
    except ValidationError as problem:
        raise InvalidError.of(problem) from None


async def answer_list(
    connection: AsyncConnection,
    matching: Select[Any],
    query: ListQuery,
    *,
    sortable: Mapping[str, ColumnElement[Any]],
    tie_break: ColumnElement[Any],
    show: Callable[[Row[Any]], dict[str, Any]],
) -> dict[str, Any]:
    """One page of the rows that match, and how many there are in all."""
    total = await connection.scalar(select(func.count()).select_from(matching.order_by(None).subquery()))
    by = sortable[query.sort_by]
    order = by.asc() if query.sort_order == "asc" else by.desc()
    if isinstance(by, Column) and by.nullable:
        # The databases disagree on where NULL belongs; here it is always at the end. Only where it can be
        # there at all: otherwise an index could not give the order any more.
        order = order.nulls_last()
    last = tie_break.asc() if query.sort_order == "asc" else tie_break.desc()
    page = matching.order_by(order, last).limit(query.limit).offset((query.page - 1) * query.limit)
    rows = await connection.execute(page)
    return {"data": [show(row) for row in rows], "page": query.page, "limit": query.limit, "total": total}
