"""Who calls? Asks the route's identity methods in the order written; the first that finds its credential decides.

A method without a credential passes on to the next one. A credential that is there and invalid fails the request,
even if a later method might have accepted another one: a caller must not choose what is checked (requirements 2.10,
2.11). Methods that read one header are told apart by whose token it is (`identity.issuers`). `none` is an answer too:
a public route says so itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import BeforeValidator

from portico.config.references import IdentityName
from portico.config.values import Distinct, OneOrMany, refuse
from portico.exchange.clock import Clock
from portico.exchange.stage import Hooks, OnReply, Phase, Site, Stage
from portico.hooks.authenticate import Asking
from portico.hooks.judge import asker_of, store_of
from portico.hooks.openid import ToStart
from portico.hooks.own_limits import own_limits_of
from portico.identity.issuers import together
from portico.identity.proofs import Proof, proofs_of
from portico.identity.session import SessionProof
from portico.observe.audit import Audit
from portico.observe.families import Metrics
from portico.stores.memory import MemoryStore

NOBODY = "none"


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
        proofs = proofs_of(site)
        chosen = [proofs.by_name[name] for name in settings if name in proofs.by_name]
        if not settings:
            return None
        methods = together(chosen, _Reach(site).clash)
        store = store_of(site)
        asking = Asking(
            methods,
            site.live("clock", Clock),
            site.live("metrics", Metrics),
            site.live("audit", Audit),
            store if isinstance(store, MemoryStore) else None,
            asker_of(site),
            own_limits_of(site),
        )
        bodies = [proof.needs_body for proof in chosen if proof.needs_body is not None]
        return Hooks(
            on_request=asking.the_only_one if len(methods) == 1 else asking.in_order,
            on_reply=_to_start(chosen),
            needs_body=min(bodies, default=None),
        )

    def explain(self, settings: Methods) -> str:
        """The methods in their order."""
        return (
            f"proves the caller by {', else by '.join(settings)}" if settings else "public: asks for no proof"
        )


def _to_start(proofs: Iterable[Proof]) -> OnReply | None:
    """What becomes of a 401 where browsers can sign in."""
    for proof in proofs:
        if isinstance(proof, SessionProof):
            openid = proof.settings.openid
            if openid is not None and openid.redirect is not None:
                return ToStart(openid.redirect).after
    return None


class _Reach:
    """Tells of a method that would never be asked."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def clash(self, earlier: Proof, proof: Proof, index: int) -> None:
        """One that reads the same header, or certificate, as one before it, with nothing to tell them apart."""
        what = "header" if proof.field else "certificate"
        self._site.problem(
            f"{proof.name} reads the same {what} as {earlier.name} before it, and would never be asked",
            index,
            suggestion="give each an issuer or a typ of its own" if proof.field else "",
        )
