"""From the claims of a verified token to an identity: which claims count, and what they may look like.

Every rule where libraries differ is settled here and listed in docs/authentication-jwt.md (RFC 7519 section 4.1).
`null` counts as absent everywhere. What becomes a header towards a service must be visible ASCII that reads the
same at every service, so that no claim can break out of its header or be spelled in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Any

from portico.exchange.fields import Field
from portico.exchange.identity import Identity
from portico.exchange.marks import family_mark, jti_mark, tenant_mark, token_mark, user_mark

from .jws import TokenError

# The last second of the year 9999. A later time is a mistake, most often milliseconds, and would never expire.
_LAST_SECOND = 253_402_300_799
# Integers beyond this read differently in different languages (RFC 7493 section 2.2).
_LARGEST_INTEGER = 2**53 - 1
CLAIMS = 100  # a token with more is refused
PERMISSIONS = 200
# A scope or permission that says `resource:action`; others, such as `openid`, mean nothing here.
_PERMISSION = re.compile(r"(?:\*|[A-Za-z0-9_.*-]+:[A-Za-z0-9_.*-]+)\Z", re.ASCII)
# Visible ASCII, spaces only inside: what RFC 9110 section 5.5 lets every recipient read alike.
PLAIN = re.compile(r"[!-~](?:[ -~]*[!-~])?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What a token must say. `issuer` None: any. `audiences` None: whatever the token is for.

    `audiences` empty: only tokens that are for nobody in particular. `subject`, `tenant`, `role`, `email`, `venue`,
    `permissions` and `scope` name the claims to read, the first that is present counts. `type` is the value that the
    claim `type` must have, `typ` that of the header. `lifetime_s`: the longest that is accepted from iat to exp.
    `raw_mark`: the token itself is a mark too, beside its digest.
    """

    issuer: str | None = None
    audiences: frozenset[str] | None = frozenset()
    leeway_s: float = 60.0
    required: tuple[str, ...] = ()
    type: str | None = None
    subject: tuple[str, ...] = ("sub",)
    tenant: tuple[str, ...] = ("tenant_id",)
    role: tuple[str, ...] = ("role",)
    email: tuple[str, ...] = ("email",)
    venue: tuple[str, ...] = ("venue_id",)
    permissions: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    typ: str | None = None
    lifetime_s: float | None = None
    raw_mark: bool = False


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When a token holds, in wall seconds with the leeway counted in: `start <= wall < end`."""

    start: float
    end: float
    expires: float  # as the token says
    issued: float = 0.0  # as the token says, 0 when it does not


def lifetime(claims: Mapping[str, Any], rules: ClaimRules, *, endless: bool = False) -> Lifetime:
    """When the token holds. Raises TokenError for times that are none, and for a token that would never end.

    `endless`: one that does not say when it ends is good until its issuer says otherwise (RFC 7662 section 2.2).

    `iat` bounds the start like `nbf`: a token from the future would outlive a revocation of "everything issued
    before now".
    """
    expires, begins, issued = _time(claims, "exp"), _time(claims, "nbf"), _time(claims, "iat")
    if expires is None:
        if not endless:
            raise TokenError("it has no exp")
        expires = inf
    if rules.lifetime_s is not None:
        if issued is None:
            raise TokenError("it has no iat, so that nobody can say for how long it was made")
        if expires - issued > rules.lifetime_s:
            raise TokenError("it was made for longer than is accepted")
    starts = [moment - rules.leeway_s for moment in (begins, issued) if moment is not None]
    return Lifetime(max(starts, default=-inf), expires + rules.leeway_s, expires, issued or 0.0)


def check_typ(header: Mapping[str, Any], rules: ClaimRules) -> None:
    """Raises TokenError for a token that was made for something else (RFC 8725 section 3.11)."""
    typ = header.get("typ")
    if typ is not None and not isinstance(typ, str):
        raise TokenError("its typ is no string")
    kind = None if typ is None else plain_typ(typ)
    if rules.typ is not None:
        if kind != plain_typ(rules.typ):
            raise TokenError(f"its typ is not {rules.typ}")
    elif kind is not None and kind.endswith("+jwt") and kind != "at+jwt":
        # Proofs of possession, logout tokens, events: signed by the same key, and no access tokens.
        raise TokenError("its typ is that of another kind of token")


def plain_typ(typ: str) -> str:
    """RFC 7515 section 4.1.9: case does not count, and "application/" may be left out."""
    return typ.lower().removeprefix("application/")


def check_issuer(claims: Mapping[str, Any], rules: ClaimRules) -> None:
    """Raises TokenError for a token of an issuer that is not trusted here."""
    issuer = claims.get("iss")
    if issuer is not None and not isinstance(issuer, str):
        raise TokenError("its iss is no string")
    if rules.issuer is not None and issuer != rules.issuer:
        raise TokenError("it has no iss" if issuer is None else "its iss is not the one that is trusted here")


def identify(
    claims: dict[str, Any],
    rules: ClaimRules,
    method: str,
    expires: float | None,
    *,
    token: bytes = b"",
    issued: float = 0.0,
) -> Identity:
    """The caller that the claims describe. Raises TokenError when they break a rule.

    `token` is what the claims came in, for what revokes it.
    """
    if len(claims) > CLAIMS:
        raise TokenError(f"it has more than {CLAIMS} claims")
    check_issuer(claims, rules)
    _check_audience(claims, rules)
    _check_type(claims, rules)
    for name in rules.required:
        if claims.get(name) in (None, "", []):
            raise TokenError(f"it has no {name}")
    jti = _plain_name(claims, ("jti",))
    subject = _plain_name(claims, rules.subject)
    if subject is None:
        raise TokenError(f"it has no {' or '.join(rules.subject)}")
    tenant = _plain_name(claims, rules.tenant)
    roles = _roles(claims, rules.role)
    email = _first(claims, rules.email)
    if email is not None and not isinstance(email, str):
        raise TokenError("its email is no string")
    scopes = _permissions(claims, rules.scope)
    permissions = _permissions(claims, rules.permissions)
    marks = [user_mark(tenant, subject)]
    if tenant is not None:
        marks.append(tenant_mark(tenant))
    family = claims.get("fam")
    if isinstance(family, str):
        marks.append(family_mark(family))  # the gateway's own tokens name the sign-in that they came from
    if jti is not None:
        marks.append(jti_mark(method, jti))
    if token:
        marks.append(token_mark(token))
        if rules.raw_mark:
            marks.append(token)
    return Identity(
        subject=subject,
        method=method,
        source="jwt",
        roles=roles,
        tenant=tenant,
        email=email,
        expires=expires,
        claims=MappingProxyType(claims),
        fields=identity_fields(subject, roles, tenant, b"jwt"),
        # A scope is what the token is limited to, whatever its bearer may do otherwise (RFC 6749 section 3.3).
        permissions=(permissions or ()) if scopes is None else scopes,
        scoped=scopes is not None,
        venue=_plain_name(claims, rules.venue),
        marks=tuple(marks),
        issued=issued,
    )


def identity_fields(
    subject: str, roles: tuple[str, ...], tenant: str | None, source: bytes
) -> tuple[Field, ...]:
    """The headers that tell a service who calls (requirements 1.7). The values must be plain ASCII."""
    fields = [(b"x-user-id", subject.encode("ascii"))]
    if roles:
        fields.append((b"x-user-role", ",".join(roles).encode("ascii")))
    if tenant is not None:
        fields.append((b"x-tenant-id", tenant.encode("ascii")))
        fields.append((b"x-tenant-source", source))
    return tuple(fields)


def _first(claims: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        value = claims.get(name)
        if value is not None:
            return value
    return None


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # bool is an int in Python, but true is no time; the comparison also refuses what overflowed to infinity.
    if type(value) not in (int, float) or not -_LAST_SECOND <= value <= _LAST_SECOND:
        raise TokenError(f"its {name} is not a time in seconds")
    return float(value)


def _check_audience(claims: Mapping[str, Any], rules: ClaimRules) -> None:
    audience = claims.get("aud")
    if audience is None or audience == []:
        if rules.audiences:
            raise TokenError("it has no aud")
        return
    named = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(name, str) for name in named):
        raise TokenError("its aud is neither a string nor a list of strings")
    # RFC 7519 section 4.1.3: who does not find itself in aud MUST reject the token. A gateway that was given no
    # name of its own cannot find itself there.
    if rules.audiences is not None and rules.audiences.isdisjoint(named):
        raise TokenError("its aud does not name this gateway")


def _check_type(claims: Mapping[str, Any], rules: ClaimRules) -> None:
    kind = claims.get("type")
    if kind is not None and not isinstance(kind, str):
        raise TokenError("its type is no string")
    if rules.type is None:
        # RFC 8725 section 3.12: one kind of token must not do another's work.
        if kind == "refresh":
            raise TokenError("it is a refresh token")
    elif kind != rules.type:
        raise TokenError(f"its type is not {rules.type}")


def _plain_name(claims: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of these claims as text: a plain string, or an integer in its decimal form."""
    for name in names:
        value = claims.get(name)
        if value is None:
            continue
        if isinstance(value, str):
            if PLAIN.match(value) is None:
                raise TokenError(f"its {name} is empty or not plain ASCII")
            return value
        if type(value) is int and -_LARGEST_INTEGER <= value <= _LARGEST_INTEGER:
            return str(value)
        raise TokenError(f"its {name} is neither a string nor a whole number")
    return None


def _roles(claims: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    value = _first(claims, names)
    if value is None:
        return ()
    roles = value if isinstance(value, list) else [value]
    for role in roles:
        # Services get the roles as a comma-separated list: a comma inside one would make two of it.
        if not isinstance(role, str) or "," in role or PLAIN.match(role) is None:
            raise TokenError("its role is not a plain ASCII name or a list of them")
    return tuple(roles)


def _permissions(claims: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...] | None:
    """What a claim permits: a list of texts, or one text with spaces between (RFC 8693 section 4.2)."""
    value = _first(claims, names)
    if value is None:
        return None
    written = value.split(" ") if isinstance(value, str) else value
    if not isinstance(written, list) or not all(isinstance(each, str) for each in written):
        raise TokenError("its permissions are neither a string nor a list of strings")
    if len(written) > PERMISSIONS:
        raise TokenError(f"it has more than {PERMISSIONS} permissions")
    return tuple(dict.fromkeys(each for each in written if _PERMISSION.match(each)))
