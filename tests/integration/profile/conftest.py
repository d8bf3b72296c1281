"""The platform, once with its services as children of the gateway and once with services that run by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.profile.running import DEMO, SERVICES, Platform, Visitor
from tests.integration.samples.running import Service


@pytest.fixture(scope="session")
def with_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The same with the addresses of services that run by themselves: TICKETS_SERVICE_URL and its like."""
    folder = tmp_path_factory.mktemp("platform-processes")
    databases = {name: folder / f"{name}.db" for name in SERVICES}
    options = {"AUTH_DEVELOPMENT": "1", "DEMO_USER": DEMO["email"], "DEMO_PASSWORD": DEMO["password"]}
    with ExitStack() as running:
        services = {
            name: Service(name, folder, f"sqlite:///{database}", options).start()
            for name, database in databases.items()
        }
        for service in services.values():
            running.callback(service.stop)
        urls = {f"{name.upper()}_SERVICE_URL": service.wait().base_url for name, service in services.items()}
        platform = Platform(folder, urls)
        platform.databases = databases
        platform.directly = {name: service.base_url for name, service in services.items()}
        yield running.enter_context(platform)


@pytest.fixture(
    params=[
        pytest.param("with_children", marks=pytest.mark.xdist_group("platform-children")),
        pytest.param("with_processes", marks=pytest.mark.xdist_group("platform-processes")),
    ],
)
def platform(request: pytest.FixtureRequest) -> Platform:
    """Each of the two, started once."""
    started: Platform = request.getfixturevalue(request.param)
    return started


@pytest.fixture
def agent(platform: Platform) -> Iterator[Visitor]:
    """The demo user."""
    with platform.demo() as visitor:
        yield visitor


@pytest.fixture
def user(platform: Platform) -> Iterator[Visitor]:
    with platform.member("user") as visitor:
        yield visitor


@pytest.fixture
def manager(platform: Platform) -> Iterator[Visitor]:
    with platform.member("manager") as visitor:
        yield visitor


@pytest.fixture
def nobody(platform: Platform) -> Iterator[Visitor]:
    with platform.nobody() as visitor:
        yield visitor
