"""Reads the JSON body of a request into a model, and names every failing field when it does not fit.

Types are strict (`"30"` is no number) and unknown fields are refused: a mistyped or read-only field never
gets a friendly 200 that did nothing. Text is trimmed and holds no NUL, which PostgreSQL could not store.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from starlette.requests import ClientDisconnect, Request

from samples.platform.errors import InvalidError, MalformedError, NotFoundError, TooLargeError

MAX_BODY_BYTES = 1024 * 1024

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Body(BaseModel):
    """A request's body: camelCase on the wire, strict, nothing unknown."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=False
    )


class Change(Body):
    """A body of which only the sent fields count: the others stay as they are."""

    def sent(self) -> dict[str, object]:
        """The sent fields by column name."""
        return {name: getattr(self, name) for name in self.model_fields_set}


BodyT = TypeVar("BodyT", bound=Body)


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "must not contain the character NUL")
    return text


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("instant_range", "is too far away to be stored") from None


def _uuid(text: str) -> str:
    if _UUID.fullmatch(text.lower()) is None:
        raise PydanticCustomError("uuid_form", "must be a UUID")
    return text.lower()


def _email(text: str) -> str:
    if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text) is None:
        raise PydanticCustomError("email_form", "must be an e-mail address")
    return text.lower()


_NoNul = AfterValidator(_without_nul)

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), _NoNul]
"""A title or name."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000), _NoNul]
"""A description, which may be empty."""
FilledText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), _NoNul]
"""A text that must say something."""
UserId = Annotated[str, StringConstraints(min_length=1, max_length=255), _NoNul]
"""A user's id: opaque, as the token has it."""
ObjectId = Annotated[str, AfterValidator(_uuid)]
"""The UUID of an object, in lower case."""
Email = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=254), _NoNul, AfterValidator(_email)
]
"""An e-mail address, trimmed and in lower case."""
Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with an offset, kept in UTC."""


async def read_body(request: Request, model: type[BodyT]) -> BodyT:
    """The body as `model`; 400 when it is no JSON, 422 when it does not fit, 413 above the limit."""
    content = await read_bytes(request)
    try:
        return model.model_validate_json(content)
    except ValidationError as problem:
        if any(found["type"] == "json_invalid" for found in problem.errors(include_url=False)):
            raise MalformedError("The body is not valid JSON") from None
        raise InvalidError.of(problem) from None


async def read_bytes(request: Request) -> bytes:
    """The whole body; 413 above the limit."""
    content = bytearray()
    try:
        async for piece in request.stream():
            content += piece
            if len(content) > MAX_BODY_BYTES:
                raise TooLargeError(f"The body is larger than {MAX_BODY_BYTES} bytes")
    except ClientDisconnect:
        raise MalformedError("The request ended before its body did") from None
    return bytes(content)


def path_id(request: Request, kind: str, name: str = "id") -> str:
    """The UUID in the path. What is no UUID names no object, so it is a 404 like any other."""
    written: str = request.path_params[name].lower()
    if _UUID.fullmatch(written) is None:
        raise NotFoundError(kind)
    return written
