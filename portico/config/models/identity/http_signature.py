"""Settings of requests that are signed as HTTP messages (RFC 9421)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portico.config.models.model import SettingsModel
from portico.config.models.signatures import ComponentName, SignatureAlgorithm
from portico.config.values import (
    AtLeastOne,
    Distinct,
    Flag,
    Maybe,
    OneOrMany,
    PositiveDuration,
    PositiveSize,
    Text,
)

from .forms import Secret
from .partners import PartnerSettings, SomeKeys


class SignatureKeySettings(PartnerSettings):
    """One key. Exactly one of ``public_key`` and ``secret`` is set."""

    public_key: Maybe[Text] = Field(
        default=None,
        description="A public key or certificate in PEM form, a JWK, or the path of a file with it.",
    )
    secret: Annotated[OneOrMany[Secret], Distinct] = Field(
        default=(), description="The secret for hmac-sha256, at least 32 bytes; two while it is exchanged."
    )
    algorithm: Maybe[SignatureAlgorithm] = Field(
        default=None,
        description="What the key signs with; what it can do if left out, rsa-pss-sha512 for an RSA key.",
    )


class SignatureSettings(SettingsModel):
    """HTTP message signatures (RFC 9421), with the digest of the body (RFC 9530)."""

    keys: Annotated[dict[Text, SignatureKeySettings], SomeKeys] = Field(
        description="The keys, by the keyid that signatures state."
    )
    components: Maybe[Annotated[AtLeastOne[ComponentName], Distinct]] = Field(
        default=None,
        description="What a signature must cover; by default the method and the whole target, written in either way. "
        "A body must always be covered, by content-digest.",
    )
    tag: Maybe[Text] = Field(
        default=None, description="The tag of the signatures that count; others are left alone."
    )
    nonce: Flag = Field(default=False, description="Whether a signature must have a nonce.")
    window: PositiveDuration = Field(
        default=300.0, description="How far a signature's created may lie in the past or in the future."
    )
    body: PositiveSize = Field(default=1 << 20, description="Bytes of a body that is signed; more is 413.")
