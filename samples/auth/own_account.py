"""The caller's own account. A new e-mail address or password asks for the present password: a stolen
token alone does not take an account over."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints
from sqlalchemy import Row, select, update
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response

from samples.auth import one_time
from samples.auth.accounts import shown_account
from samples.auth.opening import auth_of
from samples.auth.schema import accounts
from samples.auth.sign_in import GivenPassword, NewPassword
from samples.platform.answers import Json, nothing
from samples.platform.clock import utc_now
from samples.platform.errors import ConflictError, FieldFailure, InvalidError, UnauthenticatedError
from samples.platform.fields import Body, Change, Email, Text, read_body
from samples.platform.identity import BAD_TOKEN
from samples.platform.service import caller_of, database_of, routed


class OwnChange(Change):
    """`PUT /auth/me`: the sent fields change; `email` only together with `currentPassword`."""

    name: Annotated[Text, StringConstraints(max_length=200)] = ""
    email: Email = ""
    current_password: GivenPassword = ""


class PasswordChange(Body):
    """`POST /auth/change-password`."""

    current_password: GivenPassword
    new_password: NewPassword


async def _own_account(request: Request) -> Row[Any]:
    """The account of the caller; 401 when the token outlived it."""
    caller = caller_of(request)
    async with database_of(request).reading() as connection:
        found = await connection.execute(
            select(accounts).where(accounts.c.id == caller.user_id, accounts.c.tenant_id == caller.tenant_id)
        )
    account: Row[Any] | None = found.one_or_none()
    if account is None:
        raise UnauthenticatedError(BAD_TOKEN)
    return account


async def _check_password(request: Request, account: Row[Any], given: str) -> None:
    if not await auth_of(request).passwords.matches(account.password_hash, given):
        raise InvalidError([FieldFailure("currentPassword", "wrong_password", "is not the present one")])


async def get_me(request: Request) -> Response:
    """`GET /auth/me`."""
    return Json(shown_account(await _own_account(request)))


async def change_me(request: Request) -> Response:
    """`PUT /auth/me`. A new address has to be confirmed again."""
    account = await _own_account(request)
    sent = (await read_body(request, OwnChange)).sent()
    given = sent.pop("current_password", None)
    changes = {name: value for name, value in sent.items() if getattr(account, name) != value}
    if not changes:
        return Json(shown_account(account))
    if "email" in changes:
        if not isinstance(given, str):
            raise InvalidError([FieldFailure("currentPassword", "missing", "is needed for a new address")])
        await _check_password(request, account, given)
        changes["email_verified_at"] = None
    auth, token = auth_of(request), None
    async with database_of(request).writing() as connection:
        try:
            stored = await connection.execute(
                update(accounts)
                .where(accounts.c.id == account.id, accounts.c.password_hash == account.password_hash)
                .values(**changes, updated_at=utc_now())
                .returning(accounts)
            )
        except IntegrityError:
            raise ConflictError("There is an account with this e-mail address already") from None
        changed = stored.one_or_none()
        if changed is None:
            raise _meanwhile()
        if "email" in changes:
            token = await one_time.issue(connection, changed, "verify")
    delivered = {}
    if token is not None:
        delivered = await auth.deliver(
            token, "verificationToken", to=changed.email, subject="Confirm your e-mail address"
        )
    return Json({**shown_account(changed), **delivered})


async def change_password(request: Request) -> Response:
    """`POST /auth/change-password`: 204."""
    account = await _own_account(request)
    given = await read_body(request, PasswordChange)
    await _check_password(request, account, given.current_password)
    hashed = await auth_of(request).passwords.hash(given.new_password)
    async with database_of(request).writing() as connection:
        stored = await connection.execute(
            update(accounts)
            .where(accounts.c.id == account.id, accounts.c.password_hash == account.password_hash)
            .values(password_hash=hashed, updated_at=utc_now())
            .returning(accounts.c.id)
        )
        if stored.one_or_none() is None:
            raise _meanwhile()
        await one_time.forget_all(connection, account.id, "reset")
    return nothing()


def _meanwhile() -> ConflictError:
    return ConflictError("The password was changed meanwhile")


routes = [
    routed("/auth/me", GET=get_me, PUT=change_me),
    routed("/auth/change-password", POST=change_password),
]
