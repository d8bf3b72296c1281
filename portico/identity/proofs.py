"""From the `identity:` section to proofs: what a request's credential is checked with.

Compiled once per configuration, with everything that is wrong with the keys collected: the configuration's own check
judges forms and lengths, this one what is in the keys. The verified-token caches live in the proofs, so a new
configuration begins with empty ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from portico.config.models.identity import IdentitySettings, JwtSettings, MtlsSettings
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.exchange.request import Request

from .claims import ClaimRules
from .jwt import JwtProof
from .keys import Key, KeyRefusedError, public_keys
from .mtls import CertificateRules, MtlsProof

ANY_AUDIENCE = "*"


class Proof(Protocol):
    """One way to prove who calls. `field` is where it looks, empty for the connection; `challenge` is what
    WWW-Authenticate says of it."""

    @property
    def name(self) -> str:
        """The identity block's name."""

    @property
    def field(self) -> bytes:
        """The request field that carries its credential."""

    @property
    def challenge(self) -> bytes:
        """What a 401 without a credential says (RFC 9110 section 11.6.1)."""

    def prove(self, request: Request, wall: float) -> Identity | Failure | None:
        """Who calls, why that is not proven, or None when the request has no such credential."""


@dataclass(frozen=True, slots=True)
class IdentityProblem:
    """Why an identity block cannot be used; `path` leads from the `identity:` section to the value."""

    path: tuple[str | int, ...]
    reason: str

    def __str__(self) -> str:
        return f"identity.{'.'.join(map(str, self.path))} {self.reason}"


class Proofs:
    """The proofs of one configuration by name, and what is wrong with the blocks that are missing here."""

    __slots__ = ("by_name", "problems")

    def __init__(self, identity: Mapping[str, IdentitySettings]) -> None:
        self.by_name: dict[str, Proof] = {}
        self.problems: list[IdentityProblem] = []
        for name, settings in identity.items():
            if settings.mtls is not None:
                self.by_name[name] = _mtls(name, settings.mtls)
            if settings.jwt is None:
                continue
            found = _Jwt(name, settings.jwt)
            self.problems += found.problems
            if not found.problems:
                self.by_name[name] = found.proof()

    def __repr__(self) -> str:
        return f"<Proofs {', '.join(self.by_name)}, {len(self.problems)} problems>"


def _mtls(name: str, settings: MtlsSettings) -> MtlsProof:
    fields = settings.fields
    rules = CertificateRules(
        fields.subject,
        fields.tenant,
        fields.role,
        frozenset(settings.issuers),
        frozenset(settings.fingerprints),
        settings.roles,
    )
    return MtlsProof(name, rules)


class _Jwt:
    """One block of kind `jwt` on its way to a proof."""

    def __init__(self, name: str, settings: JwtSettings) -> None:
        self._name = name
        self._settings = settings
        self.problems: list[IdentityProblem] = []
        self._keys = self._secrets() if settings.hmac_secrets else self._public_keys()
        if not self.problems:
            self._check_algorithms()

    def proof(self) -> JwtProof:
        settings = self._settings
        claims = settings.claims
        rules = ClaimRules(
            issuer=settings.issuer,
            audiences=None if ANY_AUDIENCE in settings.audience else frozenset(settings.audience),
            leeway_s=settings.leeway,
            required=settings.require,
            type=settings.type,
            subject=claims.subject,
            tenant=claims.tenant,
            role=claims.role,
            email=claims.email,
        )
        return JwtProof(self._name, self._keys, settings.accepted, rules, settings.header.encode("ascii"))

    def _problem(self, reason: str, *path: str | int) -> None:
        self.problems.append(IdentityProblem((self._name, "jwt", *path), reason))

    def _secrets(self) -> list[Key]:
        keys = []
        single = self._settings.secret is not None
        for index, secret in enumerate(self._settings.hmac_secrets):
            try:
                keys.append(Key.from_secret(secret))
            except KeyRefusedError as error:
                self._problem(str(error), *(("secret",) if single else ("secrets", index)))
        return keys

    def _public_keys(self) -> list[Key]:
        try:
            return public_keys(self._settings.public_key or "")
        except KeyRefusedError as error:
            self._problem(str(error), "public_key")
            return []

    def _check_algorithms(self) -> None:
        """Every accepted algorithm has a key, and every key an accepted algorithm: nothing is there for nothing."""
        accepted = self._settings.accepted
        served = frozenset[str]().union(*(key.algorithms for key in self._keys))
        for index, algorithm in enumerate(accepted):
            if algorithm not in served:
                self._problem(
                    f"names {algorithm}, which no key here can verify: the keys serve {_any_of(served)}",
                    "algorithms",
                    index,
                )
        for key in self._keys:
            if key.algorithms.isdisjoint(accepted):
                self._problem(
                    f"has a key that no accepted algorithm uses: it is for {_any_of(key.algorithms)}",
                    "public_key",
                )


def _any_of(algorithms: frozenset[str]) -> str:
    return ", ".join(sorted(algorithms))
