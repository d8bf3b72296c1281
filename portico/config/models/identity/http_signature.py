"""Settings of requests that are signed as HTTP messages (RFC 9421)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from portico.config.models.model import SettingsModel
from portico.config.values import (
    AtLeastOne,
    Distinct,
    Flag,
    Maybe,
    OneOrMany,
    PositiveDuration,
    PositiveSize,
    Text,
    refuse,
)

from .forms import Secret
from .partners import PartnerSettings, SomeKeys

SignatureAlgorithm = Literal[
    "hmac-sha256",
    "rsa-pss-sha512",
    "rsa-v1_5-sha256",
    "ecdsa-p256-sha256",
    "ecdsa-p384-sha384",
    "ed25519",
]

DERIVED = (
    "@method",
    "@target-uri",
    "@authority",
    "@scheme",
    "@request-target",
    "@path",
    "@query",
)


def _component(value: str) -> str:
    if value.startswith("@") and value not in DERIVED:
        raise refuse("{written} is no component of a request", value, f"choose from {', '.join(DERIVED)}")
    if value != value.lower() or any(char in value for char in ' ";'):
        raise refuse(
            "{written} is no component",
            value,
            "write the name of a header in lower case, or @method and the like",
        )
    return value


ComponentName = Annotated[Text, AfterValidator(_component)]
"""A component of a request without parameters (RFC 9421 section 2)."""


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
