"""JSON answers. Instants are RFC 3339 in UTC with a `Z`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.background import BackgroundTask
from starlette.responses import Response


class Json(Response):
    """An answer with a JSON body."""

    def __init__(
        self,
        content: Any,
        status_code: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
        super().__init__(body, status_code, headers, "application/json", background)


def created(content: Any, location: str) -> Json:
    """201 with the new object, and where it is from now on (RFC 9110 §15.3.2)."""
    return Json(content, HTTPStatus.CREATED, {"Location": location})


def nothing() -> Response:
    """204: done, and there is nothing to say."""
    return Response(status_code=HTTPStatus.NO_CONTENT)
