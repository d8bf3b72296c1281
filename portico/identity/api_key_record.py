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
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, with_config

from portico.rules.limiter import MOST

# A secret has no point, so that the last one ends the id.
_KEY = re.compile(r"([a-z][a-z0-9]{1,15})_([A-Za-z0-9._-]{1,64})\.([A-Za-z0-9_-]{43})", re.ASCII)
_ID_BYTES = 9
_Count = Annotated[int, Field(ge=1, le=MOST)]
_SECRET_BYTES = 32


# What a record says and this version does not know might limit the key: it is no record then.
_strictly = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))


@_strictly
@dataclass(frozen=True, slots=True)
class LiveSecret:
    """`hash` is the SHA-256 of a secret in hexadecimal; it is good before `until` (wall seconds, None: for ever)."""

    hash: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    until: float | None = None


@_strictly
@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key, of the identities with its `prefix`. Times are wall seconds.

    `scopes` empty: it may what its `roles` may. `limit`: so many requests in so many seconds.
    """

    id: str
    prefix: str
    secrets: Annotated[tuple[LiveSecret, ...], Field(min_length=1, max_length=2)]
    subject: str
    name: str = ""
    tenant: str | None = None
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    limit: tuple[_Count, _Count] | None = None
    created: float = 0.0
    expires: float | None = None
    revoked: float | None = None

    def end_of(self, secret: str, wall: float) -> float | None:
        """Until when this secret is good, infinity included; None when it is not good now."""
        asked = hash_of(secret)
        found: float | None = None
        for live in self.secrets:  # all of them, so that the time it takes tells nothing
            if compare_digest(live.hash, asked):
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
        return json.dumps(asdict(self), separators=(",", ":"), default=str).encode()

    @classmethod
    def decode(cls, value: bytes) -> KeyRecord:
        """What `encode` made. Raises ValueError for anything else."""
        try:
            return _RECORDS.validate_json(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"this is no record of a key: {place}: {first['msg']}") from None


_RECORDS = TypeAdapter(KeyRecord)


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
    record = KeyRecord(id=key_id, prefix=prefix, secrets=(LiveSecret(hash_of(secret)),), created=wall, **said)
    return NewKey(record, key_text(record, secret))


def key_text(record: KeyRecord, secret: str) -> str:
    """The key as its holder sends it."""
    return f"{record.prefix}_{record.id}.{secret}"


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
