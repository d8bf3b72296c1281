"""The hooks that begin a session when a service has let somebody sign in, and end it when they sign out.

The service knows passwords; its answer says who that is. The store is asked before the service is, so that nobody gets
a cookie that stands for nothing; the session is in this worker's memory before the cookie has left.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTHORIZATION_ERROR, FORBIDDEN, STORE_AWAY, Failure
from portico.exchange.reply import Reply
from portico.identity.jws import TokenError
from portico.identity.session import SessionProof, session_key
from portico.identity.sessions import key_of
from portico.observe.audit import Audit
from portico.stores.interface import StoreAwayError

from .telling import Tellers
from .tokens import ANSWER_BYTES, follow, json_reply

log = logging.getLogger("portico")

_NOTE = "session"
_FOREIGN = AUTHORIZATION_ERROR.saying("Sign in from a page of this site")


def set_cookies(reply: Reply, proof: SessionProof, session_id: str) -> None:
    """Put the cookie of a session, and that of its CSRF token, into a reply."""
    settings, sessions = proof.settings, proof.sessions
    same_site = settings.same_site.capitalize()
    tail = f"; Path=/; SameSite={same_site}" + ("; Secure" if settings.secure else "")
    for name, value, more in (
        (settings.cookie, sessions.cookie(session_id), "; HttpOnly"),
        (settings.csrf_cookie, sessions.csrf(key_of(session_id)), ""),
    ):
        reply.fields.append((b"set-cookie", f"{name}={value}{tail}{more}".encode()))


def drop_cookies(reply: Reply, proof: SessionProof) -> None:
    """Have browsers forget both."""
    secure = "; Secure" if proof.settings.secure else ""
    for name in (proof.settings.cookie, proof.settings.csrf_cookie):
        reply.fields.append((b"set-cookie", f"{name}=; Path=/; Max-Age=0{secure}".encode()))


class SessionSignIn:
    """Begins a session of `proof` for whom the service's answer names."""

    __slots__ = ("_audit", "_clock", "_proof", "_tellers")

    def __init__(self, proof: SessionProof, clock: Clock, audit: Audit, tellers: Tellers) -> None:
        self._proof = proof
        self._clock = clock
        self._audit = audit
        self._tellers = tellers

    async def before(self, x: Exchange) -> Failure | None:
        """on_request: the store takes a session now, or nobody is asked for a password."""
        if not self._proof.may_sign_in(x):
            return _FOREIGN.because("a page of another site wants somebody signed in")
        session_id = self._proof.sessions.new_id()
        try:
            await self._proof.sessions.promise(session_id, self._clock.wall(x.now))
        except StoreAwayError as error:
            return STORE_AWAY.because(f"no session could be kept: {error}")
        x.notes = {**(x.notes or {}), _NOTE: session_id}
        # The answer has to be read, so it must not be compressed.
        x.request.fields = [field for field in x.request.fields if field[0] != b"accept-encoding"]
        return None

    def after(self, x: Exchange, reply: Reply) -> None:
        """on_reply."""
        if _succeeded(reply) and x.notes is not None and _NOTE in x.notes:
            set_cookies(reply, self._proof, x.notes[_NOTE])
            reply.set(b"cache-control", b"no-store")

    def filter(self, x: Exchange, reply: Reply) -> Reading | None:
        """reply_filter: looks on while the answer passes."""
        if not _succeeded(reply) or x.notes is None or _NOTE not in x.notes:
            return None
        return Reading(lambda body: self._begin(x, body))

    def _begin(self, x: Exchange, body: bytes) -> None:
        proof, wall = self._proof, self._clock.wall(x.now)
        session_id: str = (x.notes or {})[_NOTE]
        try:
            said = json.loads(body)
            claims = {name: follow(said, pointer) for name, pointer in proof.settings.claims.items()}
            session = proof.sessions.begin({k: v for k, v in claims.items() if v is not None}, wall)
            cookie = proof.sessions.cookie(session_id).encode()
            known = proof.remember(cookie, session_id, session, wall)
        except (ValueError, RecursionError) as error:
            log.error("a sign-in made no session: its answer is no JSON (%s)", type(error).__name__)
            self._take_back(session_id, wall)
            return
        except TokenError as error:
            log.error("a sign-in made no session: of whom its answer speaks, %s", error.reason)
            self._take_back(session_id, wall)
            return
        x.identity = known.identity
        self._audit("signed_in", "low", x)
        self._tellers.tell("a session", lambda: proof.sessions.keep(session_id, session))

    def _take_back(self, session_id: str, wall: float) -> None:
        # Its cookie is on its way with the reply's head, and stands for nothing.
        key = key_of(session_id)
        self._tellers.tell("a session that is none", lambda: self._proof.sessions.end(key, wall))


class Reading:
    """A filter that changes nothing, and hands over the whole body at its end, if it is not too large."""

    __slots__ = ("_body", "_read")

    def __init__(self, read: Callable[[bytes], None]) -> None:
        self._read = read
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Passes."""
        if len(self._body) <= ANSWER_BYTES:
            self._body += data
        return data

    def end(self) -> bytes:
        """All of it was seen."""
        self._read(bytes(self._body))
        return b""


class SessionSignOut:
    """Ends the caller's session once the service has agreed."""

    __slots__ = ("_audit", "_clock", "_proof", "_tellers")

    def __init__(self, proof: SessionProof, clock: Clock, audit: Audit, tellers: Tellers) -> None:
        self._proof = proof
        self._clock = clock
        self._audit = audit
        self._tellers = tellers

    def after(self, x: Exchange, reply: Reply) -> None:
        """on_reply."""
        if _succeeded(reply):
            self.end(x, reply)

    def end(self, x: Exchange, reply: Reply) -> None:
        """End the session that the request was proven by, if it was by one."""
        identity = x.identity
        drop_cookies(reply, self._proof)
        if identity is None or identity.method != self._proof.name:
            return
        key, wall = session_key(identity), self._clock.wall(x.now)
        if key is None:
            return
        self._audit("signed_out", "low", x)
        self._tellers.tell("the end of a session", lambda: self._proof.sessions.end(key, wall))


class CsrfToken:
    """Answers the caller with their session's CSRF token: pages of other origins cannot read its cookie."""

    __slots__ = ("_proof",)

    def __init__(self, proof: SessionProof) -> None:
        self._proof = proof

    def answer(self, x: Exchange) -> Reply | Failure:
        """on_request."""
        identity = x.identity
        key = None if identity is None or identity.method != self._proof.name else session_key(identity)
        if key is None:
            return FORBIDDEN.because("the caller was proven by no session")
        return json_reply({"csrfToken": self._proof.sessions.csrf(key)})


def _succeeded(reply: Reply) -> bool:
    return reply.from_service and 200 <= reply.status < 300
