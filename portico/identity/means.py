"""What a proof may be built with: the store, calls to services, work in the background, and what survives a reload."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from portico.exchange.call import Call
from portico.stores.interface import Store

T = TypeVar("T")


class Means(Protocol):
    """One identity block's means. A compilation that serves nobody has the same, and never begins anything."""

    @property
    def store(self) -> Store:
        """What is shared with other workers."""

    def call(self, service: str) -> Call:
        """Calls to a service by its name, or by the origin of its URL (`https://idp.example`)."""

    def background(self, key: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run this while the configuration is live; one for each key, begun again when it fails."""

    def live(self, key: str, build: Callable[[], T]) -> T:
        """One object that survives reloads: caches, key sets, counts."""

    def problem(self, reason: str, *path: str | int) -> None:
        """Report a mistake in the block's settings; `path` leads into them."""
