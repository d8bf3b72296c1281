"""What the auth service reads from its environment beside what every service reads:

JWT_EXPIRES_IN              how long an access token lives, default 24h
AUTH_TENANT                 the tenant of everybody who registers, default demo
AUTH_ROLE                   the role of everybody who registers, default user
AUTH_DEVELOPMENT            1: reset and verification tokens are in the answers
AUTH_OUTBOX                 otherwise: the folder for messages, default ./var/outbox
DEMO_USER, DEMO_PASSWORD    an account that is made, or put right, at every start
DEMO_ROLE, DEMO_VENUE       its role, default agent, and its own venue, by default none
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from samples.platform.fields import Email
from samples.platform.settings import SettingsError, read_duration, read_switch

MIN_PASSWORD = 8
MAX_PASSWORD = 128


@dataclass(frozen=True, slots=True)
class Demo:
    """The account for who tries the platform."""

    email: str
    password: str
    role: str = "agent"
    venue_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """The settings of the auth service."""

    token_life_s: int
    tenant_id: str
    role: str
    outbox: Path | None
    """Where messages go; `None` in development, when there are none."""
    demo: Demo | None


def read_auth_settings(environ: Mapping[str, str]) -> AuthSettings:
    """The settings, or `SettingsError`."""
    development = read_switch("AUTH_DEVELOPMENT", environ)
    return AuthSettings(
        token_life_s=read_duration("JWT_EXPIRES_IN", environ, "24h"),
        tenant_id=environ.get("AUTH_TENANT") or "demo",
        role=environ.get("AUTH_ROLE") or "user",
        outbox=None if development else Path(environ.get("AUTH_OUTBOX") or "./var/outbox"),
        demo=_read_demo(environ),
    )


def _read_demo(environ: Mapping[str, str]) -> Demo | None:
    user, password = environ.get("DEMO_USER", ""), environ.get("DEMO_PASSWORD", "")
    if not user and not password:
        return None
    if not user or not password:
        raise SettingsError("DEMO_USER and DEMO_PASSWORD belong together; set both or none")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise SettingsError(f"DEMO_PASSWORD must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    try:
        email = TypeAdapter(Email).validate_python(user)
    except ValidationError:
        raise SettingsError(f"DEMO_USER is {user!r}; give an e-mail address") from None
    return Demo(email, password, environ.get("DEMO_ROLE") or "agent", environ.get("DEMO_VENUE") or None)
