"""Settings of requests that the gateway signs for a service (RFC 9421)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from portico.config.models.identity.forms import Secret
from portico.config.models.model import SettingsModel
from portico.config.models.signatures import ComponentName, SignatureAlgorithm
from portico.config.values import (
    AtLeastOne,
    Distinct,
    HeaderValue,
    Maybe,
    OrOff,
    PemFile,
    PositiveDuration,
    Text,
    refuse,
)

_LABEL = re.compile(r"[a-z*][a-z0-9_.*-]*\Z")


def _label(text: str) -> str:
    if not _LABEL.match(text):
        raise refuse(
            "{written} is no label", text, "use lower-case letters, digits, '_', '-' and '.', a letter first"
        )
    return text


class SignSettings(SettingsModel):
    """HTTP message signatures on every request to a service. Exactly one of ``key`` and ``secret`` is set."""

    key: Maybe[PemFile] = Field(
        default=None, description="File with the gateway's private key, in PEM form without a password."
    )
    secret: Maybe[Secret] = Field(default=None, description="A secret for hmac-sha256, at least 32 bytes.")
    keyid: HeaderValue = Field(description="The name by which the service knows the key.")
    algorithm: Maybe[SignatureAlgorithm] = Field(
        default=None,
        description="What the key signs with; what it can do if left out, rsa-pss-sha512 for an RSA key.",
    )
    components: Annotated[AtLeastOne[ComponentName], Distinct] = Field(
        default=(
            "@method",
            "@target-uri",
            "content-digest",
            "x-request-id",
            "x-user-id",
            "x-user-role",
            "x-tenant-id",
            "x-tenant-source",
        ),
        description="What is signed, as far as the request has it.",
    )
    label: Annotated[Text, AfterValidator(_label)] = Field(
        default="portico", description="The signature's label in Signature-Input and Signature."
    )
    tag: Maybe[HeaderValue] = Field(default=None, description="The signature's tag; none by default.")
    expires: OrOff[PositiveDuration] = Field(
        default=60.0, description="How long after it was made the signature says that it holds."
    )
