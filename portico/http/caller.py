"""Who waits for the reply on a channel, and what it is told.

Interim replies, then `on_reply` once and `on_data` as often as there is more, until one of them says `end`; instead of
that end, `on_broken` or `on_switch`. Whether the service takes the request's body is told by `on_full`, `on_drained`.
"""

from __future__ import annotations

from typing import Protocol

from portico.exchange.failure import Failure
from portico.exchange.fields import Field
from portico.exchange.reply import Reply


class Caller(Protocol):
    """`now` is the moment of the read. `silent`: no byte of a reply had come."""

    def on_reply(self, reply: Reply, data: bytes, end: bool, trailers: list[Field], now: float) -> None: ...
    def on_data(self, data: bytes, end: bool, trailers: list[Field], now: float) -> None: ...
    def on_interim(self, status: int, fields: list[Field]) -> None: ...
    def on_switch(self, reply: Reply, rest: bytes) -> None: ...
    def on_broken(self, failure: Failure, silent: bool) -> None: ...
    def on_full(self) -> None: ...
    def on_drained(self) -> None: ...
