"""Prove who calls by a session's cookie (RFC 6265), and that a request with an unsafe method was meant.

A browser sends its cookies whoever wrote the page that asks. So a request that may change something needs the CSRF
token, which only pages of this site can read, and must not come from a foreign origin. The cookie ends here: services
learn who calls, not how to be them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass

from portico.config.models.identity.session import SessionSettings
from portico.config.values.origins import ANY_ORIGIN
from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTHENTICATION_ERROR, AUTHORIZATION_ERROR, STORE_AWAY, Failure
from portico.exchange.identity import Identity
from portico.exchange.marks import provider_mark, session_mark, tenant_mark, user_mark
from portico.rules.origins import Origins
from portico.stores.interface import StoreAwayError

from .asked import Kept
from .challenges import challenged
from .claims import ClaimRules, identify, identity_fields
from .jws import TokenError
from .means import Means
from .openid import Openid
from .openid_block import openid_of
from .sessions import Session, Sessions, key_of

log = logging.getLogger("portico")

SOURCE = "session"
SAFE = frozenset(
    {b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"QUERY"}
)  # RFC 9110 section 9.2.1; QUERY: RFC 10008
MOST_KNOWN = 10_000
# A session says who, and nothing else of what tokens say.
_RULES = ClaimRules(type=None)


@dataclass(frozen=True, slots=True)
class Known:
    """A session that was found: whose it is, what the store knows it by, and until when it need not be asked again."""

    until: float
    key: str
    identity: Identity


class SessionProof:
    """One identity block of kind `session`, compiled. `sessions` has the cookies and the store; `openid` the sign-in at
    a provider, None when sessions begin elsewhere."""

    __slots__ = (
        "_allowed",
        "_cache_s",
        "_cookie",
        "_csrf_field",
        "_csrf_wrong",
        "_failure",
        "_foreign",
        "_known",
        "_touching",
        "challenge",
        "field",
        "name",
        "needs_body",
        "openid",
        "sessions",
        "settings",
    )

    def __init__(
        self, name: str, sessions: Sessions, settings: SessionSettings, openid: Openid | None = None
    ) -> None:
        self.name = name
        self.openid = openid
        self.sessions = sessions
        self.settings = settings
        self.field = b"cookie"
        self.needs_body: int | None = None
        # No scheme is registered for cookies, and RFC 9110 section 11.6.1 wants one.
        self.challenge = b'Cookie realm="%b"' % name.encode()
        self._failure = challenged(AUTHENTICATION_ERROR, self.challenge)
        self._csrf_wrong = AUTHORIZATION_ERROR.saying("Missing or wrong CSRF token")
        self._foreign = AUTHORIZATION_ERROR.saying("Not from a page of another origin")
        self._cookie = settings.cookie.encode()
        self._csrf_field = settings.csrf_header.encode()
        self._allowed = Origins(settings.origins, localhost=False)
        self._cache_s = settings.cache
        self._known: Kept[bytes, Known] = Kept(MOST_KNOWN)
        self._touching: set[asyncio.Task[None]] = set()

    def prove(self, x: Exchange, wall: float) -> Identity | Failure | Awaitable[Identity | Failure] | None:
        """Whose session the request is of; waits only for one that this worker has not seen lately."""
        value = _take_cookie(x, self._cookie)
        if value is None:
            return None
        known = self._known.get(value)
        if known is not None and wall < known.until:
            return self._admit(x, known)
        try:
            session_id = self.sessions.read(value.decode("ascii"))
        except UnicodeDecodeError:
            session_id = None
        if session_id is None:
            return self._refused("its cookie was not made here")
        return self._look_up(x, value, session_id, wall)

    async def _look_up(self, x: Exchange, value: bytes, session_id: str, wall: float) -> Identity | Failure:
        try:
            session = await self.sessions.find(session_id, wall)
        except StoreAwayError as error:
            return STORE_AWAY.because(f"sessions of {self.name} cannot be asked for: {error}")
        if session is None:
            return self._refused("there is no such session any more")
        if self.sessions.is_stale(session, wall):
            task = asyncio.get_running_loop().create_task(
                self._touch(session_id, session, wall), name="touch"
            )
            self._touching.add(task)
            task.add_done_callback(self._touching.discard)
        try:
            known = self.remember(value, session_id, session, wall)
        except TokenError as error:
            return self._refused(error.reason)
        return self._admit(x, known)

    def remember(self, value: bytes, session_id: str, session: Session, wall: float) -> Known:
        """Know a session by its cookie. Raises TokenError when its claims name nobody."""
        identity = identity_of(self.name, session_id, session)
        known = Known(min(session.until, wall + self._cache_s), key_of(session_id), identity)
        self._known.keep(value, known)
        return known

    def cookie_id(self, x: Exchange) -> str | None:
        """The id in the cookie of a request that nobody has been proven by."""
        value = _take_cookie(x, self._cookie)
        return None if value is None else self.sessions.read(value.decode("latin-1"))

    def _admit(self, x: Exchange, known: Known) -> Identity | Failure:
        request = x.request
        if request.method not in SAFE:
            reason = self._forged(x, known.key)
            if reason:
                return self._csrf_wrong.because(f"session of {self.name}: {reason}")
        elif request.upgrade and self._is_foreign(x):
            # A page may open a WebSocket to any host, and read what comes (RFC 6455 section 10.2).
            return self._foreign.because(f"session of {self.name}: a page of another origin opens a tunnel")
        return known.identity

    def _forged(self, x: Exchange, key: str) -> str:
        """Why a request with an unsafe method may not have been meant; empty when it was."""
        if self._is_foreign(x):
            return "it comes from a page of another origin"
        token = x.request.header(self._csrf_field)
        if token is None:
            return "it has no CSRF token"
        if not self.sessions.is_csrf(key, token.decode("latin-1")):
            return "it has another CSRF token"
        return ""

    def _is_foreign(self, x: Exchange) -> bool:
        """Whether the request says that it comes from a page that may not use the session."""
        origin = x.request.header(b"origin")
        if origin is None:
            return False
        # The scheme is not compared: behind a proxy that ends TLS it may not be known here.
        return origin.lower().partition(b"://")[2] != x.request.authority and not self._allowed.allow(origin)

    def may_sign_in(self, x: Exchange) -> bool:
        """Whether a sign-in comes from a page that may: another site's would sign its own user in here.

        Browsers say whose page it is by `Sec-Fetch-Site`; a form of this site may have `Origin: null` for its page's
        sake (Fetch, section 3.2), so that this alone says nothing.
        """
        origin = x.request.header(b"origin")
        if origin is not None and origin != b"null":
            return not self._is_foreign(x)
        return x.request.header(b"sec-fetch-site") not in (b"cross-site", b"same-site")

    async def _touch(self, session_id: str, session: Session, wall: float) -> None:
        try:
            await self.sessions.touch(session_id, session, wall)
        except StoreAwayError as error:
            log.warning("a session could not be prolonged: %s", error)

    def _refused(self, reason: str) -> Failure:
        return self._failure.because(f"session refused by {self.name}: {reason}")

    def __repr__(self) -> str:
        return f"<SessionProof {self.name} {len(self._known)} known>"


def identity_of(name: str, session_id: str, session: Session) -> Identity:
    """Whose session it is. Raises TokenError when its claims name nobody, or nobody that a header could name."""
    said = identify(dict(session.claims), _RULES, name, session.ends)
    marks = [session_mark(key_of(session_id)), user_mark(said.tenant, said.subject)]
    if said.tenant is not None:
        marks.append(tenant_mark(said.tenant))
    marks += [
        provider_mark(name, claim, session.provider[claim])
        for claim in ("sub", "sid")
        if claim in session.provider
    ]
    return Identity(
        subject=said.subject,
        method=name,
        source=SOURCE,
        roles=said.roles,
        tenant=said.tenant,
        email=said.email,
        expires=session.ends,
        claims=said.claims,
        fields=identity_fields(said.subject, said.roles, said.tenant, SOURCE.encode()),
        permissions=said.permissions,
        scoped=said.scoped,
        venue=said.venue,
        marks=tuple(marks),
        issued=session.created,
    )


def session_key(identity: Identity) -> str | None:
    """What the store knows the session by that the caller was proven by; None when it was not by one."""
    for mark in identity.marks:
        if mark.startswith(b"session:"):
            return mark.rpartition(b":")[2].decode()
    return None


def session_proof(name: str, settings: SessionSettings, means: Means) -> SessionProof | None:
    """The proof of a block of kind `session`, None when it was reported why there is none."""
    named: list[tuple[tuple[str, ...], str]] = [
        (("cookie",), settings.cookie),
        (("csrf_cookie",), settings.csrf_cookie),
    ]
    if settings.openid is not None:
        named.append((("openid", "cookie"), settings.openid.cookie))
    for key, cookie in named:
        if not settings.secure and cookie.startswith(("__Host-", "__Secure-")):
            means.problem(
                "is a name that browsers take over HTTPS only: choose another beside secure: false", *key
            )
            return None
    if len({cookie for _, cookie in named}) < len(named):
        means.problem("has one name for two cookies", "cookie")
        return None
    if ANY_ORIGIN in settings.origins:
        means.problem("would let every page in the world act as the caller: name the origins", "origins")
        return None
    if settings.same_site == "none" and not settings.secure:
        means.problem("none is for secure cookies only", "same_site")
        return None
    signing = [secret.get_secret_value().encode() for secret in settings.secret]
    sessions = Sessions(means.store, signing, settings.idle, settings.lifetime)
    openid = openid_of(name, settings, signing, means)
    return (
        None
        if settings.openid is not None and openid is None
        else SessionProof(name, sessions, settings, openid)
    )


def _take_cookie(x: Exchange, name: bytes) -> bytes | None:
    """The value of the cookie, the first of its name as browsers mean it; takes it out of the request."""
    request = x.request
    found: bytes | None = None
    for field, value in request.fields:
        if field == b"cookie" and name in value:
            break
    else:
        return None
    fields = []
    for field, value in request.fields:
        if field == b"cookie":
            kept = []
            for pair in value.split(b";"):
                before, sign, text = pair.strip(b" \t").partition(b"=")
                if sign and before == name:
                    found = text if found is None else found
                elif before:
                    kept.append(pair.strip(b" \t"))
            if not kept:
                continue
            value = b"; ".join(kept)
        fields.append((field, value))
    request.fields = fields
    return found
