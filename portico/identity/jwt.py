"""Prove who calls by a JWT in a request field, usually `Authorization: Bearer` (RFC 7519, RFC 6750).

Answers with an identity, with a failure, or with None when the request has no such credential. Verified tokens are
remembered by their exact bytes, so that a token costs one signature check and afterwards one dictionary look-up;
times are checked on every request, refusals are never remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from portico.exchange.exchange import Exchange
from portico.exchange.failure import INVALID_TOKEN, TOKEN_EXPIRED, Failure
from portico.exchange.identity import Identity

from .claims import ClaimRules, identify, lifetime
from .jws import TokenError, json_object, verify
from .keys import Key

Entry = tuple[float, float, Identity]  # holds while start <= wall < end


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

    `challenge` is what a 401 says in WWW-Authenticate when no credential came (RFC 6750 section 3).
    """

    __slots__ = (
        "_expired",
        "_invalid",
        "_scheme_required",
        "algorithms",
        "challenge",
        "field",
        "keys",
        "name",
        "needs_body",
        "rules",
        "verified",
    )

    def __init__(
        self,
        name: str,
        keys: Iterable[Key],
        algorithms: Iterable[str],
        rules: ClaimRules,
        field: bytes = b"authorization",
    ) -> None:
        self.name = name
        self.keys = tuple(keys)
        self.algorithms = frozenset(algorithms)
        self.rules = rules
        self.field = field
        # In a field of its own a token may stand without a scheme; Authorization always has one.
        self._scheme_required = field == b"authorization"
        self.needs_body: int | None = None
        self.verified = VerifiedTokens()
        self.challenge = b'Bearer realm="%b"' % name.encode("ascii")
        self._invalid = _with_challenge(INVALID_TOKEN, self.challenge, b"The token is not valid")
        self._expired = _with_challenge(TOKEN_EXPIRED, self.challenge, b"The token has expired")

    def prove(self, x: Exchange, wall: float) -> Identity | Failure | None:
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
        if entry is not None and entry[0] <= wall < entry[1]:
            return entry[2]
        return self._examine(value, wall)

    def _examine(self, value: bytes, wall: float) -> Identity | Failure | None:
        self.verified.drop(value)
        token = self._token(value)
        if not token:
            return None
        try:
            return self._verify(value, token, wall)
        except TokenError as error:
            failure = self._expired if error.expired else self._invalid
            return failure.because(f"token refused by {self.name}: {error.reason}")

    def _token(self, value: bytes) -> bytes:
        """The token in the field's value; empty when that is another scheme's, or has none."""
        scheme, _, token = value.partition(b" ")
        if scheme.lower() == b"bearer":
            return token.strip(b" ")
        return b"" if self._scheme_required else value

    def _verify(self, value: bytes, token: bytes, wall: float) -> Identity:
        _, payload = verify(token, self.keys, self.algorithms)
        claims = json_object(payload, "payload")
        life = lifetime(claims, self.rules)
        if wall >= life.end:
            raise TokenError("it has expired", expired=True)
        if wall < life.start:
            raise TokenError("it is not valid yet")
        identity = identify(claims, self.rules, self.name, life.expires)
        self.verified.add(value, (life.start, life.end, identity))
        return identity

    def __repr__(self) -> str:
        allowed = ", ".join(sorted(self.algorithms))
        return f"<JwtProof {self.name} {allowed}, {len(self.verified)} verified>"


def _with_challenge(failure: Failure, challenge: bytes, description: bytes) -> Failure:
    field = b'%b, error="invalid_token", error_description="%b"' % (challenge, description)
    return failure.saying(failure.text, (b"www-authenticate", field))
