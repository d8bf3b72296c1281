"""HMAC signatures: who is let in, and what makes a signature wrong."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from portico.config.models.identity.hmac_signature import HmacSettings
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.identity.hmac_signature import HmacProof, hmac_proof
from portico.rules import Limits
from tests.unit.identity.signed import NOW, Away, TestMeans, asked, reason, verdict

OLD, NEW, OTHER = (
    f"the {name} secret of a partner, which is long enough" for name in ("old", "new", "other")
)
KEYS = {
    "shop-7": {"secret": [OLD, NEW], "tenant": "shop", "roles": ["agent"], "subject": "shop"},
    "guest": {"secret": OTHER},
}


def proof(store: Any = None, **more: Any) -> HmacProof:
    return hmac_proof("partners", HmacSettings.model_validate({"keys": KEYS, **more}), TestMeans(store))


def signature(
    secret: str = NEW,
    key: str = "shop-7",
    time: float = NOW,
    nonce: str = "nonce-0001",
    method: str = "POST",
    target: str = "/orders?x=1",
    body: bytes = b"{}",
) -> bytes:
    """Written by what the page says, and not by what the gateway does."""
    lines = [
        "portico-hmac-sha256",
        key,
        str(int(time)),
        nonce,
        method,
        target,
        hashlib.sha256(body).hexdigest(),
    ]
    mac = hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    return f"key={key},time={int(time)},nonce={nonce},signature={mac}".encode()


def sent(
    *told: bytes, method: bytes = b"POST", target: bytes = b"/orders?x=1", body: bytes = b"{}"
) -> Exchange:
    return asked(method, target, body, *((b"x-signature", value) for value in told))


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_either_living_secret_proves_the_partner(secret: str) -> None:
    found = verdict(proof(), sent(signature(secret)))
    assert isinstance(found, Identity)
    assert (found.subject, found.tenant, found.roles, found.method) == (
        "shop",
        "shop",
        ("agent",),
        "partners",
    )
    assert (b"x-tenant-source", b"service") in found.fields


def test_a_key_is_called_by_its_name_unless_it_has_another() -> None:
    found = verdict(proof(), sent(signature(OTHER, "guest")))
    assert isinstance(found, Identity)
    assert (found.subject, found.tenant, found.roles) == ("guest", None, ())


def test_spaces_behind_commas_are_taken() -> None:
    assert isinstance(verdict(proof(), sent(signature().replace(b",", b", "))), Identity)


def test_without_a_signature_another_method_is_asked() -> None:
    assert verdict(proof(), sent()) is None
    assert verdict(proof(header="x-other"), sent(signature())) is None


@pytest.mark.parametrize(
    "x",
    [
        sent(signature(), body=b"{ }"),
        sent(signature(), body=b""),
        sent(signature(), method=b"PUT"),
        sent(signature(), target=b"/orders?x=2"),
        sent(signature(), target=b"/orders"),
        sent(signature(), target=b"/%6frders?x=1"),  # another spelling of the same path
        sent(signature(OTHER)),
        sent(signature(NEW, "guest")),
        sent(signature().replace(b"nonce-0001", b"nonce-0002")),
        sent(signature().replace(b"time=1618884480", b"time=1618884481")),
    ],
)
def test_what_is_changed_is_not_signed(x: Exchange) -> None:
    assert reason(proof(), x).startswith("it is not that of")


@pytest.mark.parametrize("key", ["shop", "SHOP-7", "none"])
def test_an_unknown_key(key: str) -> None:
    assert reason(proof(), sent(signature(key=key))) == "its key is not known"


@pytest.mark.parametrize("away_s", [301, -301, 86_400, -86_400])
def test_a_time_outside_the_window(away_s: int) -> None:
    assert reason(proof(), sent(signature(time=NOW + away_s))) == "its time is too far from now"


@pytest.mark.parametrize("away_s", [300, -300])
def test_a_time_at_the_edge_of_the_window(away_s: int) -> None:
    assert isinstance(verdict(proof(), sent(signature(time=NOW + away_s))), Identity)
    assert isinstance(verdict(proof(window="30s"), sent(signature(time=NOW + away_s))), Failure)


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"key=shop-7",
        signature().upper(),
        signature() + b",",
        signature() + b",key=guest",
        signature().replace(b"nonce=nonce-0001", b"nonce=short"),
        signature().replace(b"time=", b"time=-"),
        signature().replace(b"time=1618884480", b"time=1618884480.5"),
        signature()[:-1],
    ],
)
def test_another_spelling(told: bytes) -> None:
    assert reason(proof(), sent(told)).endswith("once")


def test_two_signatures() -> None:
    assert reason(proof(), sent(signature(), signature(OTHER, "guest"))).endswith("once")


def test_a_signature_is_good_once() -> None:
    ours = proof()
    assert isinstance(verdict(ours, sent(signature())), Identity)
    assert reason(ours, sent(signature())) == "it was used before"
    assert (
        reason(ours, sent(signature(time=NOW + 1))) == "it was used before"
    )  # the nonce is spent, not the text
    assert isinstance(verdict(ours, sent(signature(nonce="nonce-0002"))), Identity)
    assert isinstance(verdict(ours, sent(signature(OTHER, "guest"))), Identity)  # a nonce of another's key


def test_a_wrong_signature_spends_no_nonce() -> None:
    ours = proof()
    reason(ours, sent(signature(), body=b"{ }"))
    assert isinstance(verdict(ours, sent(signature())), Identity)


def test_without_the_store_nobody_passes() -> None:
    found = verdict(proof(Away(Limits(1))), sent(signature()))
    assert isinstance(found, Failure)
    assert found.status == 503


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"a": {"secret": "short"}},
        {"a": {"secret": [OLD, NEW, OTHER]}},
        {"a": {"secret": []}},
        {"a": {}},
        {"a b": {"secret": OLD}},
    ],
)
def test_keys_that_cannot_be(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="."):
        HmacSettings.model_validate({"keys": keys})
