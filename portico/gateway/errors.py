"""How the gateway says that something failed: problem details (RFC 9457), or the platform's own form.

A client that asks for `application/problem+json` always gets that (requirements 11.1). Nothing internal is ever in
a body: the failure's `detail` is for the log. Every error forbids caching (11.3).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from portico.config.models.gateway import ErrorSettings
from portico.exchange import failure as failures
from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.fields import Field
from portico.exchange.reply import Reply

from .template import Template, compile_template

PLACEHOLDERS = frozenset(
    {"status", "code", "title", "message", "request_id", "timestamp", "details", "instance", "method"}
)
PROBLEM = b"application/problem+json"

# Every code that the gateway itself has a text for; stages name theirs in `Stage.codes`.
CODES = frozenset(one.code for one in vars(failures).values() if isinstance(one, Failure))


def timestamp(wall_s: float) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-11-22T06:00:00.000Z."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ErrorForm:
    """Renders failures. Raises TemplateError for a template that names what there is not."""

    __slots__ = ("_clock", "_content_type", "_template", "_texts")

    def __init__(self, settings: ErrorSettings, clock: Clock) -> None:
        self._clock = clock
        self._texts = dict(settings.texts)
        self._template: Template | None = None
        if settings.body is not None:
            self._template = compile_template(settings.body, PLACEHOLDERS)
        self._content_type = settings.content_type.encode()

    def render(self, x: Exchange, failure: Failure) -> Reply:
        """The reply for a failure."""
        text = self._texts.get(failure.code, failure.text)
        template = self._template
        if template is not None and _wants_problem(x):
            template = None
        if template is None:
            body: Any = {
                "type": f"urn:portico:error:{failure.code.lower()}",
                "title": failure.title,
                "status": failure.status,
                "detail": text,
                "instance": x.request_id.decode("latin-1"),
                "code": failure.code,
            }
            if failure.details is not None:
                body["errors"] = failure.details
            content_type = PROBLEM
        else:
            body = template(
                {
                    "status": failure.status,
                    "code": failure.code,
                    "title": failure.title,
                    "message": text,
                    "request_id": x.request_id.decode("latin-1"),
                    "timestamp": timestamp(self._clock.wall(x.now)),
                    "details": failure.details,
                    "instance": x.request.path.decode("latin-1"),
                    "method": x.request.method.decode("latin-1"),
                }
            )
            content_type = self._content_type
        fields: list[Field] = [
            (b"content-type", content_type),
            (b"cache-control", b"no-store"),
            *failure.fields,
        ]
        return Reply(failure.status, fields, orjson.dumps(body), failure=failure)


def _wants_problem(x: Exchange) -> bool:
    """Whether the client names problem details in Accept; `*/*` asks for nothing in particular."""
    accept = x.request.header(b"accept")
    return accept is not None and PROBLEM in accept.lower()
