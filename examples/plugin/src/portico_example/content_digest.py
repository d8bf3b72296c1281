"""`content_digest:` on a route: a request's body must be what its Content-Digest says (RFC 9530), by SHA-256."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from typing import ClassVar

from pydantic import Field

from portico.plugin import (
    Exchange,
    Failure,
    Flag,
    Hooks,
    Outcome,
    Phase,
    PositiveSize,
    SettingsModel,
    Side,
    Site,
    Stage,
)

MISSING = Failure(
    "DIGEST_MISSING", 400, Side.CLIENT, "Bad Request", "A Content-Digest with sha-256 is needed"
)
WRONG = Failure(
    "DIGEST_WRONG", 400, Side.CLIENT, "Bad Request", "The body is not what its Content-Digest says"
)


class ContentDigest(SettingsModel):
    """Which bodies are checked."""

    required: Flag = Field(default=False, description="Refuse requests without a SHA-256 digest.")
    most: PositiveSize = Field(
        default=1024 * 1024, description="Bytes of the largest body; more is refused with 413."
    )


class ContentDigestStage(Stage[ContentDigest]):
    """A stage that needs the whole body says so: `needs_body`. All other routes go on streaming."""

    key: ClassVar[str] = "content_digest"
    phase: ClassVar[Phase] = Phase.VALIDATE
    settings = ContentDigest
    summary: ClassVar[str] = "Compares a request's body with its Content-Digest."
    codes = (MISSING.code, WRONG.code)

    def compile(self, settings: ContentDigest, site: Site) -> Hooks:
        """`x.body` holds the body when `on_request` is called; it is forwarded unchanged."""

        def on_request(x: Exchange) -> Outcome:
            said = sha256_of(x.request.header(b"content-digest") or b"")
            if said is None:
                return MISSING if settings.required else None
            found = hashlib.sha256(x.body or b"").digest()
            return None if hmac.compare_digest(said, found) else WRONG

        return Hooks(on_request=on_request, needs_body=settings.most)

    def explain(self, settings: ContentDigest) -> str:
        """One line for `portico explain`."""
        return f"checks {'every body' if settings.required else 'bodies that have a digest'}"


def sha256_of(field: bytes) -> bytes | None:
    """The SHA-256 digest in a Content-Digest field, None when there is none; b"" when it cannot be read."""
    for member in field.split(b","):
        name, _, value = member.strip().partition(b"=")
        if name == b"sha-256":
            if len(value) < 2 or not value.startswith(b":") or not value.endswith(b":"):
                return b""
            try:
                return binascii.a2b_base64(value[1:-1], strict_mode=True)
            except binascii.Error:
                return b""
    return None
