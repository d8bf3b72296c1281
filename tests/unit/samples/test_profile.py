"""The psa profile as a configuration: it loads without a warning, and public is only what is meant to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from portico.config import ConfigurationError, Settings, load_settings
from portico.stages import load_stages
from samples.auth.accounts import DEMO_USER_ID
from samples.platform.settings import DEFAULT_ISSUER

PROFILE = Path(__file__).parents[3] / "profiles" / "psa.yaml"
SECRET = "s" * 32


def load(**environ: str) -> Settings:
    stages = {key: stage.settings for key, stage in load_stages().items()}
    loaded = load_settings(PROFILE, stages, {"JWT_SECRET": SECRET, **environ})
    assert loaded.warnings == ()
    return loaded.settings


def test_the_services_are_children_until_they_are_moved() -> None:
    services = load().services
    assert {name: str(service.url) for name, service in services.items()} == {
        name: f"asgi://samples.{name}:app" for name in ("auth", "tickets", "crm")
    }
    moved = load(
        AUTH_SERVICE_URL="http://127.0.0.1:3001",
        TICKETS_SERVICE_URL="http://127.0.0.1:3003",
        CRM_SERVICE_URL="http://127.0.0.1:3020",
    )
    assert [str(service.url) for service in moved.services.values()] == [
        "http://127.0.0.1:3001",
        "http://127.0.0.1:3003",
        "http://127.0.0.1:3020",
    ]


def test_only_what_is_meant_to_be_public_is() -> None:
    settings = load()
    assert settings.defaults.stages["authenticate"] == ("users",)
    public = {route.label for route in settings.routes if route.stages.get("authenticate") == ()}
    assert public == {
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/register",
        "POST /api/v1/auth/forgot-password",
        "POST /api/v1/auth/reset-password",
        "POST /api/v1/auth/verify-email",
        "GET /api/v1/auth/health",
        "GET /api/v1/tickets/health",
        "GET /api/v1/crm/health",
    }


def test_pages_that_may_read() -> None:
    assert load().defaults.stages["cors"].origins == ("http://localhost:3000", "http://localhost:5173")
    moved = load(ALLOWED_ORIGINS="https://app.example.com, https://*.example.com").defaults.stages["cors"]
    assert moved.origins == ("https://app.example.com", "https://*.example.com")


def test_port_and_workers() -> None:
    gateway = load().gateway
    assert (gateway.name, gateway.workers, gateway.listen[0].where.port) == ("psa-api-gateway", 2, 3000)
    assert load(PORT="8080", WORKERS="1").gateway.listen[0].where.port == 8080


def test_the_services_accept_the_development_token() -> None:
    token = load().development.token
    assert token is not None
    assert token.claims["user_id"] == DEMO_USER_ID
    jwt = load().identity["users"].jwt
    assert jwt is not None
    assert token.claims["iss"] == jwt.issuer == DEFAULT_ISSUER
    assert (token.claims["tenant_id"], token.claims["role"]) == ("demo", "agent")


def test_without_a_secret_it_does_not_load() -> None:
    stages = {key: stage.settings for key, stage in load_stages().items()}
    with pytest.raises(ConfigurationError, match="the environment variable JWT_SECRET is not set"):
        load_settings(PROFILE, stages, {})
