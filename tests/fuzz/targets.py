"""Which targets there are, and the inputs that are kept for each: what tests, fuzzers and the Makefile go through."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"

TARGETS = (
    "request_bytes",
    "reply_bytes",
    "paths",
    "forwarded",
    "configuration",
    "tokens",
    "error_bodies",
    "log_lines",
)


def kept(target: str) -> list[Path]:
    """The committed inputs of a target."""
    return sorted((CORPUS / target).glob("*"))
