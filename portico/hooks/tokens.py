"""The hooks that make, exchange and end tokens (requirements 2.2, 2.3, 2.7).

`SignIn` puts tokens into the answer of the service that knows passwords; `Refreshing` and `Granting` answer by
themselves; `SignOut` revokes after the service has agreed. What a store cannot be told is told again in the background:
who was told that they are signed out must not be signed in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from portico.exchange.call import Call, CallFailedError
from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import (
    BAD_REPLY,
    FORBIDDEN,
    INVALID_TOKEN,
    STORE_AWAY,
    TOKEN_EXPIRED,
    VALIDATION_ERROR,
    Failure,
)
from portico.exchange.marks import tenant_mark, user_mark
from portico.exchange.reply import Reply
from portico.identity.claims import PLAIN
from portico.identity.families import Families, Turn
from portico.identity.issuing import Issuer, Refresh
from portico.identity.jws import TokenError
from portico.identity.memberships import internal_fields
from portico.observe.audit import Audit
from portico.stores.interface import Ask, Outcome, Store, StoreAwayError

from .telling import Tellers

ANSWER_BYTES = 64 * 1024
BODY_BYTES = 16 * 1024
_ENDED_BY_SIGN_OUT = (b"sha256:", b"jti:", b"family:")


class BadAnswerError(ValueError):
    """The service that knows passwords did not say what tokens are made of."""


def follow(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to, None where there is nothing."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


class SignIn:
    """Makes the filter for a sign-in's answer. `claims`: claim → pointer, and which of them is the subject; `access`,
    `refresh`: members' names."""

    __slots__ = ("_access", "_claims", "_clock", "_issuer", "_refresh", "_subject")

    def __init__(
        self,
        issuer: Issuer,
        claims: Mapping[str, str],
        clock: Clock,
        *,
        subject: str,
        access: str,
        refresh: str,
    ) -> None:
        self._issuer = issuer
        self._subject = subject
        self._claims = dict(claims)
        self._access = access
        self._refresh = refresh
        self._clock = clock

    def ask_plainly(self, x: Exchange) -> None:
        """on_request: the answer has to be read, so it must not be compressed."""
        x.request.fields = [field for field in x.request.fields if field[0] != b"accept-encoding"]

    def filter(self, x: Exchange, reply: Reply) -> SignInBody | None:
        """reply_filter: for a sign-in that succeeded."""
        if not reply.from_service or not 200 <= reply.status < 300 or reply.status == 204:
            return None
        return SignInBody(self, self._clock.wall(x.now))

    def tokens(self, body: bytes, wall: float) -> bytes:
        """The answer with the tokens in it. Raises BadAnswerError."""
        try:
            said = json.loads(body)
        except ValueError:
            raise BadAnswerError("the answer to a sign-in is no JSON") from None
        if not isinstance(said, dict):
            raise BadAnswerError("the answer to a sign-in is no JSON object")
        claims = {name: follow(said, pointer) for name, pointer in self._claims.items()}
        subject = claims[self._subject]
        if type(subject) not in (str, int) or subject == "":
            raise BadAnswerError(f"the answer to a sign-in names nobody at {self._claims[self._subject]}")
        family = self._issuer.new_family()
        said[self._access] = self._issuer.access(claims, wall, family)
        if self._issuer.refreshes:
            said[self._refresh] = self._issuer.refresh(claims, wall, family, 0)
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


class SignInBody:
    """The filter of one answer: holds it back until it is whole."""

    __slots__ = ("_body", "_sign_in", "_wall")

    def __init__(self, sign_in: SignIn, wall: float) -> None:
        self._sign_in = sign_in
        self._wall = wall
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Nothing goes on before the end."""
        self._body += data
        if len(self._body) > ANSWER_BYTES:
            raise BadAnswerError(f"the answer to a sign-in has more than {ANSWER_BYTES} bytes")
        return b""

    def end(self) -> bytes:
        """The answer with the tokens."""
        return self._sign_in.tokens(bytes(self._body), self._wall)


class Refreshing:
    """Answers with new tokens for a refresh token. `subjects` and `tenants` are the claims that say who, the first that
    there is; `user` looks them up."""

    __slots__ = (
        "_access",
        "_audit",
        "_clock",
        "_families",
        "_issuer",
        "_member",
        "_store",
        "_subjects",
        "_tenants",
        "_user",
    )

    def __init__(
        self,
        issuer: Issuer,
        families: Families,
        store: Store,
        clock: Clock,
        audit: Audit,
        *,
        access: str,
        refresh: str,
        subjects: Sequence[str],
        tenants: Sequence[str],
        user: UserLookUp | None,
    ) -> None:
        self._issuer = issuer
        self._families = families
        self._store = store
        self._clock = clock
        self._audit = audit
        self._access = access
        self._member = refresh
        self._subjects = tuple(subjects)
        self._tenants = tuple(tenants)
        self._user = user

    async def answer(self, x: Exchange) -> Reply | Failure:
        """The hook."""
        token = _member(x.body or b"", self._member)
        if token is None:
            error = {"field": self._member, "rule": "required", "message": "must be a refresh token"}
            return VALIDATION_ERROR.saying(
                VALIDATION_ERROR.text,
                details={"field": self._member, "message": error["message"], "errors": [error]},
            )
        wall = self._clock.wall(x.now)
        try:
            refresh = self._issuer.read(token, wall)
        except TokenError as error:
            failure = TOKEN_EXPIRED if error.expired else INVALID_TOKEN
            self._audit("refresh_failed", "medium", x, code=failure.code, reason=error.reason)
            return failure.because(f"refresh token refused: {error.reason}")
        try:
            return await self._rotate(x, refresh, wall)
        except StoreAwayError as error:
            return STORE_AWAY.because(f"families of tokens cannot be asked for: {error}")
        except CallFailedError as error:
            return STORE_AWAY.because(f"the user cannot be looked up: {error}")

    async def _rotate(self, x: Exchange, refresh: Refresh, wall: float) -> Reply | Failure:
        subject = _first(refresh.claims, self._subjects) or ""
        tenant = _first(refresh.claims, self._tenants)
        marks = [*refresh.marks, user_mark(tenant, subject)]
        if tenant is not None:
            marks.append(tenant_mark(tenant))
        judged = await self._store.judge(Ask(marks=marks, issued=refresh.issued))
        if judged.outcome is Outcome.REVOKED:
            self._tell(x, "revoked_token_used", refresh, subject, tenant)
            return INVALID_TOKEN.because("refresh token refused: it was revoked")
        claims = refresh.claims
        if self._user is not None:
            found = await self._user.claims(subject, tenant)
            if found is None:
                await self._families.revoke(refresh.family, self._issuer.until(wall))
                return INVALID_TOKEN.because("refresh token refused: there is no such user any more")
            claims = {**claims, **found}
        turn, generation = await self._families.rotate(refresh, wall, self._issuer.until(wall))
        if turn is Turn.REUSED:
            self._tell(x, "refresh_token_reused", refresh, subject, tenant)
            return INVALID_TOKEN.because("refresh token refused: it was used before")
        answer = {
            self._access: self._issuer.access(claims, wall, refresh.family),
            self._member: self._issuer.refresh(claims, wall, refresh.family, generation),
        }
        return json_reply(answer)

    def _tell(self, x: Exchange, event: str, refresh: Refresh, subject: Any, tenant: Any) -> None:
        self._audit(
            event,
            "high",
            x,
            family=refresh.family,
            userId=subject,
            tenantId=tenant,
            userAgent=x.header("user-agent"),
        )


class UserLookUp:
    """Asks a service what is true of a user now. `path` has {id}; `pointers`: claim → pointer into the answer."""

    __slots__ = ("_call", "_path", "_pointers")

    def __init__(self, call: Call, path: str, pointers: Mapping[str, str]) -> None:
        self._call = call
        self._path = path
        self._pointers = dict(pointers)

    async def claims(self, subject: str, tenant: str | None) -> dict[str, Any] | None:
        """The claims, None when the tenant has no such user. Raises CallFailedError."""
        target = self._path.replace("{id}", quote(subject, safe=""))
        answer = await self._call("GET", target, () if tenant is None else internal_fields(tenant))
        if answer.status in (404, 410):
            return None
        try:
            said = json.loads(answer.body) if answer.status == 200 else None
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise CallFailedError(BAD_REPLY.because(f"a user was answered with {answer.status}"))
        return {name: follow(said, pointer) for name, pointer in self._pointers.items()}


class Granting:
    """Answers a caller who was proven with a short token for one audience (requirements 2.7)."""

    __slots__ = ("_access", "_access_s", "_audiences", "_clock", "_issuer")

    def __init__(
        self, issuer: Issuer, audiences: frozenset[str], clock: Clock, *, access: str, access_s: float
    ) -> None:
        self._issuer = issuer
        self._audiences = audiences
        self._clock = clock
        self._access = access
        self._access_s = access_s

    async def answer(self, x: Exchange) -> Reply | Failure:
        """The hook."""
        identity = x.identity
        if identity is None:
            return FORBIDDEN.because("tokens are granted to nobody who was not proven")
        if identity.venues:
            return FORBIDDEN.because("a token cannot be bound to venues, as its caller is")
        audience = _member(x.body or b"", "audience")
        if audience is None or audience not in self._audiences:
            error = {
                "field": "audience",
                "rule": "enum",
                "message": "must be one that tokens are granted for",
            }
            return VALIDATION_ERROR.saying(
                VALIDATION_ERROR.text,
                details={"field": "audience", "message": error["message"], "errors": [error]},
            )
        claims = {
            "sub": identity.subject,
            "tenant_id": identity.tenant,
            "role": list(identity.roles) or None,
            "scope": " ".join(identity.permissions) if identity.scoped else None,
        }
        token = self._issuer.access(claims, self._clock.wall(x.now), audience=audience)
        return json_reply({self._access: token, "tokenType": "Bearer", "expiresIn": int(self._access_s)})


class SignOut:
    """Revokes what a caller was proven by, if a token of `method`, and its family, once the service has agreed."""

    __slots__ = ("_audit", "_clock", "_issuer", "_method", "_store", "_tellers")

    def __init__(
        self, method: str, issuer: Issuer, store: Store, clock: Clock, audit: Audit, tellers: Tellers
    ) -> None:
        self._method = method
        self._issuer = issuer
        self._store = store
        self._clock = clock
        self._audit = audit
        self._tellers = tellers

    def after(self, x: Exchange, reply: Reply) -> None:
        """on_reply."""
        identity = x.identity
        if identity is None or identity.method != self._method:
            return
        if not reply.from_service or not 200 <= reply.status < 300:
            return
        until = max(self._issuer.until(self._clock.wall(x.now)), identity.expires or 0.0)
        marks = [mark for mark in identity.marks if mark.startswith(_ENDED_BY_SIGN_OUT)]
        self._audit("signed_out", "low", x)
        self._tellers.tell("a sign-out", lambda: self._revoke(marks, until))

    async def _revoke(self, marks: Sequence[bytes], until: float) -> None:
        for mark in marks:
            await self._store.revoke(mark, until)


def json_reply(said: Mapping[str, Any]) -> Reply:
    """An answer with a secret in it: for nobody to keep."""
    fields = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"pragma", b"no-cache"),
    ]
    return Reply(200, fields, json.dumps(said, separators=(",", ":")).encode())


def _first(claims: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first of these claims, as the identity's proof reads it."""
    return next((str(claims[name]) for name in names if claims.get(name) is not None), None)


def _member(body: bytes, name: str) -> str | None:
    """A member of the JSON object in a body, if that is plain text."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    value = said.get(name) if isinstance(said, dict) else None
    return value if isinstance(value, str) and PLAIN.match(value) else None
