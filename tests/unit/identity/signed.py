"""Requests that were signed, for the tests of those who verify: an exchange, a store in memory, and nothing else."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from portico.exchange.call import Call
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.exchange.request import Request
from portico.identity.proofs import Proof
from portico.rules import Limits
from portico.stores.interface import Store, StoreAwayError
from portico.stores.memory import MemoryStore

T = TypeVar("T")
NOW = 1_618_884_480.0  # a few seconds behind the RFC's own signatures


class Away(MemoryStore):
    """A store that cannot be asked."""

    async def once(self, key: bytes, until: float) -> bool:
        raise StoreAwayError("away")


class TestMeans:
    """The means of a block in a test. `problems` are what the block reports, as `path: reason`."""

    __test__ = False

    def __init__(self, store: Store | None = None) -> None:
        self.store: Store = store or MemoryStore(Limits(1000), wall=lambda: NOW)
        self.problems: list[str] = []

    def call(self, service: str) -> Call:
        raise AssertionError(f"nothing here calls {service}")

    def background(self, key: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        raise AssertionError(f"nothing here runs {key}")

    def live(self, key: str, build: Callable[[], T]) -> T:
        return build()

    def problem(self, reason: str, *path: str | int) -> None:
        self.problems.append(f"{'.'.join(map(str, path))}: {reason}")


def asked(
    method: bytes = b"GET",
    target: bytes = b"/",
    body: bytes = b"",
    *fields: tuple[bytes, bytes],
    authority: bytes = b"example.com",
    scheme: bytes = b"https",
    trusted: bool = False,
) -> Exchange:
    """A request whose body is here, on a connection that `trusted` describes."""
    made = Request()
    made.method, made.target, made.scheme, made.authority = method, target, scheme, authority
    made.fields = [(b"host", authority), *fields]
    x = Exchange(cast(Any, SimpleNamespace(trusted=trusted)), made, 0.0)
    x.body = body
    return x


def verdict(proof: Proof, x: Exchange, wall: float = NOW) -> Identity | Failure | None:
    """What the proof says in the end."""
    found: Any = proof.prove(x, wall)
    if inspect.iscoroutine(found):
        found = asyncio.run(found)
    assert found is None or isinstance(found, Identity | Failure)
    return found


def reason(proof: Proof, x: Exchange, wall: float = NOW) -> str:
    """Why a request is refused, with what every such refusal has."""
    found = verdict(proof, x, wall)
    assert isinstance(found, Failure), found
    assert (found.code, found.status) == ("AUTHENTICATION_ERROR", 401)
    assert (b"www-authenticate", proof.challenge) in found.fields
    return found.detail.removeprefix(f"signature refused by {proof.name}: ")
