"""A reply on its way to the client: from a service, or made by the gateway.

`body` is the whole body of a reply made here, and None while a service's body streams behind the head.
"""

from __future__ import annotations

from .failure import Failure
from .fields import Field, render

# Statuses whose replies have no body, whatever their fields say (RFC 9110 section 6.4.1).
BODILESS = frozenset({204, 304, *range(100, 200)})


class Constant:
    """Fields that every reply of a route carries, rendered once at load."""

    __slots__ = ("fields", "lines")

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        self.lines = render(fields)


NO_CONSTANT = Constant(())


class Reply:
    """Status, fields and body of one reply.

    `length` is the body's size in bytes when it is known before the body ends, else None. `failure` is set when
    the gateway made this reply because something failed. `constant` and `lines` (what the road says of every
    exchange, as HTTP/1.1 lines) are sent besides `fields`.
    `from_service` tells whose words the fields are.
    """

    __slots__ = (
        "body",
        "close_delimited",
        "constant",
        "dated",
        "failure",
        "fields",
        "from_service",
        "length",
        "lines",
        "options",
        "status",
    )

    def __init__(
        self,
        status: int,
        fields: list[Field] | None = None,
        body: bytes | None = None,
        *,
        failure: Failure | None = None,
    ) -> None:
        self.status = status
        self.fields: list[Field] = [] if fields is None else fields
        self.body = body
        self.length: int | None = None if body is None else len(body)
        self.failure = failure
        self.constant = NO_CONSTANT
        self.lines = b""
        self.from_service = False
        self.dated = False  # the service says when it made it
        self.options: tuple[bytes, ...] = ()  # the tokens of Connection: fields that end at this hop
        self.close_delimited = False  # the service's body ends where its connection does

    def header(self, name: bytes) -> bytes | None:
        """The first value of the field `name` (lower case), or None."""
        for field, value in self.fields:
            if field == name:
                return value
        return None

    def set(self, name: bytes, value: bytes) -> None:
        """Put one field in place of every field of that name."""
        self.fields = [field for field in self.fields if field[0] != name]
        self.fields.append((name, value))

    def __repr__(self) -> str:
        return f"<Reply {self.status} {'service' if self.from_service else 'gateway'}>"
