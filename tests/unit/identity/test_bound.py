"""Bound tokens: who may bear one, and with what."""

from __future__ import annotations

import asyncio
import base64
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from portico.config.models.identity.dpop import DpopSettings
from portico.exchange.certificate import ClientCertificate
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.identity.bound import Bound
from portico.identity.claims import ClaimRules
from portico.identity.dpop_nonce import STRETCH_S, DpopNonces
from portico.identity.jwt import JwtProof
from portico.rules import Limits
from portico.stores.memory import MemoryStore
from tests.unit.identity.proving import UNSET, dpop_proof, jkt
from tests.unit.identity.signed import NOW, Away, asked, verdict
from tests.unit.identity.signing import sign, verifying_key

OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = b"what a client has shown"
THUMBPRINT = base64.urlsafe_b64encode(sha256(CERTIFICATE).digest()).rstrip(b"=").decode()


def store() -> MemoryStore:
    return MemoryStore(Limits(1000), wall=lambda: NOW)


def proof(mode: str = "required", kept: MemoryStore | None = None, **more: Any) -> JwtProof:
    settings = None if mode == "off" else DpopSettings.model_validate({"mode": mode, **more})
    bound = Bound("users", settings, kept or store())
    return JwtProof("users", [verifying_key("HS256")], ["HS256"], ClaimRules(), bound=bound)


def token(cnf: Any = UNSET, **claims: Any) -> bytes:
    said = {"sub": "u-1", "exp": int(NOW) + 60, "cnf": {"jkt": jkt()} if cnf is UNSET else cnf, **claims}
    return sign({name: value for name, value in said.items() if value is not None})


OURS = token()


def sent(
    credential: bytes, *proofs: bytes, certificate: bytes | None = None, method: bytes = b"GET"
) -> Exchange:
    fields = ((b"authorization", credential), *((b"dpop", one) for one in proofs))
    x = asked(method, b"/orders?x=1", b"", *fields, authority=b"api.example")
    x.request.path = b"/orders"
    x.request.certificate = None if certificate is None else ClientCertificate(certificate)
    return x


def refused(ours: JwtProof, x: Exchange, wall: float = NOW) -> tuple[str, str]:
    """(the error that the client is told, why)."""
    found = verdict(ours, x, wall)
    assert isinstance(found, Failure), found
    assert (found.code, found.status) == ("INVALID_TOKEN", 401)
    challenge = dict(found.fields)[b"www-authenticate"].decode()
    return challenge.rpartition('error="')[2].removesuffix('"'), found.detail


@pytest.mark.parametrize("mode", ["required", "allowed"])
def test_the_owner_of_the_key_may_bear_it(mode: str) -> None:
    ours = proof(mode)
    for number in range(3):  # the token is remembered, and every request needs a proof of its own
        made = dpop_proof(token=OURS, jti=f"proof-{number}")
        assert isinstance(verdict(ours, sent(b"DPoP " + OURS, made)), Identity)
    assert len(ours.verified) == 1


def test_a_proof_is_good_once() -> None:
    ours = proof()
    made = dpop_proof(token=OURS)
    assert isinstance(verdict(ours, sent(b"dpop " + OURS, made)), Identity)
    assert refused(ours, sent(b"DPoP " + OURS, made)) == (
        "invalid_dpop_proof",
        "proof refused by users: it was used before",
    )


@pytest.mark.parametrize("mode", ["off", "allowed"])
def test_a_token_that_is_bound_to_a_key_is_no_bearer_token(mode: str) -> None:
    ours = proof(mode)
    for _ in range(2):  # remembered or not
        error, why = refused(ours, sent(b"Bearer " + OURS, dpop_proof(token=OURS)))
        assert error == "invalid_token"
        assert "without the proof" in why


def test_where_it_is_off_its_scheme_is_not_known() -> None:
    assert verdict(proof("off"), sent(b"DPoP " + OURS, dpop_proof(token=OURS))) is None
    assert proof("off").challenge == b'Bearer realm="users"'


def test_where_it_is_required_bearers_are_not_asked() -> None:
    unbound = token(None)
    assert verdict(proof(), sent(b"Bearer " + unbound)) is None
    assert proof().challenge.startswith(b'DPoP realm="users", algs="ES256 ')
    assert isinstance(verdict(proof("allowed"), sent(b"Bearer " + unbound)), Identity)
    assert proof("allowed").challenge.startswith(b'Bearer realm="users", DPoP realm="users"')


@pytest.mark.parametrize("mode", ["required", "allowed"])
def test_a_token_that_is_not_bound_is_none_for_dpop(mode: str) -> None:
    unbound = token(None)
    error, why = refused(proof(mode), sent(b"DPoP " + unbound, dpop_proof(token=unbound)))
    assert (error, "to no key" in why) == ("invalid_token", True)


@pytest.mark.parametrize(
    ("proofs", "why"),
    [
        ((), "0 of them"),
        ((dpop_proof(token=OURS, jti="a"), dpop_proof(token=OURS, jti="b")), "2 of them"),
        ((dpop_proof(token=OURS, htu="https://api.example/other"),), "another URL"),
        ((dpop_proof(token=OURS, htm="POST"),), "another method"),
        ((dpop_proof(token=OURS, iat=int(NOW) - 61),), "too far"),
        ((dpop_proof(),), "access token"),
        ((b"nonsense",), "parts"),
    ],
    ids=range(7),
)
def test_a_proof_that_is_none(proofs: tuple[bytes, ...], why: str) -> None:
    error, told = refused(proof(), sent(b"DPoP " + OURS, *proofs))
    assert error == "invalid_dpop_proof"
    assert why in told


def test_a_proof_by_another_key() -> None:
    error, why = refused(proof(), sent(b"DPoP " + OURS, dpop_proof(token=OURS, key=OTHER_KEY)))
    assert (error, "another key" in why) == ("invalid_token", True)


@pytest.mark.parametrize("cnf", [{}, {"kid": "x"}, {"jwk": {}}, "text", [], {"jkt": 7}, {"jkt": None}])
def test_what_it_is_bound_to_must_be_known(cnf: Any) -> None:
    bearing = token(cnf)
    for mode in ("off", "allowed"):
        assert refused(proof(mode), sent(b"Bearer " + bearing))[0] == "invalid_token"
    assert refused(proof(), sent(b"DPoP " + bearing, dpop_proof(token=bearing)))[0] == "invalid_token"


@pytest.mark.parametrize("mode", ["off", "allowed"])
def test_the_owner_of_the_certificate_may_bear_it(mode: str) -> None:
    ours, bearing = proof(mode), token({"x5t#S256": THUMBPRINT})
    for _ in range(2):
        assert isinstance(verdict(ours, sent(b"Bearer " + bearing, certificate=CERTIFICATE)), Identity)
        for other in (None, b"another"):
            error, why = refused(ours, sent(b"Bearer " + bearing, certificate=other))
            assert (error, "certificate" in why) == ("invalid_token", True)


def test_a_certificate_is_no_key_where_a_key_is_required() -> None:
    bearing = token({"x5t#S256": THUMBPRINT})
    x = sent(b"DPoP " + bearing, dpop_proof(token=bearing), certificate=CERTIFICATE)
    assert "to no key" in refused(proof(), x)[1]


def test_what_is_bound_to_both_needs_both() -> None:
    ours, bearing = proof(), token({"x5t#S256": THUMBPRINT, "jkt": jkt()})
    made = [dpop_proof(token=bearing, jti=f"p-{number}") for number in range(3)]
    assert isinstance(verdict(ours, sent(b"DPoP " + bearing, made[0], certificate=CERTIFICATE)), Identity)
    assert "certificate" in refused(ours, sent(b"DPoP " + bearing, made[1]))[1]
    assert "0 of them" in refused(ours, sent(b"DPoP " + bearing, certificate=CERTIFICATE))[1]


def test_nonces_are_asked_for() -> None:
    ours = proof(nonce=True)
    found = verdict(ours, sent(b"DPoP " + OURS, dpop_proof(token=OURS)))
    assert isinstance(found, Failure)
    told = dict(found.fields)
    assert b'error="use_dpop_nonce"' in told[b"www-authenticate"]
    nonce = told[b"dpop-nonce"].decode()
    assert isinstance(verdict(ours, sent(b"DPoP " + OURS, dpop_proof(token=OURS, nonce=nonce))), Identity)
    for wrong in (nonce + "A", "", "é"):
        made = dpop_proof(token=OURS, nonce=wrong, jti="other")
        assert refused(ours, sent(b"DPoP " + OURS, made))[0] == "use_dpop_nonce"


async def test_nonces_of_one_worker_are_good_at_another_and_end() -> None:
    kept = store()
    ours, other = DpopNonces(kept, "users"), DpopNonces(kept, "users")
    nonce = await ours.current(NOW)
    assert await other.is_ours(nonce, NOW)
    assert await other.is_ours(nonce, NOW + STRETCH_S)
    assert not await other.is_ours(nonce, NOW + 2 * STRETCH_S)
    assert not await DpopNonces(kept, "others").is_ours(nonce, NOW)
    assert not await DpopNonces(store(), "users").is_ours(nonce, NOW)


async def test_the_secret_of_nonces_is_made_anew_after_a_day() -> None:
    times = [NOW]
    kept = MemoryStore(Limits(1000), wall=lambda: times[0])
    ours, late = DpopNonces(kept, "users"), DpopNonces(kept, "users")
    await ours.current(NOW)
    first = await kept.find("cache", "dpop-nonce/users")
    times[0] += 86_401
    nonce = await ours.current(times[0])
    assert await kept.find("cache", "dpop-nonce/users") != first
    assert await late.is_ours(nonce, times[0])


@pytest.mark.parametrize("nonce", [False, True])
def test_without_the_store_nobody_passes(nonce: bool) -> None:
    found = verdict(proof(kept=Away(Limits(1)), nonce=nonce), sent(b"DPoP " + OURS, dpop_proof(token=OURS)))
    assert isinstance(found, Failure)
    assert found.status == 503


def test_owners_are_asked_for_also_where_keys_have_to_be_waited_for() -> None:
    ours = proof("off")
    late = asyncio.run(_late(ours))
    assert isinstance(late, Failure)
    assert "without the proof" in late.detail


async def _late(ours: JwtProof) -> Any:
    x = sent(b"Bearer " + OURS)

    async def pending() -> Any:
        return JwtProof._examine(ours, b"Bearer " + OURS, NOW)

    return await ours._owned_late(x, pending(), b"Bearer " + OURS, NOW)
