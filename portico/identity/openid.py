"""Sign-in at an OpenID provider: what it is asked, and what of its answers is believed (OpenID Connect Core 1.0 section
3.1, OAuth 2.0 Security RFC 9700, RFC 9207).

Metadata and keys come in the background (`remote_keys`), so that nobody's start waits for the provider. Whatever it
says about a user counts only after its ID token has been verified for this client, this browser's nonce and this
access token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from portico.config.remotes import Remote
from portico.exchange.call import Answer, Call, CallFailedError
from portico.exchange.failure import PROVER_AWAY, Failure
from portico.exchange.fields import Field

from .encoding import from_json
from .id_token import TokenRules, id_token_claims, logout_token_claims
from .introspect import Credentials
from .jwks import IssuerCalls
from .jws import Compact, TokenError, read
from .keys import KeySet
from .logins import Login, Logins, Targets
from .openid_metadata import Metadata, read_metadata
from .remote_keys import RemoteKeys

ANSWER_BYTES = 64 * 1024


class SignInRefusedError(Exception):
    """The provider, or what it says, lets nobody in. The message is for the log."""


class ProviderAwayError(Exception):
    """The provider cannot be asked now, or does not know the gateway. The message is for the log."""


class Provider:
    """What is known of a provider, and kept over reloads. `metadata` is None while nothing has come."""

    __slots__ = ("keys", "metadata")

    def __init__(self, keys: RemoteKeys) -> None:
        self.keys = keys
        self.metadata: Metadata | None = None

    def hear(self, document: bytes, *, plain_http: bool, userinfo: bool) -> None:
        """Take new metadata. Raises MetadataRefusedError."""
        self.metadata = read_metadata(document, plain_http=plain_http, userinfo=userinfo)

    def __repr__(self) -> str:
        return f"<Provider {'known' if self.metadata is not None else 'unknown'} {self.keys!r}>"


@dataclass(frozen=True, slots=True)
class Told:
    """What the provider has said of who signed in: claims of the ID token and of userinfo together, and that token."""

    claims: Mapping[str, Any]
    id_token: str


class Openid:
    """The sign-in of one identity, compiled."""

    __slots__ = (
        "_callback",
        "_calls",
        "_client",
        "_credentials",
        "_rules",
        "_scope",
        "_timeout_s",
        "_userinfo",
        "logins",
        "name",
        "provider",
        "targets",
    )

    def __init__(
        self,
        name: str,
        provider: Provider,
        rules: TokenRules,
        calls: IssuerCalls,
        credentials: Credentials,
        logins: Logins,
        targets: Targets,
        *,
        callback: str,
        scopes: Sequence[str],
        userinfo: bool,
        timeout_s: float,
    ) -> None:
        self.name = name
        self.provider = provider
        self.logins = logins
        self.targets = targets
        self._rules = rules
        self._client = rules.client
        self._calls = calls
        self._credentials = credentials
        self._callback = callback
        self._scope = " ".join(scopes)
        self._userinfo = userinfo
        self._timeout_s = timeout_s

    @property
    def leeway_s(self) -> float:
        """How far clocks may differ."""
        return self._rules.leeway_s

    async def metadata(self) -> Metadata:
        """Where to go; waits for the first that comes after a start. Raises ProviderAwayError."""
        provider = self.provider
        if provider.metadata is None and provider.keys.is_expected():
            await provider.keys.arrival()
        if provider.metadata is None:
            raise ProviderAwayError("its metadata has not come yet")
        return provider.metadata

    def away(self, reason: str) -> Failure:
        """What a client is told when the provider cannot be asked."""
        wait_s = self.provider.keys.retry_after_s()
        failure = PROVER_AWAY.saying(PROVER_AWAY.text, (b"retry-after", b"%d" % wait_s))
        return failure.because(f"the provider of {self.name}: {reason}")

    def is_issuer(self, issuer: str | None, metadata: Metadata) -> bool:
        """Whether an answer comes from this provider, as far as it says so (RFC 9207 section 2.4)."""
        return not metadata.names_itself if issuer is None else issuer == self._rules.issuer

    def authorization(self, metadata: Metadata, login: Login) -> str:
        """The address that a browser signs in at."""
        return _with_query(
            metadata.authorization,
            {
                "response_type": "code",
                "client_id": self._client,
                "redirect_uri": self._callback,
                "scope": self._scope,
                "state": login.state,
                "nonce": login.nonce,
                "code_challenge": login.challenge,
                "code_challenge_method": "S256",
            },
        )

    def end_session(self, metadata: Metadata, id_token: str | None, then: str | None) -> str | None:
        """The address that a browser signs out at, None when the provider has none (RP-Initiated Logout 1.0)."""
        if metadata.end_session is None:
            return None
        told = {"id_token_hint": id_token, "client_id": self._client, "post_logout_redirect_uri": then}
        return _with_query(metadata.end_session, {name: value for name, value in told.items() if value})

    async def exchange(self, metadata: Metadata, login: Login, code: str, wall: float) -> Told:
        """What the provider says for a code. Raises SignInRefusedError or ProviderAwayError."""
        fields, proof = self._credentials(wall)
        body = urlencode(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._callback,
                "code_verifier": login.verifier,
                **proof,
            }
        )
        form = (b"content-type", b"application/x-www-form-urlencoded")
        answer = await self._ask("POST", metadata.token, [*fields, form], body.encode("ascii"))
        said = _object(answer)
        if answer.status == 401 or said.get("error") in ("invalid_client", "unauthorized_client"):
            raise ProviderAwayError("it refuses the gateway itself: are the client's credentials right?")
        if answer.status != 200:
            raise SignInRefusedError(f"the code was refused with {answer.status}")
        id_token, access_token = said.get("id_token"), said.get("access_token")
        if not isinstance(id_token, str):
            raise SignInRefusedError("the token endpoint gives no ID token")
        access = access_token if isinstance(access_token, str) else None
        try:
            compact, keys = await self._signed(id_token)
            claims = id_token_claims(compact, keys, self._rules, login.nonce, access, wall)
        except TokenError as error:
            raise SignInRefusedError(f"its ID token is refused: {error.reason}") from None
        if self._userinfo:
            # What was signed counts before what was only sent.
            claims = {**await self._user(metadata, access, claims["sub"]), **claims}
        return Told(claims, id_token)

    async def logout_claims(self, token: str, wall: float) -> dict[str, Any]:
        """What a logout token says. Raises TokenError or ProviderAwayError."""
        compact, keys = await self._signed(token)
        return logout_token_claims(compact, keys, self._rules, wall)

    async def _user(self, metadata: Metadata, access: str | None, subject: str) -> dict[str, Any]:
        if access is None or metadata.userinfo is None:
            raise SignInRefusedError("userinfo cannot be asked for without an access token")
        bearer = (b"authorization", b"Bearer " + access.encode("utf-8", "surrogatepass"))
        if not access.isascii() or not access.isprintable():
            raise SignInRefusedError("the access token is none that could be sent")
        answer = await self._ask("GET", metadata.userinfo, [bearer], b"")
        said = _object(answer)
        if answer.status != 200 or said.get("sub") != subject:
            # Section 5.3.2: another user's must not be used.
            raise SignInRefusedError(f"userinfo answers {answer.status}, or of another user")
        return said

    async def _ask(self, method: str, place: Remote, fields: list[Field], body: bytes) -> Answer:
        call: Call = self._calls.at(place.origin)
        asked = [*fields, (b"accept", b"application/json")]
        try:
            answer = await call(
                method, place.target, asked, body, timeout_s=self._timeout_s, most_bytes=ANSWER_BYTES
            )
        except CallFailedError as error:
            raise ProviderAwayError(str(error)) from None
        if answer.status >= 500 or answer.status == 429:
            raise ProviderAwayError(f"it answers {answer.status}")
        return answer

    async def _signed(self, token: str) -> tuple[Compact, KeySet]:
        """A token taken apart, and the keys to verify it with. Raises TokenError or ProviderAwayError."""
        compact = read(token, self._rules.algorithms)
        remote = self.provider.keys
        keys = remote.current
        unknown = keys is not None and compact.kid is not None and not keys.knows(compact.kid)
        if (keys is None and remote.is_expected()) or (unknown and remote.may_refetch()):
            await remote.arrival()
            keys = remote.current
        if keys is None:
            raise ProviderAwayError("its keys have not come yet, or are too old")
        return compact, keys

    def __repr__(self) -> str:
        return f"<Openid {self.name} {self.provider!r}>"


def _object(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer; an answer of 200 without one is refused."""
    try:
        said = from_json(answer.body)
    except ValueError:
        said = None
    if isinstance(said, dict):
        return said
    if answer.status == 200:
        raise SignInRefusedError("the provider answers with no JSON object")
    return {}


def _with_query(place: Remote, parameters: Mapping[str, str]) -> str:
    return f"{place}{'&' if '?' in place.target else '?'}{urlencode(parameters)}"
