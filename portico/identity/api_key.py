"""Prove who calls by an API key in a header (requirements 2.6): `PREFIX_ID.SECRET`, of which only hashes are kept.

A key is looked up in the configuration, then in the store, once; afterwards its bytes are remembered for as long as the
block's `cache` says, and a request with it waits for nothing. A revoked key is refused at once all the same: its mark
is asked for like a token's. When the store cannot be asked about a key that nobody has used lately, its caller is told
503 and not 401: who has a good key has not lost it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from portico.config.models.identity.api_key import ApiKeySettings
from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTHENTICATION_ERROR, STORE_AWAY, Failure
from portico.exchange.fields import TWICE, only
from portico.exchange.identity import Identity, OwnLimit
from portico.exchange.marks import key_mark, tenant_mark, user_mark
from portico.rules import LimitRule
from portico.stores.interface import Store, StoreAwayError

from .api_key_record import KeyRecord, live_secrets, parse_key
from .asked import Kept
from .challenges import challenged
from .claims import identity_fields
from .means import Means

log = logging.getLogger("portico")

SOURCE = "api-key"
MOST = 10_000  # good keys that are remembered, and ids that there are not
UNKNOWN_S = 1.0  # that an id which there is not is not asked for again
USED_EVERY_S = 30.0  # how often the store is told which keys were used
USED_KEPT_S = 400 * 86_400.0

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Known:
    """A key that was found good: whose it is, where it may be used from, and until when that is known."""

    until: float
    id: str
    identity: Identity
    networks: tuple[Network, ...]


class ApiKeyProof:
    """One identity block of kind `api_key`, compiled. `written` are the keys of the configuration."""

    __slots__ = (
        "_cache_s",
        "_failure",
        "_known",
        "_prefix",
        "_store",
        "_unknown",
        "_used",
        "_written",
        "challenge",
        "field",
        "name",
        "needs_body",
    )

    def __init__(
        self,
        name: str,
        store: Store,
        written: Mapping[str, KeyRecord],
        *,
        field: bytes = b"x-api-key",
        prefix: str = "ptk",
        cache_s: float = 60.0,
    ) -> None:
        self.name = name
        self.field = field
        self.needs_body: int | None = None
        # No scheme is registered for it, and RFC 9110 section 11.6.1 wants one.
        self.challenge = b'ApiKey realm="%b"' % name.encode()
        self._failure = challenged(AUTHENTICATION_ERROR, self.challenge)
        self._store = store
        self._written = dict(written)
        self._prefix = prefix
        self._cache_s = cache_s
        self._known: Kept[bytes, Known] = Kept(MOST)
        self._unknown: Kept[str, float] = Kept(MOST)
        self._used: dict[str, float] = {}

    def prove(self, x: Exchange, wall: float) -> Identity | Failure | Awaitable[Identity | Failure] | None:
        """Whose key the request has; waits only for a key that nobody has used lately."""
        value = only(x.request.fields, self.field)
        if value is None:
            return None
        if value is TWICE:
            return self._refused(f"two {self.field.decode()} fields")
        known = self._known.get(value)
        if known is not None and wall < known.until:
            return self._admit(x, known, wall)
        return self._examine(x, value, wall)

    def _admit(self, x: Exchange, known: Known, wall: float) -> Identity | Failure:
        if known.networks and not _is_inside(x.client, known.networks):
            return self._refused(f"key {known.id} may not be used from there")
        self._used[known.id] = wall
        return known.identity

    def _examine(
        self, x: Exchange, value: bytes, wall: float
    ) -> Identity | Failure | Awaitable[Identity | Failure]:
        parsed = parse_key(value, self._prefix)
        if parsed is None:
            return self._refused("it is no key of this prefix")
        key_id, secret = parsed
        written = self._written.get(key_id)
        if written is not None:
            return self._judge(x, value, written, secret, wall)
        if self._unknown.get(key_id, 0.0) > wall:
            return self._refused(f"there is no key {key_id}")
        return self._look_up(x, value, key_id, secret, wall)

    async def _look_up(
        self, x: Exchange, value: bytes, key_id: str, secret: str, wall: float
    ) -> Identity | Failure:
        try:
            found = await self._store.find("apikey", key_id)
            record = None if found is None else KeyRecord.decode(found)
        except StoreAwayError as error:
            return STORE_AWAY.because(f"keys of {self.name} cannot be asked for: {error}")
        except ValueError as error:
            log.error("the record of key %s cannot be read: %s", key_id, error)
            record = None
        # A record belongs to the identities of its prefix: another prefix before it makes another key.
        if record is None or record.id != key_id or record.prefix != self._prefix:
            self._unknown.keep(key_id, wall + UNKNOWN_S)
            return self._refused(f"there is no key {key_id}")
        return self._judge(x, value, record, secret, wall)

    def _judge(
        self, x: Exchange, value: bytes, record: KeyRecord, secret: str, wall: float
    ) -> Identity | Failure:
        end = record.end_of(secret, wall)
        if end is None:
            return self._refused(f"key {record.id} has another secret, has expired or was revoked")
        known = Known(min(end, wall + self._cache_s), record.id, self._identity(record), record.addresses)
        self._known.keep(value, known)
        return self._admit(x, known, wall)

    def _identity(self, record: KeyRecord) -> Identity:
        marks = [key_mark(record.id), user_mark(record.tenant, record.subject)]
        if record.tenant is not None:
            marks.append(tenant_mark(record.tenant))
        limit = None
        if record.limit is not None:
            quota, window_s = record.limit
            limit = OwnLimit(LimitRule(quota, float(window_s), quota), key_mark(record.id))
        return Identity(
            subject=record.subject,
            method=self.name,
            source=SOURCE,
            roles=() if record.scopes else record.roles,
            tenant=record.tenant,
            expires=record.expires,
            claims={"key": record.id, "name": record.name},
            fields=identity_fields(
                record.subject, () if record.scopes else record.roles, record.tenant, SOURCE.encode()
            ),
            permissions=record.scopes,
            scoped=bool(record.scopes),
            venues=record.venues,
            marks=tuple(marks),
            issued=record.created,
            limit=limit,
        )

    def _refused(self, reason: str) -> Failure:
        return self._failure.because(f"key refused by {self.name}: {reason}")

    async def tell_uses(self) -> None:
        """In the background: tell the store when each key was used last."""
        while True:
            await asyncio.sleep(USED_EVERY_S)
            used, self._used = self._used, {}
            for key_id, wall in used.items():
                try:
                    await self._store.keep(
                        "cache", f"apikey-used:{key_id}", b"%d" % int(wall), wall + USED_KEPT_S
                    )
                except StoreAwayError:
                    break  # it is only for people, and the next minute has newer ones

    def __repr__(self) -> str:
        return f"<ApiKeyProof {self.name} {len(self._written)} written, {len(self._known)} known>"


def _is_inside(client: bytes, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(client.decode("latin-1"))
    except ValueError:
        return False  # behind a Unix socket, without a trusted proxy that says who it is
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def api_key_proof(name: str, settings: ApiKeySettings, means: Means) -> ApiKeyProof:
    """The proof of a block of kind `api_key`."""
    written = {
        key_id: KeyRecord(
            id=key_id,
            prefix=settings.prefix,
            secrets=live_secrets(key.secret),
            subject=key.subject or key_id,
            tenant=key.tenant,
            roles=key.roles,
            scopes=key.scopes,
            venues=key.venues,
            addresses=key.addresses,
            limit=None if key.limit is None else (key.limit.quota, key.limit.window_s),
        )
        for key_id, key in settings.keys.items()
    }
    proof = ApiKeyProof(
        name,
        means.store,
        written,
        field=settings.header.encode("ascii"),
        prefix=settings.prefix,
        cache_s=settings.cache,
    )
    means.background("uses of keys", proof.tell_uses)
    return proof
