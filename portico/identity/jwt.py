"""Prove who calls by a JWT in a request field, usually `Authorization: Bearer` (RFC 7519, RFC 6750).

Answers with an identity, with a failure, or with None when the request has no such credential. Verified tokens are
remembered by their exact bytes, so that a token costs one signature check and afterwards one dictionary look-up;
times, and whether the keys are still trusted, are checked on every request; refusals are never remembered. Waits only
for keys of an issuer elsewhere that are not there yet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Iterable

from portico.exchange.exchange import Exchange
from portico.exchange.failure import INVALID_TOKEN, PROVER_AWAY, TOKEN_EXPIRED, Failure
from portico.exchange.identity import Identity

from .bound import Bound
from .challenges import token_refused
from .claims import ClaimRules, check_issuer, check_typ, identify, lifetime
from .jws import Compact, TokenError, json_object, read
from .keys import Key, KeySet, WrittenKeys
from .remote_keys import RemoteKeys

Entry = tuple[float, float, Identity, KeySet]  # holds while start <= wall < end and the keys are trusted
Proven = Identity | Failure | None


class VerifiedTokens:
    """Tokens that were verified, by the raw value of their field. The oldest go first when it is full.

    Bounded in entries and in bytes of tokens. Look-ups go to `get`, the dictionary's own method.
    """

    __slots__ = ("_bytes", "_entries", "get", "most", "most_bytes")

    def __init__(self, most: int = 10_000, most_bytes: int = 8 * 1024 * 1024) -> None:
        self.most = most
        self.most_bytes = most_bytes
        self._bytes = 0
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self.get = self._entries.get

    def add(self, value: bytes, entry: Entry) -> None:
        """Remember a verified token."""
        self.drop(value)
        self._entries[value] = entry
        self._bytes += len(value)
        while len(self._entries) > self.most or self._bytes > self.most_bytes:
            oldest, _ = self._entries.popitem(last=False)
            self._bytes -= len(oldest)

    def drop(self, value: bytes) -> None:
        """Forget a token, if it is known."""
        if self._entries.pop(value, None) is not None:
            self._bytes -= len(value)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<VerifiedTokens {len(self._entries)} of {self.most}, {self._bytes} bytes>"


class JwtProof:
    """One identity block of kind `jwt`, compiled. `name` is the block's name, `field` the request field to read.

    `challenge` is what a 401 says in WWW-Authenticate when no credential came (RFC 6750 section 3). The keys are given,
    or those of an issuer elsewhere.
    """

    __slots__ = (
        "_expired",
        "_invalid",
        "_scheme_required",
        "algorithms",
        "bound",
        "challenge",
        "field",
        "issuer",
        "keys",
        "name",
        "needs_body",
        "opaque",
        "rules",
        "typ",
        "verified",
    )

    def __init__(
        self,
        name: str,
        keys: Iterable[Key] | RemoteKeys,
        algorithms: Iterable[str],
        rules: ClaimRules,
        field: bytes = b"authorization",
        bound: Bound | None = None,
    ) -> None:
        self.name = name
        self.bound = bound or Bound(name)
        self.keys: KeySet | RemoteKeys = keys if isinstance(keys, RemoteKeys) else WrittenKeys(keys)
        self.algorithms = frozenset(algorithms)
        self.rules = rules
        self.field = field
        # In a field of its own a token may stand without a scheme; Authorization always has one.
        self._scheme_required = field == b"authorization"
        self.needs_body: int | None = None
        self.issuer = rules.issuer
        self.typ = rules.typ
        self.opaque = False
        self.verified = VerifiedTokens()
        self.challenge = self.bound.challenge
        own = self.bound.own_challenge
        self._invalid = token_refused(INVALID_TOKEN, own, b"The token is not valid")
        self._expired = token_refused(TOKEN_EXPIRED, own, b"The token has expired")

    def prove(self, x: Exchange, wall: float) -> Proven | Awaitable[Proven]:
        """Who sent the request at `wall` (seconds since 1970), why that failed, or None without a credential."""
        name, value = self.field, None
        for field, text in x.request.fields:
            if field == name:
                if value is not None:
                    return self._invalid.because(f"two {name.decode()} fields")
                value = text
        if value is None:
            return None
        entry = self.verified.get(value)
        if entry is not None and entry[0] <= wall < entry[1] and entry[3].trusted:
            return self._owned(x, entry[2], value, wall)
        verdict = self._examine(value, wall)
        if verdict is None or isinstance(verdict, Failure):
            return verdict
        if isinstance(verdict, Identity):
            return self._owned(x, verdict, value, wall)
        return self._owned_late(x, verdict, value, wall)

    def _owned(
        self, x: Exchange, identity: Identity, value: bytes, wall: float
    ) -> Proven | Awaitable[Proven]:
        """Whoever sent a token that is bound to something must have that too, whenever the token is seen."""
        if self.bound.takes_dpop or "cnf" in identity.claims:
            return self.bound.check(x, identity, value, wall)
        return identity

    async def _owned_late(self, x: Exchange, pending: Awaitable[Proven], value: bytes, wall: float) -> Proven:
        verdict = await pending
        if verdict is None or isinstance(verdict, Failure):
            return verdict
        owned = self._owned(x, verdict, value, wall)
        return owned if owned is None or isinstance(owned, Identity | Failure) else await owned

    def knows(self, value: bytes) -> bool:
        """Whether this value of the field has proven somebody before."""
        return self.verified.get(value) is not None

    def _examine(self, value: bytes, wall: float) -> Proven | Awaitable[Proven]:
        self.verified.drop(value)
        token = self._token(value)
        if not token:
            return None
        try:
            compact = read(token, self.algorithms)
            check_typ(compact.header, self.rules)
            keys = self.keys
            if isinstance(keys, RemoteKeys):
                return self._verify_remote(keys, compact, token, value, wall)
            return self._verify(keys, compact, token, value, wall)
        except TokenError as error:
            return self._refusal(error)

    def _verify_remote(
        self, remote: RemoteKeys, compact: Compact, token: bytes, value: bytes, wall: float
    ) -> Proven | Awaitable[Proven]:
        """With the keys that there are; waits when the one that is needed may be about to come."""
        keys = remote.current
        if keys is None:
            # Who comes first after the start waits for the first keys. Where they cannot be had, nobody waits.
            expected = remote.is_expected()
            return self._verify_late(remote, compact, token, value, wall) if expected else self._away(remote)
        if compact.kid is not None and not keys.knows(compact.kid):
            # Another issuer's token is not worth a fetch.
            check_issuer(json_object(compact.payload, "payload"), self.rules)
            if remote.may_refetch():
                return self._verify_late(remote, compact, token, value, wall)
        return self._verify(keys, compact, token, value, wall)

    async def _verify_late(
        self, remote: RemoteKeys, compact: Compact, token: bytes, value: bytes, wall: float
    ) -> Proven:
        await remote.arrival()
        keys = remote.current
        if keys is None:
            return self._away(remote)
        try:
            return self._verify(keys, compact, token, value, wall)
        except TokenError as error:
            return self._refusal(error)

    def _refusal(self, error: TokenError) -> Failure:
        failure = self._expired if error.expired else self._invalid
        return failure.because(f"token refused by {self.name}: {error.reason}")

    def _away(self, remote: RemoteKeys) -> Failure:
        failure = PROVER_AWAY.saying(PROVER_AWAY.text, (b"retry-after", b"%d" % remote.retry_after_s()))
        return failure.because(f"the keys of {self.name} have not come yet, or are too old")

    def _token(self, value: bytes) -> bytes:
        """The token in the field's value; empty when that is another scheme's, or has none."""
        scheme, _, token = value.partition(b" ")
        if scheme.lower() in self.bound.schemes:
            return token.strip(b" ")
        return b"" if self._scheme_required else value

    def _verify(self, keys: KeySet, compact: Compact, token: bytes, value: bytes, wall: float) -> Identity:
        chosen = keys.choose(compact.kid, compact.algorithm)
        if not chosen:
            raise TokenError("its kid and algorithm choose no key of those that are trusted here")
        compact.check(chosen)
        claims = json_object(compact.payload, "payload")
        life = lifetime(claims, self.rules)
        if wall >= life.end:
            raise TokenError("it has expired", expired=True)
        if wall < life.start:
            raise TokenError("it is not valid yet")
        identity = identify(claims, self.rules, self.name, life.expires, token=token, issued=life.issued)
        self.verified.add(value, (life.start, life.end, identity, keys))
        return identity

    def __repr__(self) -> str:
        allowed = ", ".join(sorted(self.algorithms))
        return f"<JwtProof {self.name} {allowed}, {len(self.verified)} verified>"
