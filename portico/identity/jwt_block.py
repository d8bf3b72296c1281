"""From a `jwt:` block to its proof: the keys that it names, and whether they and the algorithms go together.

Keys that are elsewhere are fetched beside the requests: a start waits for nobody.
"""

from __future__ import annotations

from portico.config.models.identity import JwtSettings
from portico.config.remotes import parse_remote
from portico.observe.families import Metrics

from .bound import Bound
from .claims import ClaimRules
from .jwks import IssuerCalls, KeysAt, KeysOf
from .jwt import JwtProof
from .key_life import KeyRules
from .keys import Key, KeyRefusedError, public_keys
from .means import Means
from .remote_keys import Fetch, RemoteKeys

ANY_AUDIENCE = "*"


def jwt_proof(name: str, settings: JwtSettings, means: Means) -> JwtProof | None:
    """The proof of a block of kind `jwt`, None when it was reported why there is none."""
    block = _Block(name, settings, means)
    return None if block.broken else block.proof()


def claim_rules(settings: JwtSettings) -> ClaimRules:
    """What a block demands of its tokens' claims."""
    claims = settings.claims
    return ClaimRules(
        issuer=settings.trusted_issuer,
        audiences=None if ANY_AUDIENCE in settings.audience else frozenset(settings.audience),
        leeway_s=settings.leeway,
        required=settings.require,
        type=settings.type,
        subject=claims.subject,
        tenant=claims.tenant,
        role=claims.role,
        email=claims.email,
        venue=claims.venue,
        permissions=claims.permissions,
        scope=claims.scope,
        typ=settings.typ,
        lifetime_s=settings.max_lifetime,
        raw_mark=settings.raw_revocation,
    )


class KeyFetches:
    """Counts fetches of one block's keys."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._fetched = metrics.key_fetches.labels(name, "fetched")
        self._failed = metrics.key_fetches.labels(name, "failed")

    def count(self, fetched: bool) -> None:
        """One more."""
        (self._fetched if fetched else self._failed).value += 1


class _Block:
    """One block of kind `jwt` on its way to a proof."""

    def __init__(self, name: str, settings: JwtSettings, means: Means) -> None:
        self._name = name
        self._settings = settings
        self._means = means
        self.broken = False
        self._keys: list[Key] = []
        if settings.is_remote:
            return
        self._keys = self._secrets() if settings.hmac_secrets else self._public_keys()
        if not self.broken:
            self._check_algorithms()

    def proof(self) -> JwtProof:
        settings = self._settings
        keys = self._remote() if settings.is_remote else self._keys
        bound = Bound(self._name, settings.dpop, self._means.store)
        rules = claim_rules(settings)
        return JwtProof(self._name, keys, settings.accepted, rules, settings.header.encode(), bound)

    def _remote(self) -> RemoteKeys:
        """Keys that are kept fresh while this configuration is live, and known at once to the next one."""
        settings, means = self._settings, self._means
        written = settings.key_set
        rules = KeyRules(written.life, written.stale, written.refetch, written.timeout)
        place, fetch = self._fetch()
        keys = means.live(
            f"identity.{self._name} keys {place}",
            lambda: RemoteKeys(
                f"identity {self._name}",
                KeyFetches(means.live("metrics", Metrics), self._name).count,
            ),
        )
        means.background("keys", lambda: keys.keep(fetch, rules))
        return keys

    def _fetch(self) -> tuple[str, Fetch]:
        """Where the keys are, in words that tell places apart, and what gets them."""
        settings, means = self._settings, self._means
        timeout_s = settings.key_set.timeout
        discover, jwks = settings.discover, settings.jwks
        if discover is not None:
            where = parse_remote(discover.issuer)
            calls = IssuerCalls(means, where.origin, discover.service or where.origin)
            fetch = KeysOf(
                discover.issuer,
                where,
                calls.at,
                plain_http=settings.key_set.plain_http,
                timeout_s=timeout_s,
            )
            return f"of {discover.issuer} at {discover.service}", fetch
        if jwks is not None and jwks.url is not None:
            return f"at {jwks.url}", KeysAt(means.call(jwks.url.origin), jwks.url.target, timeout_s)
        service = "" if jwks is None or jwks.service is None else jwks.service
        path = "/" if jwks is None or jwks.path is None else jwks.path
        return f"at {service} {path}", KeysAt(means.call(service), path, timeout_s)

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
