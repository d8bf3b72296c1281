"""Every refusal of a service, and the platform's form for it: `{"error": {"message", "statusCode"}}`.

A 422 also names each failing field, in the message and as `details`. What a crash looked like goes to the
log and never to the caller. Errors are not for caches (RFC 9111 §5.2.2.5).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from samples.platform.answers import Json

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FieldFailure:
    """One field of a body or query that breaks one rule."""

    field: str
    rule: str
    message: str


class ApiError(Exception):
    """A request that is refused: a status and a text for the caller."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    headers: Mapping[str, str] = {}

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def details(self) -> dict[str, Any] | None:
        """What the caller can use beside the text."""
        return None


class MalformedError(ApiError):
    """400: the body is no JSON at all, or broke off."""

    status = HTTPStatus.BAD_REQUEST


class TooLargeError(ApiError):
    """413: the body is larger than any that makes sense here. The rest of it is not read."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    headers: Mapping[str, str] = {"Connection": "close"}


class UnauthenticatedError(ApiError):
    """401: nobody is known to be calling. RFC 9110 §15.5.2 asks for the challenge."""

    status = HTTPStatus.UNAUTHORIZED
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class ForbiddenError(ApiError):
    """403: the caller is known, sees the object, and may not do this to it."""

    status = HTTPStatus.FORBIDDEN


class NotFoundError(ApiError):
    """404: there is no such object for this caller; another tenant's object looks exactly like none."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind} not found")


class ConflictError(ApiError):
    """409: the object's present state does not allow this."""

    status = HTTPStatus.CONFLICT


class UnavailableError(ApiError):
    """503: not now; try again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers: Mapping[str, str] = {"Retry-After": "1"}


class InvalidError(ApiError):
    """422: at least one field is wrong; every failing one is named."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, failures: Sequence[FieldFailure]) -> None:
        named = "; ".join(f"{failure.field}: {failure.message}" for failure in failures)
        super().__init__(f"Request validation failed: {named}")
        self.failures = failures

    @classmethod
    def of(cls, problem: ValidationError) -> InvalidError:
        """Every failure that pydantic found, by the name that the caller wrote."""
        return cls(
            [
                FieldFailure(
                    field=".".join(str(step) for step in found["loc"]) or "body",
                    rule=found["type"],
                    message=found["msg"],
                )
                for found in problem.errors(include_url=False, include_context=False, include_input=False)
            ]
        )

    def details(self) -> dict[str, Any]:
        first = self.failures[0]
        return {
            "field": first.field,
            "message": first.message,
            "errors": [
                {"field": failure.field, "rule": failure.rule, "message": failure.message}
                for failure in self.failures
            ],
        }


def answer_error(
    status: int,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Response:
    """An error in the platform's form."""
    error: dict[str, Any] = {"message": message, "statusCode": int(status)}
    if details is not None:
        error["details"] = details
    return Json({"error": error}, int(status), {**(headers or {}), "Cache-Control": "no-store"})


async def _refused(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ApiError)
    return answer_error(problem.status, problem.message, headers=problem.headers, details=problem.details())


async def _unrouted(_request: Request, problem: Exception) -> Response:
    """What the framework refuses by itself: unknown paths and wrong methods."""
    assert isinstance(problem, HTTPException)
    return answer_error(problem.status_code, problem.detail, headers=problem.headers)


async def _crashed(request: Request, problem: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=problem)
    return answer_error(HTTPStatus.INTERNAL_SERVER_ERROR, "An unexpected error occurred")


EXCEPTION_HANDLERS: dict[Any, ExceptionHandler] = {
    ApiError: _refused,
    HTTPException: _unrouted,
    Exception: _crashed,
}
"""One way from an exception to the platform's form."""
