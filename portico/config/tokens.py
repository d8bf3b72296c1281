"""What does not fit together in identities: keys, algorithms, who tokens are from, and who asks their issuer."""

from __future__ import annotations

from typing import Protocol

from portico.config.marks import Path
from portico.config.models.identity import IntrospectionSettings, JwtSettings, SessionSettings
from portico.config.models.identity.introspection import IntrospectionClientSettings
from portico.config.models.identity.remote import KeySetSettings
from portico.config.problems import Severity, quote
from portico.config.remotes import parse_remote

# RFC 7518 §3.2: a key at least as long as the hash.
_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_KEYS = ("secret", "secrets", "public_key", "jwks", "discover")


class Add(Protocol):
    """Adds a problem."""

    def __call__(
        self,
        path: Path,
        reason: str,
        suggestion: str = "",
        *,
        severity: Severity = "error",
        shown: str = "",
        on_key: bool = False,
    ) -> None: ...


class NoEffect(Protocol):
    """Adds a problem about a key that does nothing, if it is written."""

    def __call__(self, path: Path, why: str, remedy: str = "remove it") -> None: ...


def check_jwt(jwt: JwtSettings, path: Path, add: Add, no_effect: NoEffect) -> None:
    """Add a problem for everything that could not work, or would have no effect."""
    keys = [key for key in _KEYS if getattr(jwt, key)]
    if not keys:
        add(path, "has no key to verify tokens with", "write secret, secrets, public_key, jwks or discover")
        return
    for surplus in keys[1:]:
        # With both kinds of key in one verifier the public key could pass for an HMAC secret (RFC 8725 §2.1).
        add(
            (*path, surplus),
            f"cannot stand beside {keys[0]}",
            "keep one; another identity can have the other",
            on_key=True,
        )
    if len(keys) > 1:
        return
    if jwt.hmac_secrets:
        _check_algorithms(jwt, path, add, "a public key", symmetric=True)
        _check_secrets(jwt, path, add)
    else:
        if not jwt.algorithms:
            add(path, "a public key needs algorithms", "write what the issuer signs with, such as [RS256]")
        _check_algorithms(jwt, path, add, "an HMAC secret", symmetric=False)
    if keys[0] in ("jwks", "discover"):
        _check_remote(jwt, path, add)
    else:
        no_effect((*path, "key_set"), f"on keys that are written here: {keys[0]}")
    if jwt.typ is not None and jwt.typ.lower().removeprefix("application/") == "at+jwt":
        # RFC 9068 section 4: both must be checked for such a token.
        for key, value in (("issuer", jwt.trusted_issuer), ("audience", jwt.audience)):
            if not value:
                add((*path, "typ"), f"an access token of RFC 9068 needs {key}", f"write {key}")


def _check_remote(jwt: JwtSettings, path: Path, add: Add) -> None:
    if jwt.jwks is not None:
        _check_place(jwt, path, add)
        if jwt.issuer is None:
            add(path, "an issuer's keys need the issuer", "write issuer: what its tokens say in iss")
    elif jwt.discover is not None:
        if jwt.issuer is not None and jwt.issuer != jwt.discover.issuer:
            add((*path, "issuer"), "is not the issuer that is discovered", "remove it")
        if jwt.discover.service is None:
            check_secure((*path, "discover"), parse_remote(jwt.discover.issuer).secure, jwt.key_set, add)


def _check_place(jwt: JwtSettings, path: Path, add: Add) -> None:
    jwks = jwt.jwks
    if jwks is None:
        return
    at = (*path, "jwks")
    if jwks.url is not None:
        check_secure(at, jwks.url.secure, jwt.key_set, add)
        for surplus in ("service", "path"):
            if getattr(jwks, surplus) is not None:
                add((*at, surplus), "cannot stand beside url", "keep one of them", on_key=True)
    elif jwks.service is None or jwks.path is None:
        add(at, "does not say where the keys are", "write url, or service and path")


def check_secure(path: Path, secure: bool, key_set: KeySetSettings, add: Add) -> None:
    """Add a problem when an answer could be changed on its way."""
    if not secure and not key_set.plain_http:
        add(
            path,
            "whoever is on the way could change these keys, and let anybody in",
            "use https://, or write key_set: {plain_http: true}",
        )


def check_introspection(
    introspection: IntrospectionSettings, path: Path, add: Add, no_effect: NoEffect
) -> None:
    """Add a problem for everything that could not work, or would have no effect."""
    if introspection.url is not None:
        if not (introspection.url.secure or introspection.plain_http):
            add(
                (*path, "url"),
                "whoever is on the way could read tokens, and let anybody in",
                "use https://, or write plain_http: true",
            )
        for surplus in ("service", "path"):
            if getattr(introspection, surplus) is not None:
                add((*path, surplus), "cannot stand beside url", "keep one of them", on_key=True)
    elif introspection.service is None or introspection.path is None:
        add(path, "does not say whom to ask", "write url, or service and path")
    check_client(introspection.client, (*path, "client"), add, no_effect)


def check_session(session: SessionSettings, path: Path, add: Add, no_effect: NoEffect) -> None:
    """Add a problem for everything that could not work, or would have no effect."""
    openid = session.openid
    if openid is None:
        return
    at = (*path, "openid")
    check_client(openid.client, (*at, "client"), add, no_effect)
    if openid.service is None and not (parse_remote(openid.issuer).secure or openid.plain_http):
        add(
            (*at, "issuer"),
            "whoever is on the way could sign in as anybody",
            "use https://, or write plain_http: true",
        )
    if "openid" not in openid.scopes:
        add((*at, "scopes"), "lacks openid, without which there is no ID token", "add openid")
    if session.same_site == "strict":
        # Browsers send no such cookie behind a redirect that another site began (RFC 6265bis section 5.2).
        add(
            (*path, "same_site"),
            "strict cookies are missing when the provider sends a browser back",
            "use lax",
        )


def check_client(client: IntrospectionClientSettings, at: Path, add: Add, no_effect: NoEffect) -> None:
    """Add a problem for a client that has nothing, or two things, to prove itself with."""
    if client.secret is not None and client.key is not None:
        add((*at, "key"), "cannot stand beside secret", "keep one of them", on_key=True)
    elif client.secret is None and client.key is None:
        add(at, "has nothing to prove itself with", "write secret or key")
    if client.key is None:
        no_effect((*at, "algorithm"), "without a key")
        no_effect((*at, "audience"), "without a key")
    else:
        no_effect((*at, "by"), "without a secret")


def _check_algorithms(jwt: JwtSettings, path: Path, add: Add, needed: str, *, symmetric: bool) -> None:
    for index, algorithm in enumerate(jwt.algorithms):
        if algorithm.startswith("HS") != symmetric:
            add(
                (*path, "algorithms", index),
                f"{{written}} needs {needed} instead",
                shown=quote(algorithm),
            )


def _check_secrets(jwt: JwtSettings, path: Path, add: Add) -> None:
    least, algorithm = max((_SECRET_BYTES.get(name, 32), name) for name in jwt.accepted)
    for index, secret in enumerate(jwt.hmac_secrets):
        if len(secret) < least:
            add(
                (*path, "secret") if jwt.secret is not None else (*path, "secrets", index),
                f"the secret has {len(secret)} bytes, and {algorithm} needs at least {least}",
                f"make one with: openssl rand -hex {least}",
            )
