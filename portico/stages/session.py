"""Where sessions of browsers begin and end: at a service that knows passwords, or at an OpenID provider.

A route does one of these for an identity of kind `session`. Proving a caller by a session is `authenticate`'s.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from portico.config.models.identity.openid import OpenidSettings
from portico.config.models.model import SettingsModel
from portico.config.references import IdentityName
from portico.config.values import Maybe, OrOff
from portico.exchange.clock import Clock
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.openid import BODY_BYTES, BackChannel, Callback, Logout, Start
from portico.hooks.session import CsrfToken, SessionSignIn, SessionSignOut
from portico.hooks.telling import Tellers
from portico.identity.openid import Openid
from portico.identity.proofs import proofs_of
from portico.identity.session import SessionProof
from portico.observe.audit import Audit


class SessionRouteSettings(SettingsModel):
    """Exactly one of these, with the identity whose sessions they are."""

    login: Maybe[IdentityName] = Field(
        default=None, description="Begin a session for whom the service's answer to a sign-in names."
    )
    logout: Maybe[IdentityName] = Field(
        default=None,
        description="End the caller's session: once the service has agreed, or, with openid, at the provider too.",
    )
    start: Maybe[IdentityName] = Field(
        default=None, description="Send browsers to the OpenID provider to sign in, without the service."
    )
    callback: Maybe[IdentityName] = Field(
        default=None, description="Begin a session for whom the provider has sent back, without the service."
    )
    csrf: Maybe[IdentityName] = Field(
        default=None, description="Answer the CSRF token of the caller's session, without the service."
    )
    backchannel: Maybe[IdentityName] = Field(
        default=None, description="End sessions that the provider says are over, without the service."
    )

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """(what to do, identity) for each that is written."""
        return [(name, value) for name, value in self if value is not None]

    def __str__(self) -> str:
        return ", ".join(f"{what} of {identity}" for what, identity in self.chosen)


class SessionStage(Stage[SessionRouteSettings | None]):
    """`session: {login: browsers}`, and so on, on a route."""

    key: ClassVar[str] = "session"
    phase: ClassVar[Phase] = Phase.ANSWER
    settings = OrOff[SessionRouteSettings]
    summary: ClassVar[str] = "Where sessions of browsers begin or end: at login, or at logout."

    def compile(self, settings: SessionRouteSettings | None, site: Site) -> Hooks | None:
        """What the route does with sessions."""
        if settings is None:
            return None
        if len(settings.chosen) != 1:
            site.problem("does exactly one of login, logout, csrf, start, callback and backchannel")
            return None
        ((what, name),) = settings.chosen
        written = site.settings.identity.get(name)
        if written is None or written.session is None:
            site.problem(f"{name} has no sessions", what, suggestion=f"write session under identity.{name}")
            return None
        proof = proofs_of(site).by_name.get(name)
        if not isinstance(proof, SessionProof):
            return None  # what is wrong with it has been reported
        if what == "csrf":
            return Hooks(on_request=CsrfToken(proof).answer)
        if what == "login" or (what == "logout" and written.session.openid is None):
            return _at_service(what, proof, site)
        if written.session.openid is None or proof.openid is None:
            site.problem(
                f"{name} has no provider", what, suggestion=f"write openid under identity.{name}.session"
            )
            return None
        return _at_provider(settings, proof, proof.openid, written.session.openid, site)

    def explain(self, settings: SessionRouteSettings | None) -> str:
        """What it does."""
        return "off" if settings is None else str(settings)


def _at_service(what: str, proof: SessionProof, site: Site) -> Hooks:
    clock, audit = site.live("clock", Clock), site.live("audit", Audit)
    tellers = site.live("tellers", Tellers)
    if what == "login":
        sign_in = SessionSignIn(proof, clock, audit, tellers)
        return Hooks(on_request=sign_in.before, on_reply=sign_in.after, reply_filter=sign_in.filter)
    return Hooks(on_reply=SessionSignOut(proof, clock, audit, tellers).after)


def _at_provider(
    route: SessionRouteSettings, proof: SessionProof, openid: Openid, settings: OpenidSettings, site: Site
) -> Hooks:
    clock, audit = site.live("clock", Clock), site.live("audit", Audit)
    if route.start is not None:
        return Hooks(on_request=Start(proof, openid, settings, clock).answer)
    if route.callback is not None:
        return Hooks(on_request=Callback(proof, openid, settings, clock, audit).answer)
    if route.backchannel is not None:
        return Hooks(on_request=BackChannel(proof, openid, clock, audit).answer, needs_body=BODY_BYTES)
    return Hooks(on_request=Logout(proof, openid, settings, clock, audit).answer)
