"""What is known of an API key, how one is made, and how it is written into a store (requirements 2.6).

A key is `PREFIX_ID.SECRET`. The prefix lets scanners find what leaked, the id finds the record, the secret has 256
random bits, so that its SHA-256 is as good as a slow hash would be: there is nothing to guess. Only hashes are kept.
Two may be live, while the holder of the key exchanges one for the other.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from hmac import compare_digest
from typing import Any

_KEY = re.compile(r"([a-z][a-z0-9]{1,15})_([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{43})", re.ASCII)
_ID_BYTES = 9
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class LiveSecret:
    """`hash` is the SHA-256 of a secret in hexadecimal; it is good before `until` (wall seconds, None: for ever)."""

    hash: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key. Times are wall seconds. `scopes` empty: it may what its `roles` may."""

    id: str
    secrets: tuple[LiveSecret, ...]
    subject: str
    name: str = ""
    tenant: str | None = None
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()  # CIDR
    created: float = 0.0
    expires: float | None = None
    revoked: float | None = None

    def end_of(self, secret: str, wall: float) -> float | None:
        """Until when this secret is good, infinity included; None when it is not good now."""
        asked = hash_of(secret)
        found: float | None = None
        for live in self.secrets:  # all of them, so that the time it takes tells nothing
            if compare_digest(live.hash, asked) and (live.until is None or wall < live.until):
                found = float("inf") if live.until is None else live.until
        if found is None or self.revoked is not None:
            return None
        end = found if self.expires is None else min(found, self.expires)
        return end if wall < end else None

    def rotated(self, overlap_s: float, wall: float) -> tuple[KeyRecord, str]:
        """The record with a new secret beside the newest one, which ends after the overlap; and that secret."""
        secret = _new_secret()
        older = [replace(live, until=_sooner(live.until, wall + overlap_s)) for live in self.secrets[:1]]
        return replace(self, secrets=(LiveSecret(hash_of(secret)), *older)), secret

    def encode(self) -> bytes:
        """As a store keeps it."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def decode(cls, value: bytes) -> KeyRecord:
        """What `encode` made. Raises ValueError for anything else."""
        try:
            said: dict[str, Any] = json.loads(value)
            live = tuple(LiveSecret(**one) for one in said.pop("secrets"))
            lists = {name: tuple(item) for name, item in said.items() if isinstance(item, list)}
            return cls(secrets=live, **{**said, **lists})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no record of a key: {error}") from None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A record, and the key that nobody will see again."""

    record: KeyRecord
    text: str = field(repr=False)


def new_key(prefix: str, wall: float, **said: Any) -> NewKey:
    """Make a key. `said` are fields of its record."""
    secret = _new_secret()
    key_id = secrets.token_urlsafe(_ID_BYTES)
    said.setdefault("subject", key_id)
    record = KeyRecord(id=key_id, secrets=(LiveSecret(hash_of(secret)),), created=wall, **said)
    return NewKey(record, key_text(prefix, key_id, secret))


def key_text(prefix: str, key_id: str, secret: str) -> str:
    """The key as its holder sends it."""
    return f"{prefix}_{key_id}.{secret}"


def parse_key(value: bytes, prefix: str) -> tuple[str, str] | None:
    """(id, secret) of a key of this prefix; None for anything that is no key."""
    try:
        found = _KEY.fullmatch(value.decode("ascii"))
    except UnicodeDecodeError:
        return None
    if found is None or found[1] != prefix:
        return None
    return found[2], found[3]


def hash_of(secret: str) -> str:
    """What is kept of a secret."""
    return sha256(secret.encode()).hexdigest()


def _new_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def _sooner(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)


def live_secrets(hashes: Sequence[str]) -> tuple[LiveSecret, ...]:
    """Secrets that are written by their hashes, good for ever."""
    return tuple(LiveSecret(digest) for digest in hashes)
