"""A small ASGI service for load generators: a hundred bytes for everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]

_BODY = b"x" * 100
_FIELDS = [(b"content-type", b"text/plain"), (b"content-length", b"100")]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """200, when the request's body has been read."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        continue
    await send({"type": "http.response.start", "status": 200, "headers": _FIELDS})
    await send({"type": "http.response.body", "body": _BODY})
