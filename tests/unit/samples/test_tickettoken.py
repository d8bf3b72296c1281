"""The tickettoken profile as a configuration: every variable of the platform has its effect, and public is only what is
meant to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portico.config import ConfigurationError, Settings, load_settings
from portico.config.models.route import RouteSettings
from portico.stages import load_stages

PROFILE = Path(__file__).parents[3] / "profiles" / "tickettoken.yaml"
SECRET = "s" * 32
WITHOUT_PREFIX = {"blockchain-service", "order-service", "transfer-service", "scanning-service"}
PORTS = {
    "auth": 3001, "venue": 3002, "event": 3003, "ticket": 3004, "payment": 3005, "marketplace": 3006,
    "analytics": 3007, "notification": 3008, "integration": 3009, "compliance": 3010, "queue": 3011, "search": 3012,
    "file": 3013, "monitoring": 3014, "blockchain": 3015, "order": 3016, "minting": 3018, "transfer": 3019,
    "scanning": 3020,
}  # fmt: skip
STAGES = {key: stage.settings for key, stage in load_stages().items() if stage.settings is not None}


def load(**environ: str) -> Settings:
    return load_settings(PROFILE, STAGES, {"JWT_SECRET": SECRET, **environ}).settings


def route(settings: Settings, label: str) -> RouteSettings:
    (found,) = (route for route in settings.routes if route.label == label)
    return found


def purchase(settings: Settings) -> Any:
    return route(settings, "POST /api/v1/tickets/purchase")


EFFECTS: dict[str, tuple[str, Callable[[Any], Any], Any, Any]] = {
    "SERVICE_NAME": ("gate", lambda s: s.gateway.name, "api-gateway", "gate"),
    "PORT": ("8080", lambda s: s.gateway.listen[0].where.port, 3000, 8080),
    "HOST": ("127.0.0.1", lambda s: s.gateway.listen[0].where.host, "0.0.0.0", "127.0.0.1"),
    "NODE_ENV": ("production", lambda s: s.logs.format, "auto", "json"),
    "LOG_LEVEL": ("debug", lambda s: s.logs.level, "info", "debug"),
    "LOG_FORMAT": ("pretty", lambda s: s.logs.format, "auto", "pretty"),
    "ENABLE_METRICS": ("false", lambda s: s.gateway.endpoints.metrics, "/metrics", None),
    "JWT_ACCESS_SECRET": ("a" * 40, lambda s: s.identity["users"].jwt.hmac_secrets, (b"s" * 32,), (b"a" * 40,)),
    "JWT_ISSUER": ("somebody", lambda s: s.identity["users"].jwt.issuer, "tickettoken-api", "somebody"),
    "JWT_EXPIRES_IN": ("1h", lambda s: s.identity["users"].jwt.issue.access, 86_400.0, 3_600.0),
    "JWT_ACCESS_EXPIRY": ("2h", lambda s: s.identity["users"].jwt.issue.access, 86_400.0, 7_200.0),
    "JWT_REFRESH_EXPIRY": ("1d", lambda s: s.identity["users"].jwt.issue.refresh, 604_800.0, 86_400.0),
    "JWT_REFRESH_SECRET": (
        "r" * 40,
        lambda s: s.identity["users"].jwt.issue.refresh_secret.get_secret_value(),
        f"refresh:{'s' * 32}",
        "r" * 40,
    ),
    "ALLOWED_ORIGINS": (
        "https://a.example,https://b.example",
        lambda s: [str(one) for one in s.defaults.stages["cors"].origins],
        ["http://api-gateway:3000", "http://frontend:5173"],
        ["https://a.example", "https://b.example"],
    ),
    "RATE_LIMIT_ENABLED": ("false", lambda s: s.gateway.rate_limits.enabled, True, False),
    "RATE_LIMIT_GLOBAL_MAX": (
        "7", lambda s: str(s.defaults.stages["rate_limit"][0].allow), "100/min", "7/min",
    ),
    "RATE_LIMIT_GLOBAL_WINDOW": (
        "1000", lambda s: str(s.defaults.stages["rate_limit"][0].allow), "100/min", "100/s",
    ),
    "RATE_LIMIT_TICKET_MAX": ("9", lambda s: str(purchase(s).stages["rate_limit"][1].allow), "5/min", "9/min"),
    "RATE_LIMIT_TICKET_WINDOW": (
        "120000", lambda s: str(purchase(s).stages["rate_limit"][1].allow), "5/min", "5/2min",
    ),
    "CIRCUIT_BREAKER_TIMEOUT": ("4000", lambda s: s.defaults.timeout, 10.0, 4.0),
    "TIMEOUT_DEFAULT": ("5000", lambda s: s.defaults.timeout, 10.0, 5.0),
    "CIRCUIT_BREAKER_ERROR_THRESHOLD": ("20", lambda s: s.services["file-service"].breaker.errors, 0.5, 0.2),
    "CIRCUIT_BREAKER_RESET_TIMEOUT": ("5000", lambda s: s.services["file-service"].breaker.reset, 30.0, 5.0),
    "CIRCUIT_BREAKER_VOLUME_THRESHOLD": ("3", lambda s: s.services["file-service"].breaker.volume, 10, 3),
    "TIMEOUT_PAYMENT": ("9000", lambda s: s.services["payment-service"].timeout, 30.0, 9.0),
    "TIMEOUT_NFT_MINTING": ("8000", lambda s: route(s, "POST /api/v1/nft/mint").timeout, 120.0, 8.0),
}  # fmt: skip


@pytest.mark.parametrize("name", EFFECTS)
def test_each_variable_has_its_effect(name: str) -> None:
    value, look, without, within = EFFECTS[name]
    assert look(load()) == without
    assert look(load(**{name: value})) == within


def test_each_service_is_where_its_variable_says() -> None:
    settings = load()
    assert settings.services.keys() == {f"{name}-service" for name in PORTS}
    children = {str(service.url).split("/")[2] for service in settings.services.values()}
    assert children == {"samples.auth:app", "samples.venues:app", "samples.resource:app"}
    urls = {f"{name.upper()}_SERVICE_URL": f"http://{name}-service:{port}" for name, port in PORTS.items()}
    moved = load(**urls)
    assert {str(service.url) for service in moved.services.values()} == set(urls.values())


def test_every_service_has_a_prefix_but_four() -> None:
    settings = load()
    used = {one.service for one in settings.routes}
    assert settings.services.keys() - used == WITHOUT_PREFIX


def test_breakers_of_the_three_are_more_patient() -> None:
    services = load().services
    for name, service in services.items():
        patient = name in ("auth-service", "venue-service", "event-service")
        assert service.breaker is not None
        assert (service.breaker.volume, service.breaker.reset) == ((20, 60.0) if patient else (10, 30.0)), (
            name
        )


def test_only_what_is_meant_to_be_public_is() -> None:
    settings = load()
    public = {one.label for one in settings.routes if one.stages.get("authenticate") == ()}
    entries = ("login", "register", "refresh", "forgot-password", "reset-password", "verify-email")
    expected = {f"POST /api/v1/auth/{name}" for name in entries}
    expected |= {"/api/v1/webhooks/**", "/api/v1/payments/webhooks/**"}
    own = {label for label in public if label.startswith("GET ") and label.endswith(("/health", "/metrics"))}
    assert public - own == expected
    assert "GET /api/v1/events/health" in own
    assert not any("search" in label for label in public)


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("REDIS_HOST", "cache", "redis://cache:6379/0"),
        ("REDIS_PORT", "6380", "redis://localhost:6380/0"),
        ("REDIS_DB", "3", "redis://localhost:6379/3"),
        ("REDIS_PASSWORD", "hidden", "redis://localhost:6379/0"),
        ("REDIS_URL", "redis://elsewhere:1/2", "redis://elsewhere:1/2"),
    ],
)
def test_production_keeps_its_facts_in_redis(variable: str, value: str, shown: str) -> None:
    address = load(NODE_ENV="production", **{variable: value}).gateway.store.url
    assert address is not None
    assert str(address) == shown
    assert address.password == (value if variable == "REDIS_PASSWORD" else "")


@pytest.mark.parametrize("environment", ["development", "staging", "production", "test"])
def test_each_environment_has_logs_of_its_own(environment: str) -> None:
    logs = load(NODE_ENV=environment).logs
    assert (logs.level, logs.format) == {
        "development": ("info", "auto"),
        "staging": ("debug", "json"),
        "production": ("info", "json"),
        "test": ("warn", "json"),
    }[environment]


def test_a_secret_that_is_too_short_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="at least 32"):
        load(JWT_SECRET="short")
