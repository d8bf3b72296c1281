"""From a `jwt:` block to its proof: the keys that it names, and whether they and the algorithms go together."""

from __future__ import annotations

from portico.config.models.identity import JwtSettings

from .claims import ClaimRules
from .jwt import JwtProof
from .keys import Key, KeyRefusedError, public_keys
from .means import Means

ANY_AUDIENCE = "*"


def jwt_proof(name: str, settings: JwtSettings, means: Means) -> JwtProof | None:
    """The proof of a block of kind `jwt`, None when it was reported why there is none."""
    block = _Block(name, settings, means)
    return None if block.broken else block.proof()


class _Block:
    """One block of kind `jwt` on its way to a proof."""

    def __init__(self, name: str, settings: JwtSettings, means: Means) -> None:
        self._name = name
        self._settings = settings
        self._means = means
        self.broken = False
        self._keys = self._secrets() if settings.hmac_secrets else self._public_keys()
        if not self.broken:
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
        self.broken = True
        self._means.problem(reason, *path)

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
