"""The hooks that sign browsers in and out at an OpenID provider: start, callback, logout, and the provider's own word.

The gateway answers all four itself. A session is in the store before its cookie is given out, under an id that nobody
knew before the sign-in; the one that the browser had ends. What fails is answered in the gateway's form: 401 for who is
not let in, 503 when the provider or the store cannot be asked.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from portico.config.models.identity.openid import OpenidSettings
from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import (
    AUTHENTICATION_ERROR,
    AUTHORIZATION_ERROR,
    BAD_REQUEST,
    METHOD_NOT_ALLOWED,
    STORE_AWAY,
    VALIDATION_ERROR,
    Failure,
)
from portico.exchange.fields import Field
from portico.exchange.identity import Identity
from portico.exchange.marks import provider_mark
from portico.exchange.reply import Reply
from portico.identity.id_token import name_of
from portico.identity.jws import TokenError
from portico.identity.logins import Login, is_local
from portico.identity.openid import Openid, ProviderAwayError, SignInRefusedError, Told
from portico.identity.session import SessionProof, identity_of, session_key
from portico.identity.sessions import key_of
from portico.observe.audit import Audit
from portico.stores.interface import StoreAwayError

from .session import drop_cookies, set_cookies
from .tokens import follow, json_reply

RETURN_TO = "return_to"
BODY_BYTES = 16 * 1024
_MOST_PARAMETERS = 32
_GIVEN_UP = frozenset({"server_error", "temporarily_unavailable"})  # RFC 6749 section 4.1.2.1
_REFUSED = AUTHENTICATION_ERROR.saying("The sign-in failed: begin again")
_GET_ONLY = METHOD_NOT_ALLOWED.saying(METHOD_NOT_ALLOWED.text, (b"allow", b"GET"))
_BAD_RETURN = {"field": RETURN_TO, "rule": "allowed", "message": "must be a path of this site"}
_BAD_TARGET = VALIDATION_ERROR.saying(
    VALIDATION_ERROR.text,
    details={"field": RETURN_TO, "message": _BAD_RETURN["message"], "errors": [_BAD_RETURN]},
)
_FOREIGN = AUTHORIZATION_ERROR.saying("Sign out from a page of this site")


class Start:
    """Sends a browser to the provider."""

    __slots__ = ("_after", "_clock", "_cookies", "_openid")

    def __init__(self, proof: SessionProof, openid: Openid, settings: OpenidSettings, clock: Clock) -> None:
        self._openid = openid
        self._clock = clock
        self._cookies = LoginCookies(openid, proof.settings.secure)
        self._after = settings.after_login

    async def answer(self, x: Exchange) -> Reply | Failure:
        """on_request."""
        openid = self._openid
        try:
            target = parameters_of(x.request.query).get(RETURN_TO, self._after)
        except ValueError as error:
            return BAD_REQUEST.because(str(error))
        if not openid.targets.allow(target):
            return _BAD_TARGET
        try:
            metadata = await openid.metadata()
        except ProviderAwayError as error:
            return openid.away(str(error))
        login, value = openid.logins.begin(target, self._clock.wall(x.now))
        reply = redirection(openid.authorization(metadata, login))
        surplus = openid.logins.surplus(cookies_of(x))
        reply.fields += [self._cookies.drop(name) for name in surplus]
        reply.fields.append(self._cookies.put(openid.logins.cookie_of(login.state), value))
        return reply


class Callback:
    """Takes a browser back from the provider, and begins its session."""

    __slots__ = ("_audit", "_claims", "_clock", "_cookies", "_openid", "_proof")

    def __init__(
        self, proof: SessionProof, openid: Openid, settings: OpenidSettings, clock: Clock, audit: Audit
    ) -> None:
        self._proof = proof
        self._openid = openid
        self._clock = clock
        self._audit = audit
        self._cookies = LoginCookies(openid, proof.settings.secure)
        self._claims = dict(settings.claims)

    async def answer(self, x: Exchange) -> Reply | Failure:
        """on_request."""
        if x.request.method != b"GET":
            return _GET_ONLY  # HEAD would spend the code, and show nobody the session
        wall = self._clock.wall(x.now)
        try:
            told = parameters_of(x.request.query)
        except ValueError as error:
            return self._refuse(x, str(error))
        state = told.get("state", "")
        cookie = self._openid.logins.cookie_of(state)
        value = dict(reversed(cookies_of(x))).get(cookie)
        login = None if value is None else self._openid.logins.read(value, state, wall)
        if login is None:
            return self._refuse(x, "its state is of no sign-in that this browser has begun")
        over = self._cookies.drop(cookie)
        try:
            return await self._finish(x, told, login, over, wall)
        except SignInRefusedError as error:
            return self._refuse(x, str(error), over)
        except ProviderAwayError as error:
            return self._openid.away(str(error))
        except StoreAwayError as error:
            return STORE_AWAY.because(f"no session could be begun: {error}")

    async def _finish(
        self, x: Exchange, told: dict[str, str], login: Login, over: Field, wall: float
    ) -> Reply | Failure:
        openid, sessions = self._openid, self._proof.sessions
        metadata = await openid.metadata()
        if not openid.is_issuer(told.get("iss"), metadata):
            raise SignInRefusedError("the answer comes from another issuer (RFC 9207)")
        if "error" in told:
            said = told["error"][:64]
            if said in _GIVEN_UP:
                raise ProviderAwayError(f"it answers {said}")
            raise SignInRefusedError(f"the provider says {said!r}")
        code = told.get("code", "")
        if not code:
            raise SignInRefusedError("there is no code")
        if not await sessions.once(f"login:{openid.name}:{login.id}", float(login.expires)):
            raise SignInRefusedError("this sign-in was answered before")
        found = await openid.exchange(metadata, login, code, wall)
        return await self._begin(x, found, login, over, wall)

    async def _begin(self, x: Exchange, told: Told, login: Login, over: Field, wall: float) -> Reply:
        proof, sessions = self._proof, self._proof.sessions
        said = {name: follow(told.claims, pointer) for name, pointer in self._claims.items()}
        try:
            known_by = {claim: name_of(told.claims, claim) for claim in ("sub", "sid")}
            provider = {claim: name for claim, name in known_by.items() if name is not None}
            provider["id_token"] = told.id_token
            claims = {name: value for name, value in said.items() if value is not None}
            session = sessions.begin(claims, wall, provider)
            session_id = sessions.new_id()
            x.identity = identity_of(proof.name, session_id, session)
        except TokenError as error:
            raise SignInRefusedError(f"what it says of the user cannot be used: {error.reason}") from None
        await sessions.keep(session_id, session)
        before = proof.cookie_id(x)
        if before is not None:
            await sessions.end(key_of(before), wall)
        self._audit("signed_in", "low", x)
        reply = redirection(login.target)
        set_cookies(reply, proof, session_id)
        reply.fields.append(over)
        return reply

    def _refuse(self, x: Exchange, reason: str, *fields: Field) -> Failure:
        self._audit("sign_in_failed", "medium", x, reason=reason)
        challenge = (b"www-authenticate", self._proof.challenge)
        return _REFUSED.saying(_REFUSED.text, challenge, *fields).because(f"sign-in refused: {reason}")


class Logout:
    """Ends the session of a browser and sends it to the provider, to sign out there too.

    The route asks nobody for a proof, so that one whose session is over can sign out as well; a session is ended only
    for a request that its own pages have made.
    """

    __slots__ = ("_after", "_audit", "_clock", "_openid", "_proof")

    def __init__(
        self, proof: SessionProof, openid: Openid, settings: OpenidSettings, clock: Clock, audit: Audit
    ) -> None:
        self._proof = proof
        self._openid = openid
        self._after = None if settings.after_logout is None else str(settings.after_logout)
        self._clock = clock
        self._audit = audit

    async def answer(self, x: Exchange) -> Reply | Failure:
        """on_request."""
        if x.request.header(b"sec-fetch-site") == b"cross-site":
            return _FOREIGN.because("a page of another site wants the caller signed out")
        wall = self._clock.wall(x.now)
        identity = x.identity
        if identity is None:
            verdict = self._proof.prove(x, wall)
            proven = verdict if verdict is None or isinstance(verdict, Identity | Failure) else await verdict
            if isinstance(proven, Failure) and proven.status != AUTHENTICATION_ERROR.status:
                return proven
            x.identity = identity = proven if isinstance(proven, Identity) else None
        try:
            id_token = None if identity is None else await self._end(x, identity, wall)
        except StoreAwayError as error:
            return STORE_AWAY.because(f"the session could not be ended: {error}")
        metadata = self._openid.provider.metadata
        where = None if metadata is None else self._openid.end_session(metadata, id_token, self._after)
        where = where or self._after or "/"
        reply = redirection(where) if wants_page(x) else json_reply({"location": where})
        drop_cookies(reply, self._proof)
        return reply

    async def _end(self, x: Exchange, identity: Identity, wall: float) -> str | None:
        """End the session that the caller was proven by, if it was by one; the ID token that it began with."""
        key = session_key(identity)
        if identity.method != self._proof.name or key is None:
            return None
        sessions = self._proof.sessions
        session = await sessions.find_by_key(key, wall)
        await sessions.end(key, wall)
        self._audit("signed_out", "low", x)
        return None if session is None else session.provider.get("id_token")


class BackChannel:
    """Ends the sessions that the provider says are over (OpenID Connect Back-Channel Logout 1.0)."""

    __slots__ = ("_audit", "_clock", "_openid", "_proof")

    def __init__(self, proof: SessionProof, openid: Openid, clock: Clock, audit: Audit) -> None:
        self._proof = proof
        self._openid = openid
        self._clock = clock
        self._audit = audit

    async def answer(self, x: Exchange) -> Reply | Failure:
        """on_request."""
        wall = self._clock.wall(x.now)
        try:
            token = parameters_of(x.body or b"").get("logout_token", "")
            claims = await self._openid.logout_claims(token, wall)
            # The session, if one is named, and else all of the user.
            claim = "sid" if claims.get("sid") is not None else "sub"
            mark = provider_mark(self._proof.name, claim, claims[claim])
            if not await self._proof.sessions.once(
                f"logout:{self._proof.name}:{claims['jti']}", float(claims["exp"]) + self._openid.leeway_s
            ):
                raise TokenError("it was sent before")
            # Who signs in again later has another session, even under the same name.
            await self._proof.sessions.revoke(mark, wall)
        except ProviderAwayError as error:
            return self._openid.away(str(error))
        except StoreAwayError as error:
            return STORE_AWAY.because(f"sessions could not be ended: {error}")
        except (TokenError, ValueError) as error:
            self._audit("provider_sign_out_failed", "medium", x, reason=str(error))
            return BAD_REQUEST.because(f"logout token refused: {error}")
        self._audit("signed_out_by_provider", "low", x, subject=claims.get("sub"))
        return Reply(200, [(b"cache-control", b"no-store")], b"")


class ToStart:
    """Sends browsers that ask for a page, and are nobody, to the start of a sign-in."""

    __slots__ = ("_path", "_where")

    def __init__(self, where: str) -> None:
        self._where = where
        self._path = where.partition("?")[0].encode()

    def after(self, x: Exchange, reply: Reply) -> None:
        """on_reply: in place of the gateway's own 401."""
        request = x.request
        if reply.failure is None or reply.status != 401 or request.method != b"GET" or not wants_page(x):
            return
        if request.path == self._path:
            return
        target = (request.path + (b"?" + request.query if request.query else b"")).decode("latin-1")
        sign = "&" if "?" in self._where else "?"
        back = f"{sign}{urlencode({RETURN_TO: target})}" if is_local(target) and len(target) <= 1024 else ""
        replaced = (b"www-authenticate", b"content-type")
        reply.fields = [field for field in reply.fields if field[0] not in replaced]
        reply.set(b"location", (self._where + back).encode())
        reply.status = 303
        reply.body = b""
        reply.length = 0


class LoginCookies:
    """The cookies of sign-ins as fields of a reply."""

    __slots__ = ("_put", "_tail")

    def __init__(self, openid: Openid, secure: bool) -> None:
        # Lax, because the provider sends the browser back from another site.
        self._tail = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
        self._put = f"; Max-Age={openid.logins.patience_s}{self._tail}"

    def put(self, name: str, value: str) -> Field:
        """Have a browser keep one."""
        return b"set-cookie", f"{name}={value}{self._put}".encode()

    def drop(self, name: str) -> Field:
        """Have a browser forget it."""
        return b"set-cookie", f"{name}=; Max-Age=0{self._tail}".encode("latin-1")


def parameters_of(encoded: bytes) -> dict[str, str]:
    """The parameters of a query or form. Raises ValueError for one that occurs twice (RFC 6749 section 3.1)."""
    pairs = parse_qsl(
        encoded.decode("ascii"),
        keep_blank_values=True,
        max_num_fields=_MOST_PARAMETERS,
        errors="strict",
    )
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a parameter occurs twice")
    return found


def cookies_of(x: Exchange) -> list[tuple[str, str]]:
    """Names and values of all cookies of a request, in their order."""
    found = []
    for field, value in x.request.fields:
        if field == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                name, sign, text = pair.strip(" \t").partition("=")
                if sign:
                    found.append((name, text))
    return found


def wants_page(x: Exchange) -> bool:
    """Whether a browser asks for a page, and not a script for data."""
    return any(b"text/html" in value for name, value in x.request.fields if name == b"accept")


def redirection(where: str) -> Reply:
    """To another address, by GET."""
    return Reply(303, [(b"location", where.encode("ascii")), (b"cache-control", b"no-store")], b"")
