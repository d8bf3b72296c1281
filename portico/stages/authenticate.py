"""Who calls? Asks the route's identity methods in the order written; the first that finds its credential decides.

A method without a credential passes on to the next one. A credential that is there and invalid fails the request,
even if a later method might have accepted another one: a caller must not choose what is checked (requirements 2.10,
2.11). `none` is an answer too: a public route says so itself.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator

from portico.config.references import IdentityName
from portico.config.values import Distinct, OneOrMany, refuse
from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTH_REQUIRED, TOKEN_EXPIRED, Failure
from portico.exchange.identity import Identity
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.identity.proofs import Proof, Proofs
from portico.observe.audit import Audit, Severity
from portico.observe.families import Metrics

NOBODY = "none"

# A missing or old token is everyday life, a false one is not.
_SEVERITIES: dict[str, Severity] = {AUTH_REQUIRED.code: "low", TOKEN_EXPIRED.code: "low"}


def _written(value: object) -> object:
    if value == NOBODY:
        return ()
    if value is None or value in ([], ()):
        raise refuse("names no identity", value, f"write {NOBODY} for a public route")
    if isinstance(value, list) and NOBODY in value:
        raise refuse(
            "{written} is not one of several methods", NOBODY, f"write {NOBODY} alone for a public route"
        )
    return value


Methods = tuple[str, ...]


class AuthenticateStage(Stage[Methods]):
    """`authenticate: none | users | [users, partners]` on a route or under `defaults`."""

    key: ClassVar[str] = "authenticate"
    phase: ClassVar[Phase] = Phase.IDENTIFY
    settings = Annotated[OneOrMany[IdentityName], Distinct, BeforeValidator(_written)]
    summary: ClassVar[str] = "Who may call: the identity methods to try in order, or none for everybody."

    def compile(self, settings: Methods, site: Site) -> Hooks | None:
        """One hook that asks the methods; none at all on a public route."""
        proofs = site.shared("identity", lambda: _compile(site))
        chosen = [proofs.by_name[name] for name in settings if name in proofs.by_name]
        if not settings:
            return None
        _check_reach(chosen, site)
        asking = _Asking(
            chosen, site.live("clock", Clock), site.live("metrics", Metrics), site.live("audit", Audit)
        )
        return Hooks(on_request=asking.the_only_one if len(chosen) == 1 else asking.in_order)

    def explain(self, settings: Methods) -> str:
        """The methods in their order."""
        return (
            f"proves the caller by {', else by '.join(settings)}" if settings else "public: asks for no proof"
        )


class _Asking:
    """The methods of one route, and where their verdicts are counted."""

    __slots__ = ("_audit", "_clock", "_failed", "_missing", "_proofs", "_proven")

    def __init__(self, proofs: list[Proof], clock: Clock, metrics: Metrics, audit: Audit) -> None:
        self._proofs = tuple(proofs)
        self._audit = audit
        self._clock = clock
        self._proven = metrics.authentication_success
        self._failed = metrics.authentication_failure
        challenges = dict.fromkeys(proof.challenge for proof in proofs)
        self._missing = AUTH_REQUIRED.because("no credential").saying(
            AUTH_REQUIRED.text, *((b"www-authenticate", challenge) for challenge in challenges)
        )

    def the_only_one(self, x: Exchange) -> Failure | None:
        """The hook of a route with one method."""
        verdict = self._proofs[0].prove(x.request, x.now + self._clock.offset)
        if isinstance(verdict, Identity):
            x.identity = verdict
            self._proven.value += 1
            return None
        return self._refuse(x, verdict)

    def in_order(self, x: Exchange) -> Failure | None:
        """The hook of a route with several methods."""
        wall = x.now + self._clock.offset
        for proof in self._proofs:
            verdict = proof.prove(x.request, wall)
            if isinstance(verdict, Identity):
                x.identity = verdict
                self._proven.value += 1
                return None
            if verdict is not None:
                return self._refuse(x, verdict)
        return self._refuse(x, None)

    def _refuse(self, x: Exchange, failure: Failure | None) -> Failure:
        self._failed.value += 1
        if failure is None:
            failure = self._missing
        severity = _SEVERITIES.get(failure.code, "medium")
        self._audit("authentication_failed", severity, x, code=failure.code, reason=failure.detail)
        return failure


def _compile(site: Site) -> Proofs:
    """The proofs of this configuration. The first route that asks for them reports what is wrong with them."""
    proofs = Proofs(site.settings.identity)
    for problem in proofs.problems:
        site.problem(str(problem))
    return proofs


def _check_reach(proofs: list[Proof], site: Site) -> None:
    """A method that reads the same field, or certificate, as one before it would never be asked."""
    seen: dict[bytes, Proof] = {}
    for index, proof in enumerate(proofs):
        earlier = seen.setdefault(proof.field, proof)
        if earlier is not proof:
            what = "header" if proof.field else "certificate"
            site.problem(
                f"{proof.name} reads the same {what} as {earlier.name} before it, and would never be asked",
                index,
            )
