"""What the gateway asks about a user: `GET /users/{id}`, with `X-Gateway-Internal: true` and the token's tenant."""

from __future__ import annotations

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from samples.auth.schema import account_details, accounts
from samples.platform.answers import Json
from samples.platform.errors import NotFoundError
from samples.platform.service import database_of, routed
from samples.platform.told import internal_tenant


async def get_user(request: Request) -> Response:
    """200 with the user; 404 when the tenant has no such user (any more)."""
    tenant = internal_tenant(request)
    async with database_of(request).reading() as connection:
        found = await connection.execute(
            select(accounts, account_details.c.venue_id, account_details.c.permissions)
            .outerjoin(account_details, account_details.c.account_id == accounts.c.id)
            .where(accounts.c.id == request.path_params["id"], accounts.c.tenant_id == tenant)
        )
    user = found.one_or_none()
    if user is None:
        raise NotFoundError("User")
    return Json(
        {
            "id": user.id,
            "email": user.email,
            "role": user.role,
            "tenant_id": user.tenant_id,
            "permissions": user.permissions or [],
            "venueId": user.venue_id,
            "metadata": {"name": user.name, "emailVerified": user.email_verified_at is not None},
        }
    )


routes = [routed("/users/{id}", GET=get_user)]
