"""What the auth service has open beside its database, and how it opens it when it starts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from starlette.applications import Starlette
from starlette.requests import Request

from samples.auth.access_tokens import AccessTokens
from samples.auth.accounts import put_demo_account, shown_account
from samples.auth.outbox import Outbox
from samples.auth.passwords import Passwords
from samples.auth.settings import AuthSettings, read_auth_settings
from samples.platform.service import Running


@dataclass(frozen=True, slots=True)
class Auth:
    """The open parts of the auth service."""

    settings: AuthSettings
    passwords: Passwords
    tokens: AccessTokens
    outbox: Outbox | None

    def signed_in(self, account: Row[Any]) -> dict[str, Any]:
        """What somebody gets who has proven who they are."""
        return {
            "accessToken": self.tokens.token_for(account),
            "tokenType": "Bearer",
            "expiresIn": self.tokens.life_s,
            "user": shown_account(account),
        }

    async def deliver(self, token: str, field: str, *, to: str, subject: str) -> dict[str, str]:
        """Sends a one-time token to its address. In development it is returned instead, as `field`."""
        if self.outbox is None:
            return {field: token}
        await self.outbox.put(to, subject, f"{subject}. Your code:\n\n{token}\n")
        return {}


@asynccontextmanager
async def open_auth(app: Starlette, running: Running, environ: Mapping[str, str]) -> AsyncIterator[None]:
    """Opens everything, and makes the demo account."""
    settings = read_auth_settings(environ)
    outbox = None if settings.outbox is None else Outbox(settings.outbox)
    passwords = Passwords()
    try:
        if settings.demo is not None:
            hashed = await passwords.hash(settings.demo.password)
            await put_demo_account(running.database, settings.demo, settings.tenant_id, hashed)
        tokens = AccessTokens(running.settings.jwt_secret, running.settings.jwt_issuer, settings.token_life_s)
        app.state.auth = Auth(settings, passwords, tokens, outbox)
        yield
    finally:
        passwords.close()


def auth_of(request: Request) -> Auth:
    auth: Auth = request.app.state.auth
    return auth
