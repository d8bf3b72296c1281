"""Tokens that only their owner may bear: bound to a key by DPoP (RFC 9449), to a certificate (RFC 8705).

A token says by its claim `cnf` what it is bound to (RFC 7800), and that is asked of every request, however often the
token was seen. One that is bound to a key is never good as a bearer token, whether or not DPoP is switched on: it would
lose what it was bound for. One that is bound to something else than these two is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from hashlib import sha256
from typing import Any

from portico.config.models.identity.dpop import DpopSettings
from portico.exchange.exchange import Exchange
from portico.exchange.failure import INVALID_TOKEN, STORE_AWAY, Failure
from portico.exchange.identity import Identity
from portico.http.asked import as_asked
from portico.stores.interface import Store, StoreAwayError

from .dpop import Asked, DpopProof, read_proof
from .dpop_nonce import DpopNonces
from .encoding import to_base64url
from .jws import TokenError
from .replays import Replays

SCHEME = b"dpop"


class Bound:
    """What one identity block of kind `jwt` asks of bound tokens. `settings` None: DPoP is off."""

    __slots__ = (
        "_algorithms",
        "_invalid_proof",
        "_invalid_token",
        "_name",
        "_nonces",
        "_replays",
        "_required",
        "_use_nonce",
        "_window_s",
        "challenge",
        "own_challenge",
        "schemes",
        "takes_dpop",
    )

    def __init__(self, name: str, settings: DpopSettings | None = None, store: Store | None = None) -> None:
        self._name = name
        self.takes_dpop = settings is not None
        written = settings or DpopSettings()
        self._required = settings is not None and settings.mode == "required"
        self._algorithms = frozenset(written.algorithms)
        self._window_s = written.window
        bearer = b'Bearer realm="%b"' % name.encode()
        dpop = b'DPoP realm="%b", algs="%b"' % (name.encode(), " ".join(written.algorithms).encode())
        # What a 401 without a credential says, and the schemes that are taken behind it, in lower case.
        self.challenge = dpop if self._required else b"%b, %b" % (bearer, dpop) if settings else bearer
        self.schemes = frozenset(
            {SCHEME} if self._required else {b"bearer", SCHEME} if settings else {b"bearer"}
        )
        self.own_challenge = dpop if self._required else bearer
        told = dpop if settings else bearer
        self._invalid_token = _saying(told, b"invalid_token")
        self._invalid_proof = _saying(told, b"invalid_dpop_proof")
        self._use_nonce = _saying(told, b"use_dpop_nonce")
        self._replays: Replays | None = None
        self._nonces: DpopNonces | None = None
        if settings is not None and store is not None:
            self._replays = Replays(store, f"dpop {name}", self._proof_refused("it was used before"))
            if settings.nonce:
                self._nonces = DpopNonces(store, name)

    def check(
        self, x: Exchange, identity: Identity, credential: bytes, wall: float
    ) -> Identity | Failure | Awaitable[Identity | Failure]:
        """`identity`, if whoever sent the request is the owner of its token.

        `credential` is the value of the field that carried it, with its scheme if it has one.
        """
        scheme, _, token = credential.partition(b" ")
        by_dpop = scheme.lower() == SCHEME
        bound = identity.claims.get("cnf")
        if bound is None:
            if by_dpop or self._required:
                return self._token_refused("it is bound to no key")
            return identity
        if not isinstance(bound, Mapping) or not {"jkt", "x5t#S256"} & bound.keys():
            return self._token_refused("it is bound to something that is not known here")
        if "x5t#S256" in bound and bound["x5t#S256"] != _certificate_thumbprint(x):
            return self._token_refused("it is bound to another certificate than was shown")
        if "jkt" not in bound:
            if by_dpop or self._required:
                return self._token_refused("it is bound to a certificate, and to no key")
            return identity
        replays = self._replays
        if not by_dpop or replays is None:
            return self._token_refused("it is bound to a key, and came without the proof of it")
        proof = self._proof(x, bound, token.strip(b" "), wall)
        return proof if isinstance(proof, Failure) else self._first(replays, identity, proof, wall)

    def _proof(self, x: Exchange, bound: Mapping[str, Any], token: bytes, wall: float) -> DpopProof | Failure:
        told = [value for name, value in x.request.fields if name == b"dpop"]
        if len(told) != 1:
            return self._proof_refused(f"there are {len(told)} of them")
        asked = Asked(x.request.method, *as_asked(x), x.request.path)
        try:
            proof = read_proof(told[0], asked, token, self._algorithms, wall, self._window_s)
        except TokenError as error:
            return self._proof_refused(error.reason)
        if proof.thumbprint != bound["jkt"]:
            return self._token_refused("it is bound to another key than the proof's")
        return proof

    async def _first(
        self, replays: Replays, identity: Identity, proof: DpopProof, wall: float
    ) -> Identity | Failure:
        if self._nonces is not None:
            try:
                if proof.nonce is None or not await self._nonces.is_ours(proof.nonce, wall):
                    current = await self._nonces.current(wall)
                    return self._use_nonce.saying(
                        self._use_nonce.text, (b"dpop-nonce", current.encode())
                    ).because(f"proof refused by {self._name}: it has no nonce, or an old one")
            except StoreAwayError:
                return STORE_AWAY.because("there is no secret for nonces")
        until = proof.issued + self._window_s + 1.0
        return await replays.first(identity, until, proof.thumbprint.encode(), proof.jti.encode())

    def _token_refused(self, reason: str) -> Failure:
        return self._invalid_token.because(f"token refused by {self._name}: {reason}")

    def _proof_refused(self, reason: str) -> Failure:
        return self._invalid_proof.because(f"proof refused by {self._name}: {reason}")

    def __repr__(self) -> str:
        mode = "required" if self._required else "allowed" if self.takes_dpop else "off"
        return f"<Bound {self._name} DPoP {mode}>"


def _certificate_thumbprint(x: Exchange) -> str | None:
    """RFC 8705 section 3.1."""
    certificate = x.request.certificate
    return None if certificate is None else to_base64url(sha256(certificate.der).digest()).decode()


def _saying(challenge: bytes, error: bytes) -> Failure:
    return INVALID_TOKEN.saying(
        INVALID_TOKEN.text, (b"www-authenticate", b'%b, error="%b"' % (challenge, error))
    )
