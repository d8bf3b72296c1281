"""Several methods of one route that read the same header, told apart by what the token says of itself.

A token's `iss` and `typ`, not verified yet, choose the one method that then verifies all of it: a token can only choose
who judges it, never by what rules (RFC 8725 section 3.8). Whose `iss` no method takes is refused, unless there is a
method for tokens that only their issuer can read. Which methods can share a header is settled at load: no token may
suit two.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from portico.exchange.exchange import Exchange
from portico.exchange.failure import INVALID_TOKEN, Failure

from .claims import plain_typ
from .jws import TokenError, peek
from .proofs import Proof, Proven


@runtime_checkable
class TokenProof(Proof, Protocol):
    """A method that can share its header. `issuer` and `typ` are what a token must say to be its; None for any.

    `opaque` says that it takes whatever nobody else does.
    """

    @property
    def issuer(self) -> str | None: ...
    @property
    def typ(self) -> str | None: ...
    @property
    def opaque(self) -> bool: ...

    def knows(self, value: bytes) -> bool:
        """Whether this value of the header has proven somebody before."""


class Issuers:
    """The methods of one header, as one method. `members` are at least two."""

    __slots__ = ("_invalid", "_opaque", "challenge", "field", "members", "name", "needs_body")

    def __init__(self, members: Sequence[TokenProof]) -> None:
        self.members = tuple(member for member in members if not member.opaque)
        self._opaque = next((member for member in members if member.opaque), None)
        self.name = "+".join(member.name for member in members)
        self.field = members[0].field
        self.needs_body: int | None = None
        self.challenge = b", ".join(member.challenge for member in members)
        description = b'error="invalid_token", error_description="The token is not valid"'
        self._invalid = INVALID_TOKEN.saying(
            INVALID_TOKEN.text,
            *((b"www-authenticate", b"%b, %b" % (member.challenge, description)) for member in members[:1]),
        )

    def prove(self, x: Exchange, wall: float) -> Proven | Awaitable[Proven]:
        """As every proof."""
        values = [value for name, value in x.request.fields if name == self.field]
        if not values:
            return None
        if len(values) > 1:
            return self.members[0].prove(x, wall)  # which says so
        value = values[0]
        for member in self.members:
            if member.knows(value):
                return member.prove(x, wall)
        chosen = self._choose(value)
        if isinstance(chosen, Failure):
            return chosen
        return chosen.prove(x, wall)

    def _choose(self, value: bytes) -> TokenProof | Failure:
        scheme, _, token = value.partition(b" ")
        try:
            header, claims = peek(token.strip(b" ") if token else scheme)
        except TokenError:
            # Not a JSON Web Token: that of the issuer who can read it, or one that a method refuses with a reason.
            return self._opaque or self.members[0]
        issuer, typ = claims.get("iss"), header.get("typ")
        for member in self.members:
            if member.issuer in (None, issuer) and (member.typ is None or _same_typ(member.typ, typ)):
                return member
        if self._opaque is not None:
            return self._opaque
        return self._invalid.because(f"token refused by {self.name}: its iss is none of theirs")

    def __repr__(self) -> str:
        return f"<Issuers {self.name}>"


def together(proofs: Sequence[Proof], clash: Callable[[Proof, Proof, int], None]) -> list[Proof]:
    """The methods of a route, those that share a header as one, in the place of the first.

    `clash` is told of two that no token could tell apart, with the place of the second.
    """
    by_field: dict[bytes, list[Proof]] = {}
    for index, proof in enumerate(proofs):
        earlier = by_field.setdefault(proof.field, [])
        for other in earlier:
            if not _apart(other, proof):
                clash(other, proof, index)
                break
        earlier.append(proof)
    found: list[Proof] = []
    for sharing in by_field.values():
        members = [proof for proof in sharing if isinstance(proof, TokenProof)]
        found.append(Issuers(members) if len(members) == len(sharing) > 1 else sharing[0])
    return found


def _apart(one: Proof, other: Proof) -> bool:
    if not (isinstance(one, TokenProof) and isinstance(other, TokenProof)):
        return False
    if one.opaque or other.opaque:
        return one.opaque != other.opaque
    issuers = one.issuer is not None and other.issuer is not None and one.issuer != other.issuer
    typs = one.typ is not None and other.typ is not None and not _same_typ(one.typ, other.typ)
    return issuers or typs


def _same_typ(wanted: str, typ: object) -> bool:
    return isinstance(typ, str) and plain_typ(typ) == plain_typ(wanted)
