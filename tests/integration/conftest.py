"""Every test here ends with a look at the gateways that run (`tests.leaks`); platforms that several folders ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.profile.hub import Hub
from tests.integration.profile.running import Platform
from tests.integration.profile.tickettoken import Tickettoken
from tests.leaks import leaves_nothing

__all__ = ["leaves_nothing"]


@pytest.fixture(scope="session")
def with_children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The profile psa as it is; its tests are of the xdist group `platform-children`."""
    with Platform(tmp_path_factory.mktemp("platform-children")) as platform:
        yield platform


@pytest.fixture(scope="session")
def tickettoken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tickettoken]:
    """The profile tickettoken; its tests are of the xdist group `platform-tickettoken`."""
    with Tickettoken(tmp_path_factory.mktemp("tickettoken")) as platform:
        yield platform


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The profile hub; its tests are of the xdist group `platform-hub`."""
    with Hub(tmp_path_factory.mktemp("hub")) as platform:
        yield platform
