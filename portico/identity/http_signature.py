"""Prove who calls by an HTTP message signature (RFC 9421), and the body by Content-Digest (RFC 9530).

The key decides the algorithm, never the message (section 7.3.6 there is about the other choice). Of several signatures
only those count that have the configured tag and a key that is known here, and there must be exactly one of them: else
a caller could choose what is checked. A signature is good once: its nonce, or without one what it signs, is remembered
for as long as it would be accepted. Not the signature's bytes: ECDSA has two that are right for the same text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple

from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTHENTICATION_ERROR, Failure
from portico.exchange.identity import Identity
from portico.http.asked import as_asked
from portico.http.digest import wrong_digest
from portico.http.signature_algorithms import verifies
from portico.http.signature_base import BaseError, Coverage, Message
from portico.http.structured import StructureError, dictionary

from .challenges import challenged
from .means import Means
from .replays import Replays

_TEXTS = ("keyid", "alg", "nonce", "tag")
_TIMES = ("created", "expires")


class SignatureKey(NamedTuple):
    """One key: its algorithm, the material (several while it is exchanged), and whose it is."""

    algorithm: str
    materials: tuple[Any, ...]
    identity: Identity


class SignatureRules(NamedTuple):
    """What a signature must be. `components` None: method and whole target, in either way to write it."""

    components: frozenset[str] | None = None
    tag: str | None = None
    nonce: bool = False
    window_s: float = 300.0


class _RefusedError(Exception):
    """Why a signature proves nobody, for the log."""


class HttpSignatureProof:
    """One identity block of kind `signature`, compiled. `keys`: keyid → its key."""

    __slots__ = ("_failure", "_keys", "_replays", "_rules", "challenge", "field", "name", "needs_body")

    def __init__(
        self,
        name: str,
        keys: Mapping[str, SignatureKey],
        rules: SignatureRules,
        means: Means,
        body_bytes: int,
    ) -> None:
        self.name = name
        self.field = b"signature-input"
        self.needs_body: int | None = body_bytes
        # No scheme is registered for it, and RFC 9110 section 11.6.1 wants one.
        self.challenge = b'Signature realm="%b"' % name.encode()
        self._keys = keys
        self._rules = rules
        self._failure = challenged(AUTHENTICATION_ERROR, self.challenge)
        self._replays = Replays(means.store, name, self._refused("it was used before"))

    def prove(self, x: Exchange, wall: float) -> Failure | Awaitable[Identity | Failure] | None:
        """Whose signature the request has; waits for the store to say that it is a new one."""
        inputs = [value for name, value in x.request.fields if name == b"signature-input"]
        if not inputs:
            return None
        try:
            return self._examine(x, inputs, wall)
        except _RefusedError as error:
            return self._refused(str(error))
        except (BaseError, StructureError) as error:
            return self._refused(f"it {error}")

    def _examine(
        self, x: Exchange, inputs: Sequence[bytes], wall: float
    ) -> Awaitable[Identity | Failure] | None:
        rules = self._rules
        told = {label: Coverage.read(member) for label, member in dictionary(inputs).items()}
        if rules.tag is not None:
            told = {label: one for label, one in told.items() if one.parameters.get("tag") == rules.tag}
            if not told:
                return None  # signatures for somebody else
        known = {label: one for label, one in told.items() if one.parameters.get("keyid") in self._keys}
        if len(known) != 1:
            raise _RefusedError(
                "its key is not known" if not known else "more than one signature could count"
            )
        ((label, coverage),) = known.items()
        key = self._keys[coverage.parameters["keyid"]]
        until = _accepted_until(coverage.parameters, key.algorithm, rules, wall)
        _check_coverage(coverage, x, rules)
        scheme, authority = as_asked(x)
        request = x.request
        message = Message.of_request(request.method, request.target, scheme, authority, request.fields)
        base = coverage.base(message)
        signature = _signature(x, label)
        if not any(verifies(key.algorithm, one, base, signature) for one in key.materials):
            raise _RefusedError("it is not that of its key for this request")
        if "content-digest" in coverage.plain:
            wrong = wrong_digest(message.values(b"content-digest"), x.body or b"")
            if wrong:
                raise _RefusedError(wrong)
        nonce = coverage.parameters.get("nonce")
        once = b"base:" + base if nonce is None else b"nonce:" + nonce.encode()
        return self._replays.first(key.identity, until, coverage.parameters["keyid"].encode(), once)

    def _refused(self, reason: str) -> Failure:
        return self._failure.because(f"signature refused by {self.name}: {reason}")

    def __repr__(self) -> str:
        return f"<HttpSignatureProof {self.name} {len(self._keys)} keys>"


def _accepted_until(
    parameters: Mapping[str, Any], algorithm: str, rules: SignatureRules, wall: float
) -> float:
    """When the signature will be accepted no longer (wall seconds). Raises _RefusedError if that is now."""
    for name in _TEXTS:
        if not isinstance(parameters.get(name, ""), str):
            raise _RefusedError(f"its {name} is no string")
    for name in _TIMES:
        # bool is an int in Python, and a parameter without a value is True.
        if type(parameters.get(name, 0)) is not int:
            raise _RefusedError(f"its {name} is no whole number of seconds")
    if parameters.get("alg", algorithm) != algorithm:
        raise _RefusedError("its alg is not that of its key")
    if rules.nonce and not parameters.get("nonce"):
        raise _RefusedError("it has no nonce")
    created, expires = parameters.get("created"), parameters.get("expires")
    if created is None:
        raise _RefusedError("it has no created")
    if abs(wall - created) > rules.window_s:
        raise _RefusedError("its created is too far from now")
    if expires is not None and wall >= expires:
        raise _RefusedError("it has expired")
    return float(created) + rules.window_s + 1.0


def _check_coverage(coverage: Coverage, x: Exchange, rules: SignatureRules) -> None:
    plain = coverage.plain
    if rules.components is None:
        if "@method" not in plain:
            raise _RefusedError("it does not cover @method")
        if not _covers_target(plain, has_query=b"?" in x.request.target):
            raise _RefusedError("it does not cover the target: @target-uri, or @authority, @path and @query")
    elif missing := rules.components - plain:
        raise _RefusedError(f"it does not cover {', '.join(sorted(missing))}")
    if x.body and "content-digest" not in plain:
        raise _RefusedError("it does not cover the body: content-digest")


def _covers_target(plain: frozenset[str], *, has_query: bool) -> bool:
    if "@target-uri" in plain:
        return True
    if "@authority" not in plain:
        return False
    return "@request-target" in plain or ("@path" in plain and ("@query" in plain or not has_query))


def _signature(x: Exchange, label: str) -> bytes:
    members = dictionary([value for name, value in x.request.fields if name == b"signature"])
    member = members.get(label)
    if member is None or not isinstance(member[0], bytes):
        raise _RefusedError("there is no Signature of its label")
    return member[0]
