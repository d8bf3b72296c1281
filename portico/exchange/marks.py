"""What can be revoked: the names under which a token, a caller or a tenant is looked for in the store.

A proof makes an identity's marks once; every request asks the store whether one of them is revoked. A mark is revoked
outright, or for what was issued up to a moment: "all of this user's tokens, as of now". With lengths before them no
two callers share a mark, whatever they are called.
"""

from __future__ import annotations

from hashlib import sha256


def token_mark(token: bytes) -> bytes:
    """The mark of one token, by its SHA-256: a store does not hold what could be used."""
    return b"sha256:" + sha256(token).hexdigest().encode()


def jti_mark(method: str, jti: str) -> bytes:
    """The mark of a token's `jti`, which is unique for one issuer: for the method that proved it."""
    return _joined("jti", method, jti)


def user_mark(tenant: str | None, subject: str) -> bytes:
    """The mark of everything that a user of a tenant has been issued."""
    return _joined("user", tenant or "", subject)


def tenant_mark(tenant: str) -> bytes:
    """The mark of everything that anybody of a tenant has been issued."""
    return _joined("tenant", tenant)


def key_mark(key_id: str) -> bytes:
    """The mark of an API key."""
    return _joined("key", key_id)


def session_mark(session_id: str) -> bytes:
    """The mark of a session."""
    return _joined("session", session_id)


def provider_mark(method: str, claim: str, value: str) -> bytes:
    """The mark of all sessions that an OpenID provider knows by this `sub` or `sid`."""
    return _joined("openid", method, claim, value)


def family_mark(family: str) -> bytes:
    """The mark of all access tokens that came from one sign-in."""
    return _joined("family", family)


def _joined(kind: str, *names: str) -> bytes:
    parts = "".join(f"{len(name)}:{name}" for name in names)
    return f"{kind}:{parts}".encode("utf-8", "surrogatepass")
