"""Which API keys prove whom, and what is remembered of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.exchange.marks import key_mark, tenant_mark, user_mark
from portico.identity.api_key import UNKNOWN_S, ApiKeyProof
from portico.identity.api_key_record import KeyRecord, NewKey, hash_of, live_secrets, new_key, parse_key
from portico.rules import LimitRule, Limits
from portico.stores import MemoryStore, StoreAwayError
from tests.unit.identity.signing import NOW, request


class Counting(MemoryStore):
    """A store that says how often it was asked for a record, and may be away."""

    def __init__(self) -> None:
        super().__init__(Limits(100), wall=lambda: NOW)
        self.found = 0
        self.away = False

    async def find(self, kind: Any, key: str) -> bytes | None:
        self.found += 1
        if self.away:
            raise StoreAwayError("it is away")
        return await super().find(kind, key)


def stored(store: MemoryStore, made: NewKey) -> NewKey:
    asyncio.run(store.keep("apikey", made.record.id, made.record.encode(), made.record.expires))
    return made


def ask(
    proof: ApiKeyProof, key: str | bytes, wall: float = NOW, client: bytes = b"192.0.2.7"
) -> Identity | Failure | None:
    """What the proof says, and whether it had to wait, in `waited`."""
    x = request((b"x-api-key", key.encode() if isinstance(key, str) else key))
    x.client = client
    verdict = proof.prove(x, wall)
    return asyncio.run(_result(verdict)) if isinstance(verdict, Awaitable) else verdict


async def _result(verdict: Awaitable[Identity | Failure]) -> Identity | Failure:
    return await verdict


def reason(verdict: Identity | Failure | None) -> str:
    assert isinstance(verdict, Failure)
    assert (verdict.code, verdict.status) == ("AUTHENTICATION_ERROR", 401)
    assert (b"www-authenticate", b'ApiKey realm="partners"') in verdict.fields
    return verdict.detail


def test_a_key_of_the_store_says_who_calls() -> None:
    store = Counting()
    made = stored(store, new_key("ptk", NOW, name="till", tenant="t-1", subject="till-1", roles=("seller",)))
    proof = ApiKeyProof("partners", store, {})
    identity = ask(proof, made.text)
    assert isinstance(identity, Identity)
    assert (identity.subject, identity.tenant, identity.roles) == ("till-1", "t-1", ("seller",))
    assert (b"x-tenant-source", b"api-key") in identity.fields
    assert set(identity.marks) == {key_mark(made.record.id), user_mark("t-1", "till-1"), tenant_mark("t-1")}
    assert not identity.scoped


def test_a_key_is_looked_up_once_and_again_when_its_time_is_over() -> None:
    store = Counting()
    made = stored(store, new_key("ptk", NOW))
    proof = ApiKeyProof("partners", store, {}, cache_s=60.0)
    for _ in range(3):
        assert isinstance(ask(proof, made.text), Identity)
    assert store.found == 1
    assert isinstance(ask(proof, made.text, NOW + 61), Identity)
    assert store.found == 2


def test_scopes_are_all_that_a_key_may() -> None:
    store = Counting()
    made = stored(store, new_key("ptk", NOW, roles=("admin",), scopes=("tickets:view",)))
    identity = ask(ApiKeyProof("partners", store, {}), made.text)
    assert isinstance(identity, Identity)
    assert (identity.permissions, identity.scoped, identity.roles) == (("tickets:view",), True, ())
    assert not any(name == b"x-user-role" for name, _ in identity.fields)


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key.upper(),
        lambda key: "other" + key[3:],
        lambda key: key + "A",
        lambda key: key.replace(".", ""),
        lambda key: " " + key,
        lambda key: key + "\n",
        lambda key: "",
        lambda key: "ptk_../../etc.passwd" + "A" * 40,
    ],
)
def test_anything_else_is_refused(change: Any) -> None:
    store = Counting()
    made = stored(store, new_key("ptk", NOW))
    assert made.text not in reason(ask(ApiKeyProof("partners", store, {}), change(made.text)))


def test_a_key_that_there_is_not_is_asked_for_once_in_a_while() -> None:
    store = Counting()
    text = new_key("ptk", NOW).text
    proof = ApiKeyProof("partners", store, {})
    for _ in range(3):
        assert "there is no key" in reason(ask(proof, text))
    assert store.found == 1
    reason(ask(proof, text, NOW + UNKNOWN_S + 1))
    assert store.found == 2


def test_an_end_is_an_end() -> None:
    store = Counting()
    made = stored(store, new_key("ptk", NOW - 100, expires=NOW + 10))
    proof = ApiKeyProof("partners", store, {})
    assert isinstance(ask(proof, made.text), Identity)
    reason(ask(proof, made.text, NOW + 10))


def test_two_secrets_live_while_one_is_exchanged() -> None:
    store = Counting()
    made = stored(store, new_key("ptk", NOW))
    record, secret = made.record.rotated(3600.0, NOW)
    newer = stored(store, NewKey(record, f"ptk_{record.id}.{secret}"))
    proof = ApiKeyProof("partners", store, {})
    assert isinstance(ask(proof, made.text), Identity)
    assert isinstance(ask(proof, newer.text), Identity)
    reason(ask(proof, made.text, NOW + 3600))
    assert isinstance(ask(proof, newer.text, NOW + 3600), Identity)
    again, _ = record.rotated(3600.0, NOW)
    assert len(again.secrets) == 2
    assert made.record.secrets[0].hash not in {live.hash for live in again.secrets}


def test_the_hash_of_a_secret_counts_in_full() -> None:
    record = new_key("ptk", NOW).record
    asked = "s" * 43
    near = hash_of(asked)[:-1] + ("0" if hash_of(asked)[-1] != "0" else "1")
    assert replace(record, secrets=live_secrets([near])).end_of(asked, NOW) is None
    assert replace(record, secrets=live_secrets([hash_of(asked)])).end_of(asked, NOW) is not None


def test_a_key_of_one_prefix_is_none_of_another() -> None:
    store = Counting()
    made = stored(store, new_key("ptk", NOW))
    other = ApiKeyProof("admins", store, {}, prefix="adm")
    verdict = ask(other, "adm" + made.text.removeprefix("ptk"))
    assert isinstance(verdict, Failure)
    assert "there is no key" in verdict.detail
    assert isinstance(ask(ApiKeyProof("partners", store, {}), made.text), Identity)


def test_what_revokes_a_user_revokes_their_keys() -> None:
    store = Counting()
    made = stored(store, new_key("ptk", NOW - 5, subject="till-1", tenant="t-1"))
    identity = ask(ApiKeyProof("partners", store, {}), made.text)
    assert isinstance(identity, Identity)
    asyncio.run(store.revoke(user_mark("t-2", "till-1"), NOW + 60, NOW))
    assert not store.is_revoked(identity.marks, identity.issued)
    asyncio.run(store.revoke(user_mark("t-1", "till-1"), NOW + 60, NOW))
    assert store.is_revoked(identity.marks, identity.issued)


def test_a_limit_of_its_own_is_for_it_alone() -> None:
    store = Counting()
    one, two = (stored(store, new_key("ptk", NOW, subject="shop", limit=(5, 60))) for _ in range(2))
    proof = ApiKeyProof("partners", store, {})
    found = [ask(proof, made.text) for made in (one, two)]
    limits = [identity.limit for identity in found if isinstance(identity, Identity) and identity.limit]
    assert [limit.rule for limit in limits] == [LimitRule(5, 60.0, 5)] * 2
    assert limits[0].key != limits[1].key


def test_only_from_its_networks() -> None:
    store = Counting()
    made = stored(
        store, new_key("ptk", NOW, addresses=tuple(map(ip_network, ("192.0.2.0/24", "2001:db8::/32"))))
    )
    proof = ApiKeyProof("partners", store, {})
    assert isinstance(ask(proof, made.text), Identity)
    assert isinstance(ask(proof, made.text, client=b"2001:db8::7"), Identity)
    assert isinstance(ask(proof, made.text, client=b"::ffff:192.0.2.9"), Identity)
    for client in (b"198.51.100.7", b"2001:db9::7", b""):
        assert "from there" in reason(ask(proof, made.text, client=client))


def test_two_keys_are_one_too_many() -> None:
    proof = ApiKeyProof("partners", Counting(), {})
    x = request((b"x-api-key", b"a"), (b"x-api-key", b"b"))
    verdict = proof.prove(x, NOW)
    assert isinstance(verdict, Failure)
    assert "two x-api-key fields" in reason(verdict)


def test_no_key_is_nobodys_business() -> None:
    assert ApiKeyProof("partners", Counting(), {}).prove(request(), NOW) is None


def test_a_key_of_the_configuration_needs_no_store() -> None:
    store = Counting()
    store.away = True
    secret = "s" * 43
    record = KeyRecord(id="till", prefix="ptk", secrets=live_secrets([hash_of(secret)]), subject="till")
    proof = ApiKeyProof("partners", store, {"till": record})
    assert isinstance(ask(proof, f"ptk_till.{secret}"), Identity)
    reason(ask(proof, "ptk_till." + "t" * 43))


def test_without_the_store_nobody_is_told_that_a_key_is_wrong() -> None:
    store = Counting()
    store.away = True
    verdict = ask(ApiKeyProof("partners", store, {}), new_key("ptk", NOW).text)
    assert isinstance(verdict, Failure)
    assert verdict.status == 503


def test_a_record_that_cannot_be_read_is_no_record(caplog: pytest.LogCaptureFixture) -> None:
    store = Counting()
    made = new_key("ptk", NOW)
    good = made.record.encode()
    hashed = made.record.secrets[0].hash.encode()
    for value in (
        b"{}",
        b"[]",
        b"no JSON",
        good.replace(b'"created"', b'"made"'),
        good.replace(b'"%b"' % hashed, b"7"),
        good.replace(hashed, hashed[:8]),
        good.replace(b'"addresses":[]', b'"addresses":["nowhere"]'),
        good.replace(b'"limit":null', b'"limit":[0,60]'),
        good.replace(b'"revoked":null', b'"revoked":null,"only":"at night"'),
    ):
        assert value != good
        asyncio.run(store.keep("apikey", made.record.id, value, None))
        assert "there is no key" in reason(ask(ApiKeyProof("partners", store, {}), made.text))
    assert made.record.secrets[0].hash not in caplog.text


def test_a_record_comes_back_as_it_was() -> None:
    made = new_key(
        "ptk", NOW, scopes=("a:b",), venues=("v",), addresses=(ip_network("10.0.0.0/8"),), limit=(5, 60)
    )
    record = replace(made.record, expires=NOW + 5, revoked=NOW)
    assert KeyRecord.decode(record.encode()) == record
    assert record.end_of("s", NOW) is None


def test_a_key_has_one_spelling() -> None:
    made = new_key("ptk", NOW)
    found = parse_key(made.text.encode(), "ptk")
    assert found is not None
    assert found[0] == made.record.id
    assert hash_of(found[1]) == made.record.secrets[0].hash
    assert found[1] not in repr(made)
    assert parse_key(f"ptk_till.7.{found[1]}".encode(), "ptk") == ("till.7", found[1])
