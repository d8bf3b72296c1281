"""Settings of requests that are signed with a shared secret."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from portico.config.models.model import SettingsModel
from portico.config.values import (
    AtLeastOne,
    HeaderName,
    Name,
    PositiveDuration,
    PositiveSize,
    refuse,
)

from .forms import Secret
from .partners import PartnerSettings, SomeKeys

_SECRETS = 2
_SECRET_BYTES = 32


def _living(secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
    if len(secrets) > _SECRETS:
        raise refuse("has more secrets than a rotation needs", f"{len(secrets)} secrets", f"keep {_SECRETS}")
    for secret in secrets:
        length = len(secret.get_secret_value().encode())
        if length < _SECRET_BYTES:
            raise refuse(f"is too short: at least {_SECRET_BYTES} bytes are needed", f"{length} bytes")
    return secrets


class HmacKeySettings(PartnerSettings):
    """One shared secret, or two while it is exchanged."""

    secret: Annotated[AtLeastOne[Secret], AfterValidator(_living)] = Field(
        description="The secret, at least 32 bytes; two while it is exchanged, and either of them verifies."
    )


class HmacSettings(SettingsModel):
    """Requests signed with HMAC-SHA256 over method, target, time and body."""

    keys: Annotated[dict[Name, HmacKeySettings], SomeKeys] = Field(description="The keys, by their names.")
    header: HeaderName = Field(default="x-signature", description="The header that carries the signature.")
    window: PositiveDuration = Field(
        default=300.0, description="How far the signature's time may lie in the past or in the future."
    )
    body: PositiveSize = Field(default=1 << 20, description="Bytes of a body that is signed; more is 413.")
