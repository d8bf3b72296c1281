"""Exchanges as observers find them at their end."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.fields import Field
from portico.exchange.identity import Identity
from portico.exchange.reply import Reply
from portico.exchange.request import Request


@dataclass
class Label:
    """A route as observers know it."""

    name: str = "tickets"
    template: str = "/tickets/{id}"
    service: str = "tickets"


def exchange(
    target: bytes = b"/tickets/7",
    method: bytes = b"GET",
    status: int | None = 200,
    failed: Failure | None = None,
    identity: Identity | None = None,
    fields: list[Field] | None = None,
    reply_fields: list[Field] | None = None,
    client: bytes = b"10.0.0.1",
    request_id: bytes = b"req_1",
    seconds: float = 0.0,
) -> Exchange:
    """One that has ended after so many `seconds`."""
    request = Request()
    request.method = method
    request.target = target
    request.path, _, request.query = target.partition(b"?")
    request.fields = fields or []
    x = Exchange(None, request, monotonic())  # type: ignore[arg-type]  # observers ask nothing of a stream
    x.finished = x.now + seconds
    x.route = Label()
    x.client = client
    x.request_id = request_id
    x.reply = None if status is None else Reply(status, reply_fields)
    x.failure = failed
    x.identity = identity
    return x
