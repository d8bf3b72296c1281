"""The samples as real processes, once on SQLite and once on PostgreSQL where that is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.samples.running import Caller, Service, Tenant, postgresql, postgresql_programs


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("sqlite", marks=pytest.mark.xdist_group("samples-sqlite")),
        pytest.param("postgresql", marks=pytest.mark.xdist_group("samples-postgresql")),
    ],
)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One database for all three services."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('samples')}/platform.db"
        return
    programs = postgresql_programs()
    if programs is None:
        pytest.skip(
            "PostgreSQL is not installed (no initdb found); its tests need the Debian package postgresql"
        )
    with postgresql(programs) as url:
        yield url


@pytest.fixture(scope="session")
def tickets_service(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service("tickets", tmp_path_factory.mktemp("tickets"), database_url) as service:
        yield service


@pytest.fixture(scope="session")
def second_tickets_service(
    tickets_service: Service, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Another process on the same database."""
    with Service("tickets", tmp_path_factory.mktemp("tickets"), database_url) as service:
        yield service


@pytest.fixture(scope="session")
def crm_service(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service("crm", tmp_path_factory.mktemp("crm"), database_url) as service:
        yield service


@pytest.fixture(scope="session")
def auth_service(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """In development: one-time tokens are in the answers."""
    env = {"AUTH_DEVELOPMENT": "1", "DEMO_USER": "demo@example.com", "DEMO_PASSWORD": "demo-password"}
    with Service("auth", tmp_path_factory.mktemp("auth"), database_url, env) as service:
        yield service


@pytest.fixture
def tenant(tickets_service: Service) -> Iterator[Tenant]:
    """A tenant at the tickets service."""
    tenant = Tenant(tickets_service.base_url)
    yield tenant
    tenant.close()


@pytest.fixture
def crm_tenant(crm_service: Service) -> Iterator[Tenant]:
    tenant = Tenant(crm_service.base_url)
    yield tenant
    tenant.close()


@pytest.fixture
def agent(tenant: Tenant) -> Caller:
    return tenant.caller("agent")


@pytest.fixture
def manager(tenant: Tenant) -> Caller:
    return tenant.caller("manager")


@pytest.fixture
def user(tenant: Tenant) -> Caller:
    return tenant.caller("user")
