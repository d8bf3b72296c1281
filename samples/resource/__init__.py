"""One small process that stands for many services: each is described by a variable (`settings`), keeps objects in a
collection of its own, and can be slow or broken on its own. Below `/<service>`:

    GET|POST /api/v1/<collection>                 a page of the tenant's objects; a new one
    GET|PUT|DELETE /api/v1/<collection>/{id}
    GET /api/v1/<collection>/{id}/<member>        one member of an object
    POST /api/v1/<collection>/<action>            an action that makes an object: purchase, process, mint
    any /api/v1/<raw>/...                         the digest of the body, byte for byte as it came
    GET /health, /metrics                         also below /api/v1/<collection>; open to all
    GET|PUT /behaviour                            latency and failures, for drills; no gateway route leads here

Who calls is what the gateway says (`samples.platform.told`). A gateway reaches the service `event` at
`http://host:port/event`, or beside itself at `asgi://samples.resource:app/event`.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samples.platform.answers import Json, created, nothing
from samples.platform.clock import utc_now
from samples.platform.database import open_database
from samples.platform.errors import EXCEPTION_HANDLERS, InvalidError, NotFoundError
from samples.platform.fields import path_id, read_bytes
from samples.platform.listing import read_query
from samples.platform.service import PREFIX, PlainStart, routed
from samples.platform.told import told_of
from samples.resource.conduct import Conduct
from samples.resource.objects import ObjectQuery, Objects, read_object
from samples.resource.schema import metadata
from samples.resource.settings import Behaviour, read_resource_settings

NAME = "resource"


class Place:
    """One of the services: its objects and its conduct."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.conduct = Conduct(objects.settings)
        self.since = time.monotonic()


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings = read_resource_settings(NAME, os.environ)
    database = await open_database(settings.database_url, metadata)
    try:
        app.state.places = {
            name: Place(Objects(name, service, database)) for name, service in settings.services.items()
        }
        for place in app.state.places.values():
            await place.objects.sow(settings.tenant_id)
        yield
    finally:
        await database.close()


def _place(request: Request) -> Place:
    """The service that the path names; with a collection, one that it has."""
    place: Place | None = request.app.state.places.get(request.path_params["service"])
    if place is None:
        raise NotFoundError("Service")
    collection = request.path_params.get("collection")
    if collection is not None and collection not in place.objects.settings.serves:
        raise NotFoundError("Resource")
    return place


async def _working(request: Request) -> Objects:
    place = _place(request)
    await place.conduct.act()
    return place.objects


async def _list(request: Request) -> Response:
    objects = await _working(request)
    return Json(await objects.listed(told_of(request), read_query(request, ObjectQuery)))


async def _create(request: Request) -> Response:
    objects = await _working(request)
    told = told_of(request)
    made = await objects.made(told, await read_object(request, objects.settings, whole=True))
    return created(made, f"{PREFIX}/{request.path_params['collection']}/{made['id']}")


async def _read(request: Request) -> Response:
    objects = await _working(request)
    return Json(await objects.read(told_of(request), path_id(request, "Resource")))


async def _member(request: Request) -> Response:
    objects = await _working(request)
    found = await objects.read(told_of(request), path_id(request, "Resource"))
    name = request.path_params["member"]
    if name not in found:
        raise NotFoundError(name.capitalize())
    return Json({"id": found["id"], name: found[name]})


async def _change(request: Request) -> Response:
    objects = await _working(request)
    told = told_of(request)
    members = await read_object(request, objects.settings, whole=False)
    return Json(await objects.changed(told, path_id(request, "Resource"), members))


async def _delete(request: Request) -> Response:
    objects = await _working(request)
    await objects.remove(told_of(request), path_id(request, "Resource"))
    return nothing()


async def _act(request: Request) -> Response:
    """`POST /<collection>/<action>`."""
    objects = await _working(request)
    told = told_of(request)
    status = objects.settings.actions.get(request.path_params["id"])
    if status is None:
        raise NotFoundError("Action")
    return Json(
        await objects.made(told, await read_object(request, objects.settings, whole=False), status),
        HTTPStatus.CREATED,
    )


async def _raw(request: Request) -> Response:
    place = _place(request)
    await place.conduct.act()
    body = await read_bytes(request)
    fields = request.headers
    told = {
        "bytes": len(body),
        "sha256": sha256(body).hexdigest(),
        "contentType": fields.get("content-type"),
        "signature": fields.get("stripe-signature"),
    }
    return Json({"received": told, "service": place.objects.service, "path": request.url.path})


async def _health(request: Request) -> Response:
    place = _place(request)
    well = place.conduct.well()
    body: dict[str, Any] = {
        "status": "healthy" if well else "unhealthy",
        "service": place.objects.service,
        "uptime": round(time.monotonic() - place.since, 3),
        "timestamp": utc_now(),
    }
    return Json(body, HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)


async def _metrics(request: Request) -> Response:
    place = _place(request)
    return PlainTextResponse(place.conduct.metrics(place.objects.service))


async def _behaviour(request: Request) -> Response:
    place = _place(request)
    if request.method == "PUT":
        try:
            place.conduct.change(Behaviour.model_validate_json(await read_bytes(request)))
        except ValidationError as problem:
            raise InvalidError.of(problem) from None
    return Json(place.conduct.now.model_dump(include=set(Behaviour.model_fields)))


class Counted:
    """Counts what each service answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = scope["path"].split("/", 2)[1]

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                place = scope["app"].state.places.get(name)
                if place is not None:
                    place.conduct.answered[scope["method"], message["status"]] += 1
            await send(message)

        await self._app(scope, receive, counting)


class RawRoute(Route):
    """Matches only below what the service takes as it is; what it does not, is a collection's."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, more = super().matches(scope)
        if match is not Match.NONE:
            named = more["path_params"]
            place = scope["app"].state.places.get(named["service"])
            whole = f"{named['raw']}/{named['rest']}"
            if place is None or not any(whole.startswith(f"{raw}/") for raw in place.objects.settings.raw):
                return Match.NONE, {}
        return match, more


_COLLECTION = f"/{{service}}{PREFIX}/{{collection}}"

app = Starlette(
    routes=[
        Route("/{service}/health", _health),
        Route("/{service}/metrics", _metrics),
        Route("/{service}/behaviour", _behaviour, methods=["GET", "PUT"]),
        RawRoute(
            f"/{{service}}{PREFIX}/{{raw}}/{{rest:path}}",
            _raw,
            methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        ),
        Route(f"{_COLLECTION}/health", _health),
        Route(f"{_COLLECTION}/metrics", _metrics),
        routed(_COLLECTION, GET=_list, POST=_create),
        routed(f"{_COLLECTION}/{{id}}", GET=_read, PUT=_change, DELETE=_delete, POST=_act),
        Route(f"{_COLLECTION}/{{id}}/{{member}}", _member),
    ],
    exception_handlers=EXCEPTION_HANDLERS,
    lifespan=_lifespan,
    middleware=[Middleware(PlainStart), Middleware(Counted)],
)
app.router.redirect_slashes = False
