"""Ask an authorisation server about a token: the request of RFC 7662 section 2.1 and what its answer says.

The gateway proves itself to that server by its client's secret (RFC 6749 section 2.3.1) or by an assertion that it
signs anew for every question (RFC 7523). An answer that does not say plainly whether the token is active is none.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt

from portico.exchange.call import Call, CallFailedError
from portico.exchange.fields import Field

from .encoding import from_json

ANSWER_BYTES = 64 * 1024
ASSERTION_S = 60.0
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class NotAnsweredError(Exception):
    """Nobody has said whether the token is active. The message is for the log and shows no token."""


Credentials = Callable[[float], tuple[list[Field], dict[str, str]]]
"""From the wall time to the fields and the parameters that prove who asks."""


def by_basic(client: str, secret: str) -> Credentials:
    """`client_secret_basic`."""
    pair = f"{quote_plus(client)}:{quote_plus(secret)}".encode()
    field = (b"authorization", b"Basic " + b64encode(pair))

    def credentials(wall: float) -> tuple[list[Field], dict[str, str]]:
        return [field], {}

    return credentials


def by_post(client: str, secret: str) -> Credentials:
    """`client_secret_post`."""

    def credentials(wall: float) -> tuple[list[Field], dict[str, str]]:
        return [], {"client_id": client, "client_secret": secret}

    return credentials


def by_assertion(client: str, key: Any, algorithm: str, audience: str) -> Credentials:
    """`private_key_jwt`. `key` is a private key of the cryptography package."""

    def credentials(wall: float) -> tuple[list[Field], dict[str, str]]:
        said = {
            "iss": client,
            "sub": client,
            "aud": audience,
            "jti": secrets.token_hex(16),
            "iat": int(wall),
            "exp": int(wall + ASSERTION_S),
        }
        assertion = jwt.encode(said, key, algorithm=algorithm)
        return [], {
            "client_id": client,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": assertion,
        }

    return credentials


@dataclass(frozen=True, slots=True)
class Introspector:
    """Asks one server. `hint` says what kind of token it is asked about (RFC 7662 section 2.1)."""

    call: Call
    target: str
    credentials: Credentials
    hint: str
    timeout_s: float

    async def ask(self, token: bytes, wall: float) -> dict[str, Any] | None:
        """What the server says of an active token, None of any other. Raises NotAnsweredError."""
        fields, parameters = self.credentials(wall)
        body = urlencode({"token": token.decode("ascii"), "token_type_hint": self.hint, **parameters})
        try:
            answer = await self.call(
                "POST",
                self.target,
                [
                    *fields,
                    (b"accept", b"application/json"),
                    (b"content-type", b"application/x-www-form-urlencoded"),
                ],
                body.encode("ascii"),
                timeout_s=self.timeout_s,
                most_bytes=ANSWER_BYTES,
            )
        except CallFailedError as error:
            raise NotAnsweredError(str(error)) from None
        if answer.status in (400, 401, 403):
            raise NotAnsweredError(
                f"it refuses the gateway itself with {answer.status}: are its credentials right?"
            )
        if answer.status != 200:
            raise NotAnsweredError(f"it answers {answer.status}")
        return _said(answer.body)


def _said(body: bytes) -> dict[str, Any] | None:
    try:
        found = from_json(body)
    except ValueError as error:
        raise NotAnsweredError(f"its answer {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("active"), bool):
        raise NotAnsweredError("its answer does not say whether the token is active")
    return found if found["active"] else None
