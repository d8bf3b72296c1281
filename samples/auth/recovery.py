"""A forgotten password, and the proof of an e-mail address."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints
from sqlalchemy import update
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from samples.auth import one_time
from samples.auth.accounts import account_of_email, shown_account
from samples.auth.opening import Auth, auth_of
from samples.auth.schema import accounts
from samples.auth.sign_in import NewPassword
from samples.platform.answers import Json, nothing
from samples.platform.clock import utc_now
from samples.platform.database import Database
from samples.platform.fields import Body, Email, read_body
from samples.platform.service import database_of, routed

OneTimeToken = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Forgotten(Body):
    """`POST /auth/forgot-password`."""

    email: Email


class Reset(Body):
    """`POST /auth/reset-password`."""

    token: OneTimeToken
    password: NewPassword


class Verification(Body):
    """`POST /auth/verify-email`."""

    token: OneTimeToken


async def forgot_password(request: Request) -> Response:
    """`POST /auth/forgot-password`: 202 for every address, and as fast for every address: the work is done
    after the answer. In development the answer waits for the token that it shows."""
    email = (await read_body(request, Forgotten)).email
    auth, database = auth_of(request), database_of(request)
    answer = {"message": "If there is an account with this address, a message is on its way to it"}
    if auth.outbox is None:
        return Json({**answer, **await _send_reset(auth, database, email)}, 202)
    return Json(answer, 202, background=BackgroundTask(_send_reset, auth, database, email))


async def _send_reset(auth: Auth, database: Database, email: str) -> dict[str, str]:
    account = await account_of_email(database, email)
    if account is None:
        return {}
    async with database.writing() as connection:
        token = await one_time.issue(connection, account, "reset")
    return await auth.deliver(token, "resetToken", to=account.email, subject="Set a new password")


async def reset_password(request: Request) -> Response:
    """`POST /auth/reset-password`: 204; every other reset token of the account is worth nothing then."""
    given = await read_body(request, Reset)
    hashed = await auth_of(request).passwords.hash(given.password)
    async with database_of(request).writing() as connection:
        account = await one_time.spend(connection, given.token, "reset")
        await one_time.forget_all(connection, account.id, "reset")
        await connection.execute(
            update(accounts)
            .where(accounts.c.id == account.id)
            .values(password_hash=hashed, updated_at=utc_now())
        )
    return nothing()


async def verify_email(request: Request) -> Response:
    """`POST /auth/verify-email`: the account, confirmed."""
    given = await read_body(request, Verification)
    async with database_of(request).writing() as connection:
        account = await one_time.spend(connection, given.token, "verify")
        now = utc_now()
        stored = await connection.execute(
            update(accounts)
            .where(accounts.c.id == account.id)
            .values(email_verified_at=now, updated_at=now)
            .returning(accounts)
        )
        verified = stored.one()
    return Json(shown_account(verified))


routes = [
    routed("/auth/forgot-password", POST=forgot_password),
    routed("/auth/reset-password", POST=reset_password),
    routed("/auth/verify-email", POST=verify_email),
]
