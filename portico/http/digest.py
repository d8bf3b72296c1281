"""Content-Digest (RFC 9530): the hash of a message's content as it was sent, coded or not.

Only sha-256 and sha-512 count; the older algorithms of the registry prove nothing (section 5). Of several digests
that are known here every one must fit: a sender must not choose which of them is looked at.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable
from hashlib import sha256, sha512
from hmac import compare_digest
from typing import Literal

from .structured import StructureError, dictionary

DigestName = Literal["sha-256", "sha-512"]
_HASHES = {"sha-256": sha256, "sha-512": sha512}


def content_digest(body: bytes, algorithm: DigestName = "sha-256") -> bytes:
    """The value of the field for this content."""
    return b"%b=:%b:" % (algorithm.encode(), b2a_base64(_HASHES[algorithm](body).digest(), newline=False))


def wrong_digest(values: Iterable[bytes], body: bytes) -> str:
    """Why these fields do not speak of this content; empty when they do."""
    try:
        told = dictionary(values)
    except StructureError as error:
        return f"Content-Digest {error}"
    known = [(name, member[0]) for name, member in told.items() if name in _HASHES]
    if not known:
        return "Content-Digest has neither sha-256 nor sha-512"
    for name, digest in known:
        if not isinstance(digest, bytes) or not compare_digest(digest, _HASHES[name](body).digest()):
            return f"the body is not the one whose {name} was told"
    return ""
