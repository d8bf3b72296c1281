"""The store of one worker: which it is, how it is watched, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from portico.config import ConfigurationError, Problem
from portico.config.models.gateway import GatewaySettings
from portico.observe.families import Metrics
from portico.rules import Limits
from portico.stores import Store, StoreAwayError
from portico.stores.guarded import Guarded
from portico.stores.memory import MemoryStore
from portico.stores.opening import NO_REDIS, Persistent, open_distant, open_in_process


def open_store(gateway: GatewaySettings, socket: str | None, limits: Limits, metrics: Metrics) -> Store:
    """`socket`: of the store process; empty for a worker that is alone and keeps facts in `gateway.data`, None for one
    that keeps them nowhere. Raises ConfigurationError for what can never be opened."""
    if gateway.store.url is None and not socket:
        if socket is None:
            return MemoryStore(limits)
        try:
            return open_in_process(limits, gateway.data)
        except StoreAwayError:
            return _guarded(Guarded(Persistent(limits, gateway.data), metrics.store))
    try:
        return _guarded(Guarded(open_distant(gateway.store, socket or ""), metrics.store))
    except ImportError as error:
        raise ConfigurationError([Problem("", 0, 0, "gateway.store", NO_REDIS)]) from error


def _guarded(store: Guarded) -> Guarded:
    store.begin()
    return store


def sweep(store: Store) -> None:
    """What has to be done ten times a second."""
    guarded = store.store if isinstance(store, Guarded) else store
    if isinstance(guarded, MemoryStore | Persistent):
        guarded.sweep()


def tasks(store: Store) -> Sequence[asyncio.Task[None]]:
    """What runs for it beside all requests."""
    return store.tasks if isinstance(store, Guarded) else []


def trouble(store: Store) -> str:
    """Why the store is away, or cannot keep what it is told; empty when all is well."""
    if isinstance(store, Guarded):
        return store.reason
    return store.trouble if isinstance(store, MemoryStore) else ""
