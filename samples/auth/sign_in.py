"""Registering, logging in and out. Nobody chooses their own role or tenant: a new account has the role and
the tenant of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints
from sqlalchemy import update
from starlette.requests import Request
from starlette.responses import Response

from samples.auth import one_time
from samples.auth.accounts import account_of_email, add_account
from samples.auth.opening import auth_of
from samples.auth.schema import accounts
from samples.auth.settings import MAX_PASSWORD, MIN_PASSWORD
from samples.platform.answers import Json, created, nothing
from samples.platform.errors import UnauthenticatedError
from samples.platform.fields import Body, Email, Text, read_body
from samples.platform.service import caller_of, database_of, routed

NewPassword = Annotated[str, StringConstraints(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)]
GivenPassword = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PASSWORD)]
"""A password to check: any that could have been set, under whatever rule."""


class Registration(Body):
    """`POST /auth/register`."""

    email: Email
    password: NewPassword
    name: Annotated[Text, StringConstraints(max_length=200)] = ""


class Login(Body):
    """`POST /auth/login`."""

    email: Email
    password: GivenPassword


async def register(request: Request) -> Response:
    """`POST /auth/register`: 201 with a token; 409 when the address is taken."""
    wanted = await read_body(request, Registration)
    auth = auth_of(request)
    hashed = await auth.passwords.hash(wanted.password)
    async with database_of(request).writing() as connection:
        account = await add_account(
            connection,
            tenant_id=auth.settings.tenant_id,
            email=wanted.email,
            name=wanted.name,
            role=auth.settings.role,
            password_hash=hashed,
        )
        token = await one_time.issue(connection, account, "verify")
    delivered = await auth.deliver(
        token, "verificationToken", to=account.email, subject="Confirm your e-mail address"
    )
    return created({**auth.signed_in(account), **delivered}, "/api/v1/auth/me")


async def login(request: Request) -> Response:
    """`POST /auth/login`: a token, or 401 that does not say what was wrong."""
    given = await read_body(request, Login)
    auth, database = auth_of(request), database_of(request)
    account = await account_of_email(database, given.email)
    right = await auth.passwords.matches(account.password_hash if account else None, given.password)
    if account is None or not right:
        raise UnauthenticatedError("Invalid e-mail address or password")
    if auth.passwords.is_outdated(account.password_hash):
        hashed = await auth.passwords.hash(given.password)
        async with database.writing() as connection:
            await connection.execute(
                update(accounts)
                .where(accounts.c.id == account.id, accounts.c.password_hash == account.password_hash)
                .values(password_hash=hashed)
            )
    return Json(auth.signed_in(account))


async def logout(request: Request) -> Response:
    """`POST /auth/logout`: 204. What this means for the token is decided by who can revoke it."""
    caller_of(request)
    return nothing()


routes = [
    routed("/auth/register", POST=register),
    routed("/auth/login", POST=login),
    routed("/auth/logout", POST=logout),
]
