"""What it costs to prove who calls: the whole hook, with the question whether the caller was revoked, in one process.

Cold is a token that this worker sees for the first time, verified by one signature check; cached is any further
request with it. Each figure is the median of single calls in processor time of the thread, behind it the fastest
tenth; no sockets, no service. `python -m bench` measures the whole.

    python -m bench.proving
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

import jwt
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from portico.config.models.identity import SessionSettings
from portico.exchange.call import Answer
from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.request import Request
from portico.hooks.authenticate import Asking
from portico.identity.claims import ClaimRules
from portico.identity.introspect import Introspector, by_basic
from portico.identity.introspection import IntrospectionProof
from portico.identity.issuers import together
from portico.identity.jwt import JwtProof
from portico.identity.key_life import KeyRules
from portico.identity.keys import Key, KeySet
from portico.identity.proofs import Proof
from portico.identity.remote_keys import RemoteKeys
from portico.identity.session import SessionProof
from portico.identity.sessions import Sessions, key_of
from portico.observe.audit import Audit
from portico.observe.families import Metrics
from portico.rules import Limits
from portico.stores.memory import MemoryStore

ALGORITHMS = ("HS256", "HS512", "RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA")
SECRET = "a secret for benchmarks only, which is longer than sixty-four bytes: 0123456789"
COLD, CACHED = 400, 20_000
_CURVES: dict[str, type[Any]] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


def private_key(algorithm: str) -> Any:
    """A key to sign with."""
    if algorithm.startswith("HS"):
        return SECRET
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def tokens(algorithm: str, key: Any, count: int, issuer: str = "https://issuer.example") -> list[str]:
    """So many different tokens of nine claims."""
    now = int(time.time())
    return [
        jwt.encode(
            {
                "iss": issuer,
                "sub": f"u-{number}",
                "aud": "api",
                "tenant_id": "t-1",
                "role": "agent",
                "email": "agent@example.com",
                "iat": now,
                "exp": now + 3600,
                "jti": f"{number:032x}",
            },
            key,
            algorithm,
            headers={"kid": "k1"},
        )
        for number in range(count)
    ]


def hook(*proofs: Proof) -> Callable[[Exchange], Any]:
    """What a route runs, its store in memory."""
    methods = together(proofs, lambda one, other, index: None)
    asking = Asking(methods, Clock(), Metrics(), Audit(None), MemoryStore(Limits(1000)), None)
    return asking.the_only_one


def exchange(token: str) -> Exchange:
    """A request of eight fields, one of which is the token."""
    request = Request()
    request.method = b"GET"
    request.fields = [(b"x-%d" % number, b"value") for number in range(7)]
    # Bytes of their own, as they come from a socket: their hash is not known yet.
    request.fields.append((b"authorization", b"Bearer " + token.encode()))
    return Exchange(cast(Any, None), request, time.monotonic())


def cost_us(call: Callable[[Exchange], Any], exchanges: Iterable[Exchange]) -> tuple[float, float]:
    """Median and fastest tenth, microseconds of this thread's processor time."""
    took = []
    for x in exchanges:
        start = time.thread_time_ns()
        verdict = call(x)
        took.append(time.thread_time_ns() - start)
        if verdict is not None:
            raise AssertionError(f"refused: {verdict}")
    took.sort()
    return took[len(took) // 2] / 1e3, took[len(took) // 10] / 1e3


def show(name: str, size: int, cold: tuple[float, float] | None, cached: tuple[float, float]) -> None:
    """One row."""
    first = "–" if cold is None else f"{cold[0]:.0f} ({cold[1]:.0f})"
    print(f"| {name} | {size} | {first} | {cached[0]:.2f} ({cached[1]:.2f}) |")


def _rules(issuer: str = "https://issuer.example") -> ClaimRules:
    return ClaimRules(issuer=issuer, audiences=frozenset({"api"}))


def _remote(algorithm: str, private: Any) -> RemoteKeys:
    """A published set with this key."""
    kinds: dict[str, Any] = {"R": RSAAlgorithm, "E": ECAlgorithm if algorithm != "EdDSA" else OKPAlgorithm}
    jwk = kinds[algorithm[0]].to_jwk(private.public_key(), as_dict=True) | {"kid": "k1"}
    jwk.pop("key_ops", None)
    keys = RemoteKeys("bench", lambda fetched: None)
    keys.current = KeySet.read(json.dumps({"keys": [jwk]}).encode())
    return keys


def measure(name: str, ask: Callable[[Exchange], Any], made: list[str]) -> None:
    """Each token once, and then the first of them again and again."""
    cold = cost_us(ask, [exchange(token) for token in made])
    ask(exchange(made[0]))
    cached = cost_us(ask, [exchange(made[0]) for _ in range(CACHED)])
    show(name, len(made[0]), cold, cached)


async def main() -> None:
    print("| method | token, bytes | cold µs | cached µs |\n| --- | --- | --- | --- |")
    for algorithm in ALGORITHMS:
        private = private_key(algorithm)
        symmetric = algorithm.startswith("HS")
        key = Key.from_secret(SECRET) if symmetric else Key.from_public(private.public_key())
        ask = hook(JwtProof("users", [key], [algorithm], _rules()))
        measure(f"JWT {algorithm}", ask, tokens(algorithm, private, COLD))
    private = private_key("RS256")
    ask = hook(JwtProof("users", _remote("RS256", private), ["RS256"], _rules()))
    measure("JWT RS256, published keys", ask, tokens("RS256", private, COLD))
    other = "https://other.example"
    ask = hook(
        JwtProof("other", [Key.from_secret(SECRET)], ["HS256"], _rules(other)),
        JwtProof("users", [Key.from_public(private.public_key())], ["RS256"], _rules()),
    )
    measure("JWT RS256, the second of two issuers", ask, tokens("RS256", private, COLD))
    await introspected()
    await in_a_session()


async def introspected() -> None:
    """A token that was asked about; what the question costs is the network's."""
    said = json.dumps({"active": True, "sub": "u-1", "tenant_id": "t-1", "exp": time.time() + 3600}).encode()

    async def call(*_question: Any, **_bounds: Any) -> Answer:
        return Answer(200, (), said)

    introspector = Introspector(call, "/", by_basic("bench", "secret"), "access_token", KeyRules().timeout_s)
    ask = hook(IntrospectionProof("opaque", introspector, ClaimRules(), lambda outcome: None))
    token = "o" * 43
    await ask(exchange(token))
    show("introspected", len(token), None, cost_us(ask, [exchange(token) for _ in range(CACHED)]))


async def in_a_session() -> None:
    """A cookie of a session, read by GET, and written by POST with its CSRF token."""
    sessions = Sessions(MemoryStore(Limits(0)), [SECRET.encode()], 900.0, 3600.0)
    session_id = sessions.new_id()
    await sessions.keep(session_id, sessions.begin({"sub": "u-1", "tenant_id": "t-1"}, time.time()))
    settings = SessionSettings.model_validate({"secret": SECRET})
    ask = hook(SessionProof("browsers", sessions, settings))
    cookie, csrf = sessions.cookie(session_id), sessions.csrf(key_of(session_id))

    def request(method: bytes) -> Exchange:
        x = exchange("")
        x.request.method = method
        x.request.fields[-1:] = [
            (b"cookie", f"theme=dark; __Host-session={cookie}; __Host-csrf={csrf}".encode()),
            (b"x-csrf-token", csrf.encode()),
        ]
        return x

    await ask(request(b"GET"))
    for method in (b"GET", b"POST"):
        cost = cost_us(ask, [request(method) for _ in range(CACHED)])
        show(f"session, {method.decode()}", len(cookie), None, cost)


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
