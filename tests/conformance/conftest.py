"""One set of gateways for all cases of a module, looked at after each: see `tests.leaks`."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.leaks import leaves_nothing

from .lanes import Lanes, opened

__all__ = ["lanes", "leaves_nothing"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lanes() -> AsyncIterator[Lanes]:
    async with opened() as found:
        yield found
