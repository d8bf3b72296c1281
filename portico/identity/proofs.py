"""From the `identity:` section to proofs: what a request's credential is checked with.

Compiled once per configuration, with everything that is wrong with the keys collected: the configuration's own check
judges forms and lengths, this one what is in the keys. The verified-token caches live in the proofs, so a new
configuration begins with empty ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from portico.config.models.identity import IdentitySettings, MtlsSettings
from portico.exchange.call import Answer, Call, CallFailedError
from portico.exchange.exchange import Exchange
from portico.exchange.failure import UNREACHABLE, Failure
from portico.exchange.identity import Identity
from portico.exchange.stage import Site as StageSite
from portico.rules import Limits
from portico.stores.interface import Store
from portico.stores.memory import MemoryStore

from .api_key import api_key_proof
from .hmac_signature import hmac_proof
from .introspection_block import introspection_proof
from .jwt_block import jwt_proof
from .means import Means
from .mtls import CertificateRules, MtlsProof
from .session import session_proof
from .signature_block import signature_proof

T = TypeVar("T")

Proven = Identity | Failure | None
"""Who calls, why that is not proven, or None when the request has no such credential."""


class Proof(Protocol):
    """One way to prove who calls. `field` is where it looks, empty for what is no field; `challenge` is what
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

    @property
    def needs_body(self) -> int | None:
        """How much of a body it reads, in bytes: it then has the whole body in `x.body`. None: it reads none."""

    def prove(self, x: Exchange, wall: float) -> Proven | Awaitable[Proven]:
        """Who calls at `wall` (seconds since 1970). Waits only for what is not at hand."""


@dataclass(frozen=True, slots=True)
class IdentityProblem:
    """Why an identity block cannot be used; `path` leads from the `identity:` section to the value."""

    path: tuple[str | int, ...]
    reason: str

    def __str__(self) -> str:
        return f"identity.{'.'.join(map(str, self.path))} {self.reason}"


class Site(Protocol):
    """What proofs take from where they are compiled; `exchange.stage.Site` has it."""

    def call(self, service: str) -> Call: ...
    def background(self, key: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None: ...
    def live(self, key: str, build: Callable[[], T]) -> T: ...


class Nowhere:
    """A site that serves nobody: for who only wants to know what a proof makes of something."""

    def call(self, service: str) -> Call:
        return _unanswered

    def background(self, key: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begins nothing."""

    def live(self, key: str, build: Callable[[], T]) -> T:
        return build() if key != "store" else cast(T, MemoryStore(Limits(0)))


async def _unanswered(*_question: object, **_bounds: object) -> Answer:
    raise CallFailedError(UNREACHABLE)


class _BlockMeans:
    """The means of one block at a site. Keys of what is kept begin with the block's name, so that none meet."""

    def __init__(self, name: str, kind: str, site: Site, problems: list[IdentityProblem]) -> None:
        self._name = name
        self._kind = kind
        self._site = site
        self._problems = problems

    @property
    def store(self) -> Store:
        return self._site.live("store", _no_store)

    def call(self, service: str) -> Call:
        return self._site.call(service)

    def background(self, key: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._site.background(f"identity.{self._name} {key}", make)

    def live(self, key: str, build: Callable[[], T]) -> T:
        return self._site.live(key, build)

    def problem(self, reason: str, *path: str | int) -> None:
        self._problems.append(IdentityProblem((self._name, self._kind, *path), reason))


def _no_store() -> Store:
    raise AssertionError("a gateway always has a store")


def _mtls(name: str, settings: MtlsSettings, means: Means) -> MtlsProof:
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


KINDS: Mapping[str, Callable[[str, Any, Means], Proof | None]] = {
    "api_key": api_key_proof,
    "introspection": introspection_proof,
    "jwt": jwt_proof,
    "mtls": _mtls,
    "hmac": hmac_proof,
    "session": session_proof,
    "signature": signature_proof,
}
"""Kind of block → what makes its proof, or reports why there is none."""


class Proofs:
    """The proofs of one configuration by name, and what is wrong with the blocks that are missing here."""

    __slots__ = ("by_name", "problems")

    def __init__(self, identity: Mapping[str, IdentitySettings], site: Site | None = None) -> None:
        self.by_name: dict[str, Proof] = {}
        self.problems: list[IdentityProblem] = []
        site = site or Nowhere()
        for name, settings in identity.items():
            for kind in settings.kinds:
                means = _BlockMeans(name, kind, site, self.problems)
                proof = KINDS[kind](name, getattr(settings, kind), means)
                if proof is not None:
                    self.by_name[name] = proof

    def __repr__(self) -> str:
        return f"<Proofs {', '.join(self.by_name)}, {len(self.problems)} problems>"


def proofs_of(site: StageSite) -> Proofs:
    """The proofs of the configuration. The first route that asks for them reports what is wrong with them."""
    return site.shared("identity", lambda: _compiled(site))


def _compiled(site: StageSite) -> Proofs:
    proofs = Proofs(site.settings.identity, site)
    for problem in proofs.problems:
        site.problem(str(problem))
    return proofs
