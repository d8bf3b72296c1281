"""Accounts in the database: found, made, shown; and the one for who tries the platform."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import Row, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from samples.auth.schema import account_details, accounts
from samples.auth.settings import Demo
from samples.platform.clock import utc_now
from samples.platform.database import Database, upsert_into
from samples.platform.errors import ConflictError
from samples.platform.settings import SettingsError

DEMO_USER_ID = "00000000-0000-4000-8000-000000000001"
"""The demo account's id never changes, so that a profile can make tokens for it."""


def shown_account(account: Row[Any]) -> dict[str, Any]:
    """An account as its owner sees it."""
    return {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "tenantId": account.tenant_id,
        "emailVerified": account.email_verified_at is not None,
        "createdAt": account.created_at,
        "updatedAt": account.updated_at,
    }


async def account_of_email(database: Database, email: str) -> Row[Any] | None:
    """The account with this address, if there is one."""
    async with database.reading() as connection:
        found = await connection.execute(select(accounts).where(accounts.c.email == email))
        row: Row[Any] | None = found.one_or_none()
    return row


async def add_account(
    connection: AsyncConnection,
    *,
    tenant_id: str,
    email: str,
    name: str,
    role: str,
    password_hash: str,
) -> Row[Any]:
    """The new account; `ConflictError` when the address is taken."""
    now = utc_now()
    try:
        inserted = await connection.execute(
            insert(accounts)
            .values(
                id=str(uuid4()),
                tenant_id=tenant_id,
                email=email,
                name=name,
                role=role,
                password_hash=password_hash,
                email_verified_at=None,
                created_at=now,
                updated_at=now,
            )
            .returning(accounts)
        )
    except IntegrityError:
        raise ConflictError("There is an account with this e-mail address already") from None
    row: Row[Any] = inserted.one()
    return row


async def put_demo_account(database: Database, demo: Demo, tenant_id: str, password_hash: str) -> None:
    """Makes the demo account what the environment says. Two processes may do it at once."""
    now = utc_now()
    wanted = {
        "tenant_id": tenant_id,
        "email": demo.email,
        "name": f"Demo {demo.role.title()}",
        "role": demo.role,
        "password_hash": password_hash,
        "email_verified_at": now,
        "updated_at": now,
    }
    async with database.writing() as connection:
        try:
            await connection.execute(
                upsert_into(connection, accounts)
                .values(id=DEMO_USER_ID, created_at=now, **wanted)
                .on_conflict_do_update(index_elements=[accounts.c.id], set_=wanted)
            )
        except IntegrityError:
            raise SettingsError(f"DEMO_USER is {demo.email}, which somebody else registered") from None
        if demo.venue_id is not None:
            given = {"venue_id": demo.venue_id, "permissions": []}
            await connection.execute(
                upsert_into(connection, account_details)
                .values(account_id=DEMO_USER_ID, **given)
                .on_conflict_do_update(index_elements=[account_details.c.account_id], set_=given)
            )
