"""One set of gateways for all cases of a module."""

from collections.abc import AsyncIterator

import pytest_asyncio

from .lanes import Lanes, opened


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lanes() -> AsyncIterator[Lanes]:
    async with opened() as found:
        yield found
