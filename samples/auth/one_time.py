"""Tokens that prove an e-mail address: made at random, kept as SHA-256 digests, expiring, used once.

A digest without salt is enough here: the token itself has 256 random bits. A token counts for the address
that it was sent to; when the account has another one by now, it is worth nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from samples.auth.schema import accounts, one_time_tokens
from samples.platform.clock import utc_now
from samples.platform.errors import FieldFailure, InvalidError

Purpose = Literal["reset", "verify"]

LIFE: dict[Purpose, timedelta] = {"reset": timedelta(hours=1), "verify": timedelta(hours=24)}


async def issue(connection: AsyncConnection, account: Row[Any], purpose: Purpose) -> str:
    """A fresh token of the account. Its expired ones are swept on the way."""
    now = utc_now()
    token = secrets.token_urlsafe(32)
    await connection.execute(
        delete(one_time_tokens).where(
            one_time_tokens.c.account_id == account.id, one_time_tokens.c.expires_at <= now
        )
    )
    await connection.execute(
        insert(one_time_tokens).values(
            digest=_digest(token),
            account_id=account.id,
            purpose=purpose,
            email=account.email,
            expires_at=now + LIFE[purpose],
        )
    )
    return token


async def spend(connection: AsyncConnection, token: str, purpose: Purpose) -> Row[Any]:
    """The account of the token, which is gone afterwards; 422 for a token that is worth nothing.

    Deleting is the check: of two requests with one token, one finds nothing left to delete.
    """
    spent = await connection.execute(
        delete(one_time_tokens)
        .where(
            one_time_tokens.c.digest == _digest(token),
            one_time_tokens.c.purpose == purpose,
            one_time_tokens.c.expires_at > utc_now(),
        )
        .returning(one_time_tokens.c.account_id, one_time_tokens.c.email)
    )
    proof = spent.one_or_none()
    if proof is None:
        raise _worthless()
    found = await connection.execute(
        select(accounts).where(accounts.c.id == proof.account_id, accounts.c.email == proof.email)
    )
    account: Row[Any] | None = found.one_or_none()
    if account is None:
        raise _worthless()
    return account


async def forget_all(connection: AsyncConnection, account_id: str, purpose: Purpose) -> None:
    """Takes back every token of this purpose that the account still has."""
    await connection.execute(
        delete(one_time_tokens).where(
            one_time_tokens.c.account_id == account_id, one_time_tokens.c.purpose == purpose
        )
    )


def _worthless() -> InvalidError:
    return InvalidError([FieldFailure("token", "token_worthless", "is unknown, used or expired")])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
