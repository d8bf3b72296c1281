"""Tokens that the gateway makes: at sign-in, by refresh, for other services; and their end at sign-out.

A route does one of these for an identity of kind `jwt` with `issue`, whose tokens they are. Passwords are a service's
matter: its answer to a sign-in says who that is, and the gateway puts the tokens in.
"""

from __future__ import annotations

from typing import Any, ClassVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import Field

from portico.config.models.identity import JwtSettings
from portico.config.models.identity.issue import OWN_CLAIMS, IssueSettings
from portico.config.models.model import SettingsModel
from portico.config.references import IdentityName
from portico.config.values import Maybe, OrOff
from portico.exchange.clock import Clock
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.judge import store_of
from portico.hooks.telling import Tellers
from portico.hooks.tokens import BODY_BYTES, Granting, Refreshing, SignIn, SignOut, UserLookUp
from portico.identity.families import Families
from portico.identity.issuing import Issuer
from portico.identity.jwt_block import ANY_AUDIENCE
from portico.identity.keys import Key, KeyRefusedError, public_keys
from portico.observe.audit import Audit


class TokensSettings(SettingsModel):
    """Exactly one of these, with the identity whose tokens they are."""

    login: Maybe[IdentityName] = Field(
        default=None, description="Put tokens into the service's answer to a sign-in."
    )
    refresh: Maybe[IdentityName] = Field(
        default=None, description="Answer a refresh token with new tokens, without the service."
    )
    logout: Maybe[IdentityName] = Field(
        default=None, description="Revoke the caller's token and its family, once the service has agreed."
    )
    grant: Maybe[IdentityName] = Field(
        default=None, description="Answer a caller with a token for an audience, without the service."
    )

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """(what to do, identity) for each that is written."""
        return [(name, value) for name, value in self if value is not None]

    def __str__(self) -> str:
        return ", ".join(f"{what} of {identity}" for what, identity in self.chosen)


class TokensStage(Stage[TokensSettings | None]):
    """`tokens: {login: users}`, and so on, on a route."""

    key: ClassVar[str] = "tokens"
    phase: ClassVar[Phase] = Phase.ANSWER
    settings = OrOff[TokensSettings]
    summary: ClassVar[str] = (
        "Tokens that the gateway makes itself, or ends: at login, refresh, logout, or granted."
    )

    def compile(self, settings: TokensSettings | None, site: Site) -> Hooks | None:
        """What the route does with tokens."""
        if settings is None:
            return None
        if len(settings.chosen) != 1:
            site.problem("does exactly one of login, refresh, logout and grant")
            return None
        ((what, name),) = settings.chosen
        identity = site.settings.identity.get(name)
        block = None if identity is None else identity.jwt
        if block is None or block.issue is None:
            site.problem(f"{name} makes no tokens", what, suggestion=f"write issue under identity.{name}.jwt")
            return None
        return _Compiling(what, name, block, block.issue, site).hooks()

    def explain(self, settings: TokensSettings | None) -> str:
        """What it does."""
        return "off" if settings is None else str(settings)


class _Compiling:
    """One route's tokens."""

    def __init__(self, what: str, name: str, block: JwtSettings, issue: IssueSettings, site: Site) -> None:
        self._what = what
        self._name = name
        self._block = block
        self._issue = issue
        self._site = site
        self._clock = site.live("clock", Clock)
        self._audit = site.live("audit", Audit)
        self._store = store_of(site)

    def hooks(self) -> Hooks | None:
        issuer = self._site.shared(f"issuer of {self._name}", self._issuer)
        if issuer is None:
            return None
        if self._what == "refresh" and not issuer.refreshes:
            self._site.problem(
                f"{self._name} makes no refresh tokens",
                "refresh",
                suggestion=f"write refresh_secret under identity.{self._name}.jwt.issue",
            )
            return None
        return {"login": self._login, "refresh": self._refresh, "logout": self._logout, "grant": self._grant}[
            self._what
        ](issuer)

    def _login(self, issuer: Issuer) -> Hooks:
        answer = self._issue.answer
        subjects = [name for name in self._block.claims.subject if name in self._issue.claims]
        if not subjects:
            self._problem(f"claims has none that says who: {' or '.join(self._block.claims.subject)}")
            return Hooks()
        sign_in = SignIn(
            issuer,
            self._issue.claims,
            self._clock,
            subject=subjects[0],
            access=answer.access,
            refresh=answer.refresh,
        )
        no_store = ((b"cache-control", b"no-store"),)
        return Hooks(on_request=sign_in.ask_plainly, reply_filter=sign_in.filter, reply_fields=no_store)

    def _refresh(self, issuer: Issuer) -> Hooks:
        written = self._issue.user
        user = None
        if written is not None:
            user = UserLookUp(self._site.call(written.service), written.path, written.claims)
        refreshing = Refreshing(
            issuer,
            Families(self._store, self._issue.grace),
            self._store,
            self._clock,
            self._audit,
            access=self._issue.answer.access,
            refresh=self._issue.answer.refresh,
            subjects=self._block.claims.subject,
            tenants=self._block.claims.tenant,
            user=user,
        )
        return Hooks(on_request=refreshing.answer, needs_body=BODY_BYTES)

    def _logout(self, issuer: Issuer) -> Hooks:
        tellers = self._site.live("tellers", Tellers)
        return Hooks(
            on_reply=SignOut(self._name, issuer, self._store, self._clock, self._audit, tellers).after
        )

    def _grant(self, issuer: Issuer) -> Hooks | None:
        if not self._issue.audiences:
            self._site.problem(
                f"{self._name} is granted for no audience",
                "grant",
                suggestion=f"write audiences under identity.{self._name}.jwt.issue",
            )
            return None
        granting = Granting(
            issuer,
            frozenset(self._issue.audiences),
            self._clock,
            access=self._issue.answer.access,
            access_s=self._issue.access,
        )
        return Hooks(on_request=granting.answer, needs_body=BODY_BYTES)

    def _issuer(self) -> Issuer | None:
        """None when it was reported why there is none."""
        block, issue = self._block, self._issue
        secret = b"" if issue.refresh_secret is None else issue.refresh_secret.get_secret_value().encode()
        if secret and secret in block.hmac_secrets:
            # Else whoever reads one kind of token could make the other.
            self._problem("refresh_secret is a secret of access tokens too")
            return None
        found = self._key()
        if found is None:
            return None
        key, algorithm = found
        unsaid = [name for name in block.require if name not in issue.claims and name not in OWN_CLAIMS]
        if unsaid:
            self._problem(
                f"claims lacks {', '.join(unsaid)}, without which tokens of {self._name} are refused"
            )
            return None
        if issue.answer.access == issue.answer.refresh:
            self._problem(f"answer has two members {issue.answer.access}")
            return None
        return Issuer(
            self._name,
            key,
            algorithm,
            issuer=block.issuer,
            audience=next((name for name in block.audience if name != ANY_AUDIENCE), None),
            type=block.type,
            access_s=issue.access,
            refresh_s=issue.refresh,
            refresh_secret=secret,
            leeway_s=block.leeway,
        )

    def _key(self) -> tuple[Any, str] | None:
        block, written = self._block, self._issue.private_key
        if block.hmac_secrets:
            if written is not None:
                self._problem("private_key has no effect beside a secret")
                return None
            return block.hmac_secrets[0], block.accepted[0]
        if written is None:
            self._problem("has no key to sign with: write private_key")
            return None
        try:
            loaded = load_pem_private_key(written.get_secret_value().encode(), password=None)
            public = loaded.public_key()
            able = Key.from_public(public).algorithms
            verifying = public_keys(block.public_key) if block.public_key is not None else []
        except KeyRefusedError as error:
            self._problem(f"private_key {error}")
            return None
        except (ValueError, TypeError, UnsupportedAlgorithm):
            self._problem("private_key is no private key in PEM form without password")
            return None
        if verifying and all(key.material != public for key in verifying):
            self._problem("private_key belongs to none of the public keys of this identity")
            return None
        algorithm = next((one for one in block.accepted if one in able), None)
        if algorithm is None:
            self._problem(f"private_key cannot sign {', '.join(block.accepted)}")
            return None
        return loaded, algorithm

    def _problem(self, reason: str) -> None:
        self._site.problem(f"identity.{self._name}.jwt.issue {reason}", self._what)
