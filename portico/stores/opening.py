"""The store that a configuration names, opened beside a gateway that may run: for commands that change its facts."""

from __future__ import annotations

import os

from portico.config.models.gateway import GatewaySettings
from portico.rules import Limits

from .interface import Store, StoreAwayError
from .memory import MemoryStore
from .sqlite import FILE, SqliteJournal


def open_facts(gateway: GatewaySettings) -> Store:
    """Raises StoreAwayError when it cannot be opened."""
    try:
        os.makedirs(gateway.data, mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreAwayError(f"{gateway.data} cannot be made: {error.strerror}") from None
    return MemoryStore(Limits(0), SqliteJournal(os.path.join(gateway.data, FILE)))
