"""The platform, once with its services as children of the gateway and once with services that run by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.profile.running import SERVICES, Platform, Visitor
from tests.integration.samples.running import Service


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("children", marks=pytest.mark.xdist_group("platform-children")),
        pytest.param("processes", marks=pytest.mark.xdist_group("platform-processes")),
    ],
)
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp(f"platform-{request.param}")
    with ExitStack() as running:
        env: dict[str, str] = {}
        services: dict[str, Service] = {}
        databases = {name: folder / f"{name}.db" for name in SERVICES}
        if request.param == "processes":
            options = {
                "AUTH_DEVELOPMENT": "1",
                "DEMO_USER": "demo@psa.example",
                "DEMO_PASSWORD": "demo password",
            }
            for name in SERVICES:
                services[name] = Service(name, folder, f"sqlite:///{databases[name]}", options).start()
                running.callback(services[name].stop)
            for name, service in services.items():
                env[f"{name.upper()}_SERVICE_URL"] = service.wait().base_url
        platform = Platform(folder, env)
        if services:
            platform.databases = databases
            platform.directly = {name: service.base_url for name, service in services.items()}
        yield running.enter_context(platform)


@pytest.fixture
def agent(platform: Platform) -> Iterator[Visitor]:
    """The demo user."""
    with platform.demo() as visitor:
        yield visitor


@pytest.fixture
def user(platform: Platform) -> Iterator[Visitor]:
    with platform.newcomer() as visitor:
        yield visitor


@pytest.fixture
def manager(platform: Platform) -> Iterator[Visitor]:
    with platform.newcomer("manager") as visitor:
        yield visitor


@pytest.fixture
def nobody(platform: Platform) -> Iterator[Visitor]:
    with platform.nobody() as visitor:
        yield visitor
