"""The facts of a gateway, for commands that read and change them: keys and revocations, whether it runs or not.

Commands write where the gateway itself does, and it takes over what they wrote (`stores`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from portico.cli.trouble import Trouble

if TYPE_CHECKING:
    from portico.config import Settings
    from portico.stores.interface import Store

T = TypeVar("T")


def with_facts(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Open the store that the configuration names, do this, and close it. Raises `Trouble` when it cannot be asked."""
    import asyncio

    from portico.stores import StoreAwayError
    from portico.stores.opening import open_facts

    async def run() -> T:
        store = open_facts(settings.gateway)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except StoreAwayError as error:
        raise Trouble(f"the store cannot be asked: {error}") from None
