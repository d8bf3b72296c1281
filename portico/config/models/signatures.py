"""What the settings of HTTP message signatures have in common, whoever signs (RFC 9421)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from portico.config.values import Text, refuse

SignatureAlgorithm = Literal[
    "hmac-sha256",
    "rsa-pss-sha512",
    "rsa-v1_5-sha256",
    "ecdsa-p256-sha256",
    "ecdsa-p384-sha384",
    "ed25519",
]

_DERIVED = ("@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query")


def _component(value: str) -> str:
    if value.startswith("@") and value not in _DERIVED:
        raise refuse("{written} is no component of a request", value, f"choose from {', '.join(_DERIVED)}")
    if value != value.lower() or not value.isascii() or any(char in value for char in ' ";,'):
        raise refuse(
            "{written} is no component",
            value,
            "write the name of a header in lower case, or @method and the like",
        )
    return value


ComponentName = Annotated[Text, AfterValidator(_component)]
"""A component of a request without parameters (RFC 9421 section 2)."""
