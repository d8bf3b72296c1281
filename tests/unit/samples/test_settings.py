"""What the services read from their environment, and what they refuse to start with."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import MetaData

from samples.auth.settings import Demo, read_auth_settings
from samples.platform.database import open_database
from samples.platform.settings import SettingsError, read_duration, read_settings, read_switch

SECRET = "s" * 32


def test_a_secret_is_all_that_is_needed() -> None:
    settings = read_settings("tickets", {"JWT_SECRET": SECRET})
    assert settings.jwt_secret == SECRET
    assert settings.jwt_issuer == "psa-platform"
    assert settings.database_url == "sqlite:///./var/tickets.db"


def test_the_services_own_database_variable_wins() -> None:
    environ = {
        "JWT_SECRET": SECRET,
        "DATABASE_URL": "sqlite:///all.db",
        "CRM_DATABASE_URL": "sqlite:///crm.db",
    }
    assert read_settings("crm", environ).database_url == "sqlite:///crm.db"
    assert read_settings("tickets", environ).database_url == "sqlite:///all.db"


@pytest.mark.parametrize("environ", [{}, {"JWT_SECRET": ""}, {"JWT_SECRET": "s" * 31}])
def test_no_secret_or_a_short_one_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"^JWT_SECRET is .*32") as refused:
        read_settings("tickets", environ)
    assert "\n" not in str(refused.value)


def test_a_secrets_length_is_counted_in_bytes() -> None:
    assert read_settings("crm", {"JWT_SECRET": "ä" * 16}).jwt_secret == "ä" * 16


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800)]
)
def test_durations(written: str, seconds: int) -> None:
    assert read_duration("LIFE", {"LIFE": written}, "1s") == seconds
    assert read_duration("LIFE", {}, written) == seconds


@pytest.mark.parametrize("written", ["soon", "0s", "10", "-1h", "1.5h", "1w", "10s ", "99999999d"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(SettingsError, match="^LIFE is "):
        read_duration("LIFE", {"LIFE": written}, "1s")


def test_switches() -> None:
    assert read_switch("ON", {"ON": "1"})
    assert read_switch("ON", {"ON": "True"})
    assert not read_switch("ON", {"ON": "0"})
    assert not read_switch("ON", {})
    with pytest.raises(SettingsError, match="^ON is 'perhaps'"):
        read_switch("ON", {"ON": "perhaps"})


def test_auth_settings() -> None:
    settings = read_auth_settings({})
    assert (settings.token_life_s, settings.tenant_id, settings.demo) == (86_400, "demo", None)
    assert settings.outbox == Path("./var/outbox")
    settings = read_auth_settings(
        {
            "AUTH_DEVELOPMENT": "1",
            "AUTH_OUTBOX": "/somewhere",
            "AUTH_TENANT": "acme",
            "JWT_EXPIRES_IN": "15m",
            "DEMO_USER": " Demo@Example.com ",
            "DEMO_PASSWORD": "demo-password",
        }
    )
    assert (settings.token_life_s, settings.tenant_id, settings.outbox) == (900, "acme", None)
    assert settings.demo == Demo("demo@example.com", "demo-password")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"DEMO_USER": "demo@example.com"}, "belong together"),
        ({"DEMO_PASSWORD": "demo-password"}, "belong together"),
        ({"DEMO_USER": "demo", "DEMO_PASSWORD": "demo-password"}, "DEMO_USER is 'demo'; give an e-mail"),
        ({"DEMO_USER": "demo@example.com", "DEMO_PASSWORD": "demo"}, "DEMO_PASSWORD must have 8 to 128"),
    ],
)
def test_half_a_demo_account_is_refused(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        read_auth_settings(environ)
    assert environ.get("DEMO_PASSWORD", "demo-password") not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "names no file"),
        ("mysql://root@localhost/x", "says 'mysql'"),
        ("nonsense", "has no form of"),
    ],
)
async def test_a_database_that_is_none_is_refused(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"^the database URL {said}"):
        await open_database(url, MetaData())
