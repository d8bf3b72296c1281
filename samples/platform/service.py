"""Puts one service together: routes, errors, health, and what it opens when it starts.

The application reads its environment when its lifespan starts, not when it is imported, so that one
module serves alone, as a gateway's child, and in a test.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy import MetaData
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samples.platform.answers import Json
from samples.platform.clock import utc_now
from samples.platform.database import Database, open_database
from samples.platform.errors import EXCEPTION_HANDLERS
from samples.platform.identity import Caller, TokenCheck
from samples.platform.settings import Settings, SettingsError, read_settings

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Running:
    """What a started service has open."""

    settings: Settings
    database: Database
    tokens: TokenCheck
    since: float
    """When it started, on the monotonic clock, in seconds."""


Endpoint = Callable[[Request], Awaitable[Response]]
Opening = Callable[[Starlette, Running, Mapping[str, str]], AbstractAsyncContextManager[None]]


def build_service(
    name: str,
    *,
    tables: MetaData,
    routes: Sequence[Route],
    health_at: str,
    start: Opening | None = None,
    at_root: bool = False,
    internal: Sequence[Route] = (),
) -> Starlette:
    """The application of the service `name`.

    `routes` are relative to `/api/v1`. `GET /health` and, under the service's own prefix, `health_at` need
    no token. `start` opens what this service alone needs, and closes it. `at_root`: the routes are at the root as well,
    for a gateway that strips the prefix. `internal` are at the root, and no gateway forwards to them.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        settings = read_settings(name, os.environ)
        database = await open_database(settings.database_url, tables)
        try:
            tokens = TokenCheck(settings.jwt_secret, settings.jwt_issuer)
            running = Running(settings, database, tokens, time.monotonic())
            app.state.running = running
            async with start(app, running, os.environ) if start is not None else nullcontext():
                yield
        finally:
            await database.close()

    async def health(request: Request) -> Response:
        running = running_of(request)
        well = await running.database.answers()
        body = {
            "status": "healthy" if well else "unhealthy",
            "service": name,
            "uptime": round(time.monotonic() - running.since, 3),
            "timestamp": utc_now(),
        }
        return Json(body, HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)

    app = Starlette(
        routes=[
            Route("/health", health),
            Route(f"{PREFIX}{health_at}", health),
            *internal,
            Mount(PREFIX, Router(routes, redirect_slashes=False)),
            *(
                [Route(health_at, health), Mount("", Router(routes, redirect_slashes=False))]
                if at_root
                else []
            ),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
        middleware=[Middleware(PlainStart)],
    )
    # A redirect would be built from the Host field, which behind a gateway is not the client's.
    app.router.redirect_slashes = False
    return app


def running_of(request: Request) -> Running:
    running: Running = request.app.state.running
    return running


def database_of(request: Request) -> Database:
    return running_of(request).database


def caller_of(request: Request) -> Caller:
    """Who is calling; refuses with 401. Every endpoint that is not public asks this first."""
    return running_of(request).tokens.caller(request.headers.get("authorization"))


class PlainStart:
    """Makes a start that fails by its settings one clear line in the server's log, not a stack trace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failed: list[Message] = []

        async def hold_failure(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                failed.append(message)
            else:
                await send(message)

        try:
            await self._app(scope, receive, hold_failure)
        except SettingsError as problem:
            await send({"type": "lifespan.startup.failed", "message": str(problem)})
            raise
        except BaseException:
            for message in failed:
                await send(message)
            raise


def routed(path: str, **methods: Endpoint) -> Route:
    """One path with its methods: `routed("/tickets", GET=list_tickets, POST=create_ticket)`. Any other
    method is a 405 whose `Allow` names them all."""

    async def by_method(request: Request) -> Response:
        return await methods["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, by_method, methods=list(methods))
