"""Reads the environment of a service, once, when it starts.

A missing or weak value is a `SettingsError` whose text is one line that says what to do; nothing is
guessed for a secret. RFC 7518 §3.2 rules the length of the signing secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MIN_SECRET_BYTES = 32
"""RFC 7518 §3.2: an HS256 key has at least 256 bits."""

DEFAULT_ISSUER = "psa-platform"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class SettingsError(Exception):
    """The service cannot start as it is configured; the text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What every service needs to know before it serves."""

    database_url: str
    jwt_secret: str
    jwt_issuer: str


def read_settings(service: str, environ: Mapping[str, str]) -> Settings:
    """The settings of `service` (`tickets`, `auth`, `crm`).

    `<SERVICE>_DATABASE_URL` wins over `DATABASE_URL`; without either the service keeps a SQLite file
    under `./var`. The services' table names differ, so that one PostgreSQL database can hold all three.
    """
    secret = environ.get("JWT_SECRET", "")
    if not secret:
        raise SettingsError(
            f"JWT_SECRET is not set; give the secret that signs the platform's tokens, "
            f"at least {MIN_SECRET_BYTES} bytes long"
        )
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"JWT_SECRET is {len(secret.encode())} bytes long; it must have at least {MIN_SECRET_BYTES}"
        )
    return Settings(
        database_url=read_database_url(service, environ),
        jwt_secret=secret,
        jwt_issuer=environ.get("JWT_ISSUER") or DEFAULT_ISSUER,
    )


def read_database_url(service: str, environ: Mapping[str, str]) -> str:
    """Where the data of `service` is; services that check no token need nothing else."""
    url = environ.get(f"{service.upper()}_DATABASE_URL") or environ.get("DATABASE_URL")
    return url or f"sqlite:///./var/{service}.db"


def read_duration(name: str, environ: Mapping[str, str], default: str) -> int:
    """The duration in the variable `name`, in seconds: `90s`, `15m`, `24h` or `7d`, at least one second."""
    written = environ.get(name) or default
    match = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", written)
    if match is None:
        raise SettingsError(f"{name} is {written!r}; give a number and a unit, such as 90s, 15m, 24h or 7d")
    return int(match[1]) * _SECONDS[match[2]]


def read_switch(name: str, environ: Mapping[str, str]) -> bool:
    """Whether the variable `name` is on (`1` or `true`); unset, empty, `0` and `false` are off."""
    written = environ.get(name, "").lower()
    if written in ("1", "true"):
        return True
    if written in ("", "0", "false"):
        return False
    raise SettingsError(f"{name} is {written!r}; give 1 or 0")
