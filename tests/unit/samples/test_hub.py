"""The hub profile as a configuration: it loads without a warning, and its services, methods and public paths."""

from __future__ import annotations

from pathlib import Path

from portico.config import Settings, load_settings
from portico.stages import load_stages, stage_types

PROFILE = Path(__file__).parents[3] / "profiles" / "hub.yaml"
NAMES = ("orchestration", "modules", "marketplace", "handover", "webhooks", "integrations")


def load(**environ: str) -> Settings:
    loaded = load_settings(PROFILE, stage_types(load_stages()), {"JWT_SECRET": "s" * 32, **environ})
    assert loaded.warnings == ()
    return loaded.settings


def test_each_service_is_where_its_variable_says() -> None:
    settings = load()
    assert settings.services.keys() == {"auth", *NAMES}
    assert {str(settings.services[name].url) for name in NAMES} == {
        f"asgi://samples.resource:app/{name}" for name in NAMES
    }
    moved = load(**{f"{name.upper()}_SERVICE_URL": f"http://{name}:4001" for name in NAMES})
    assert {str(moved.services[name].url) for name in NAMES} == {f"http://{name}:4001" for name in NAMES}


def test_four_methods_on_every_route() -> None:
    settings = load()
    assert settings.defaults.stages["authenticate"] == ("browsers", "keys", "services", "partners")
    assert [settings.identity[name].kinds for name in settings.defaults.stages["authenticate"]] == [
        ["session"],
        ["api_key"],
        ["jwt"],
        ["hmac"],
    ]
    public = {route.label for route in settings.routes if route.stages.get("authenticate") == ()}
    assert public == {"POST /api/auth/login", "POST /api/auth/register"}


def test_breakers_open_after_five_failures_in_a_row() -> None:
    for service in load().services.values():
        assert service.breaker is not None
        assert (service.breaker.errors, service.breaker.consecutive, service.timeout) == (None, 5, 10.0)
