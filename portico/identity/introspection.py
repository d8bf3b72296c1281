"""Prove who calls by a token that only its issuer can read (RFC 7662), usually `Authorization: Bearer`.

The issuer is asked once. What it says of an active token is remembered until the token ends, at most for a minute, and
of any other for some seconds: by the token's SHA-256, in two tables, so that made-up tokens push no good one out.
Whoever brings a token that is being asked about waits for the same answer. When the issuer cannot be asked, nobody is
refused for it: 503, not 401.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from math import inf
from typing import Any

from portico.exchange.exchange import Exchange
from portico.exchange.failure import INVALID_TOKEN, PROVER_AWAY, TOKEN_EXPIRED, Failure
from portico.exchange.fields import TWICE, only
from portico.exchange.identity import Identity

from .asked import Kept
from .bound import Bound
from .challenges import token_refused
from .claims import ClaimRules, identify, lifetime
from .introspect import Introspector, NotAnsweredError
from .jws import TOKEN_BYTES, TokenError

log = logging.getLogger("portico")

Proven = Identity | Failure | None
Verdict = tuple[float, Identity | Failure]  # holds before that time, wall seconds
_TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*\Z")  # RFC 6750 section 2.1
MOST = 10_000  # remembered answers of each kind
RETRY_S = 1


class IntrospectionProof:
    """One identity block of kind `introspection`, compiled. `count` is told what came of each question."""

    __slots__ = (
        "_asking",
        "_bound",
        "_count",
        "_expired",
        "_introspector",
        "_invalid",
        "_kept_s",
        "_refused_s",
        "_scheme_required",
        "accepted",
        "challenge",
        "field",
        "issuer",
        "name",
        "needs_body",
        "opaque",
        "refused",
        "rules",
        "typ",
    )

    def __init__(
        self,
        name: str,
        introspector: Introspector,
        rules: ClaimRules,
        count: Callable[[str], None],
        *,
        kept_s: float = 60.0,
        refused_s: float = 5.0,
        field: bytes = b"authorization",
    ) -> None:
        self.name = name
        self.rules = rules
        self.field = field
        self.needs_body: int | None = None
        self.opaque = True
        self.issuer: str | None = None
        self.typ: str | None = None
        self.accepted: Kept[bytes, Verdict] = Kept(MOST)
        self.refused: Kept[bytes, Verdict] = Kept(MOST)
        self.challenge = b'Bearer realm="%b"' % name.encode("ascii")
        self._scheme_required = field == b"authorization"
        self._bound = Bound(name)
        self._introspector = introspector
        self._count = count
        self._kept_s = kept_s
        self._refused_s = refused_s
        self._asking: dict[bytes, asyncio.Task[Identity | Failure]] = {}
        self._invalid = token_refused(INVALID_TOKEN, self.challenge, b"The token is not valid")
        self._expired = token_refused(TOKEN_EXPIRED, self.challenge, b"The token has expired")

    def prove(self, x: Exchange, wall: float) -> Proven | Awaitable[Proven]:
        """Who sent the request at `wall` (seconds since 1970). Waits only when nobody has asked lately."""
        value = only(x.request.fields, self.field)
        if value is None:
            return None
        if value is TWICE:
            return self._invalid.because(f"two {self.field.decode()} fields")
        token = self._token(value)
        if not token:
            return None
        digest = sha256(token).digest()
        entry = self.accepted.get(digest) or self.refused.get(digest)
        if entry is not None and wall < entry[0]:
            return self._owned(x, entry[1], value, wall)
        if len(token) > TOKEN_BYTES or _TOKEN.match(token) is None:
            return self._invalid.because(
                f"token refused by {self.name}: it is no token, or longer than {TOKEN_BYTES}"
            )
        return self._ask(x, digest, value, token, wall)

    def knows(self, value: bytes) -> bool:
        """Whether this value of the field has proven somebody before."""
        return self.accepted.get(sha256(self._token(value)).digest()) is not None

    def _owned(
        self, x: Exchange, verdict: Identity | Failure, value: bytes, wall: float
    ) -> Identity | Failure | Awaitable[Identity | Failure]:
        """Whoever sent a token that is bound to a certificate must have shown that."""
        if isinstance(verdict, Identity) and "cnf" in verdict.claims:
            return self._bound.check(x, verdict, value, wall)
        return verdict

    async def _ask(self, x: Exchange, digest: bytes, value: bytes, token: bytes, wall: float) -> Proven:
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.get_running_loop().create_task(
                self._answer(digest, token, wall), name=f"introspection for {self.name}"
            )
        # Whoever asked first may leave; the others still want to know.
        owned = self._owned(x, await asyncio.shield(asking), value, wall)
        return owned if isinstance(owned, Identity | Failure) else await owned

    async def _answer(self, digest: bytes, token: bytes, wall: float) -> Identity | Failure:
        try:
            said = await self._introspector.ask(token, wall)
        except NotAnsweredError as error:
            self._count("failed")
            log.warning("%s: a token could not be introspected: %s", self.name, error)
            return PROVER_AWAY.saying(PROVER_AWAY.text, (b"retry-after", b"%d" % RETRY_S)).because(
                f"{self.name} could not ask: {error}"
            )
        finally:
            del self._asking[digest]
        self._count("inactive" if said is None else "active")
        if said is None:
            return self._refuse(digest, wall, TokenError("its issuer says that it is not active"))
        try:
            return self._accept(digest, token, wall, said)
        except TokenError as error:
            return self._refuse(digest, wall, error)

    def _accept(self, digest: bytes, token: bytes, wall: float, said: dict[str, Any]) -> Identity:
        life = lifetime(said, self.rules, endless=True)
        if wall >= life.end:
            raise TokenError("it has expired", expired=True)
        if wall < life.start:
            raise TokenError("it is not valid yet")
        expires = None if life.expires == inf else life.expires
        identity = identify(said, self.rules, self.name, expires, token=token, issued=life.issued)
        self.accepted.keep(digest, (min(life.expires, wall + self._kept_s), identity))
        return identity

    def _refuse(self, digest: bytes, wall: float, error: TokenError) -> Failure:
        failure = self._expired if error.expired else self._invalid
        failure = failure.because(f"token refused by {self.name}: {error.reason}")
        self.refused.keep(digest, (wall + self._refused_s, failure))
        return failure

    def _token(self, value: bytes) -> bytes:
        """The token in the field's value; empty when that is another scheme's, or has none."""
        scheme, _, token = value.partition(b" ")
        if scheme.lower() == b"bearer":
            return token.strip(b" ")
        return b"" if self._scheme_required else value

    def __repr__(self) -> str:
        return f"<IntrospectionProof {self.name}, {len(self.accepted)} active, {len(self.refused)} refused>"
