"""A sign-in that is under way at a provider, bound to the browser that began it by a short-lived signed cookie.

The cookie holds an id that nobody can guess, its end, and where to go afterwards. `state`, `nonce` and the PKCE
verifier are HMACs over the id: nothing secret is in the cookie or in the store, and whoever sees an address with
`state` can make no cookie to it. Each sign-in has a cookie of its own, named after its `state`, so that several tabs
can sign in at once. It refuses to lead anywhere but to this site and to listed origins (RFC 9700 section 4.11).
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from portico.rules.origins import Origins

from .sessions import signed

MOST_AT_ONCE = 8  # cookies of sign-ins in one browser; beyond these the oldest go
TARGET_LENGTH = 1024
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*\Z|/\Z", re.ASCII)
_ABSOLUTE = re.compile(r"(https?://[^/?#\\@]+)(?:[/?#][!-\[\]-~]*)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Login:
    """One sign-in. `target` is where the browser goes after it; `expires` is wall time."""

    id: str
    expires: int
    target: str
    state: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        """RFC 7636 section 4.2, by S256."""
        return _base64(sha256(self.verifier.encode()).digest())


class Logins:
    """The sign-ins of one identity. `about` tells it from every other that has the same secrets."""

    __slots__ = ("_about", "_patience_s", "_prefix", "_secrets")

    def __init__(self, about: str, signing: Sequence[bytes], prefix: str, patience_s: float) -> None:
        self._about = about.encode()
        self._secrets = tuple(signing)
        self._prefix = f"{prefix}-"
        self._patience_s = int(patience_s) or 1

    @property
    def prefix(self) -> str:
        """How the names of all its cookies begin."""
        return self._prefix

    @property
    def patience_s(self) -> int:
        """How long a cookie is kept."""
        return self._patience_s

    def begin(self, target: str, wall: float) -> tuple[Login, str]:
        """A new sign-in, and the value of its cookie."""
        text = f"{secrets.token_urlsafe(32)}.{int(wall) + self._patience_s}.{_base64(target.encode())}"
        secret = self._secrets[0]
        return self._login(secret, text), f"{text}.{self._mac(secret, b'login', text)}"

    def cookie_of(self, state: str) -> str:
        """The name of the cookie that belongs to a `state`."""
        return self._prefix + state[:16]

    def read(self, value: str, state: str, wall: float) -> Login | None:
        """The sign-in that a cookie is of, None unless it was made here, is not over, and has this `state`."""
        text, _, signature = value.rpartition(".")
        for secret in self._secrets:
            if not hmac.compare_digest(self._mac(secret, b"login", text).encode(), signature.encode()):
                continue
            login = self._login(secret, text)
            good = hmac.compare_digest(login.state.encode(), state.encode()) and wall < login.expires
            return login if good else None
        return None

    def surplus(self, cookies: Sequence[tuple[str, str]]) -> list[str]:
        """Of a browser's cookies the names of those to drop when one more sign-in begins."""
        ours = [(_stated_end(value), name) for name, value in cookies if name.startswith(self._prefix)]
        return [name for _, name in sorted(ours)[: max(0, len(ours) + 1 - MOST_AT_ONCE)]]

    def _login(self, secret: bytes, text: str) -> Login:
        login_id, expires, target = text.split(".")
        try:
            where = urlsafe_b64decode(target + "=" * (-len(target) % 4)).decode()
        except (Base64Error, ValueError):
            where = "/"  # signed, and so never the case
        state, nonce, verifier = (
            self._mac(secret, purpose, login_id) for purpose in (b"state", b"nonce", b"verifier")
        )
        return Login(login_id, int(expires), where, state, nonce, verifier)

    def _mac(self, secret: bytes, purpose: bytes, text: str) -> str:
        return signed(secret, b"openid-%b:%b" % (purpose, self._about), text)


class Targets:
    """Where a browser may be sent after a sign-in: paths of this site, and pages of `origins`."""

    __slots__ = ("_origins",)

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = Origins(origins, localhost=False)

    def allow(self, target: str) -> bool:
        """Whether browsers understand it as one of these."""
        if len(target) > TARGET_LENGTH:
            return False
        if is_local(target):
            return True
        found = _ABSOLUTE.match(target)
        return found is not None and self._origins.allow(found[1].encode())


def is_local(target: str) -> bool:
    """Whether it is a path of this site for every browser: neither `//host` nor `/\\host`, and no control character."""
    return _LOCAL.match(target) is not None


def _stated_end(value: str) -> int:
    stated = value.split(".")[1:2]
    return (
        int(stated[0])
        if stated and stated[0].isascii() and stated[0].isdigit() and len(stated[0]) < 16
        else 0
    )


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
