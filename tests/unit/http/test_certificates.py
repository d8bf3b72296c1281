"""What is read from certificate files, and what is said of those that cannot be used."""

from time import time

import pytest

from portico.config.values import Pem
from portico.http.certificates import CertificateError, check_authorities, date, read_certificate
from tests.certificates import Authority, Pair, key, key_pem

OURS = Authority()
SHOP = OURS.issue(["Shop.test", "*.shop.test", "shop.test"])
DAY_S = 86_400


def read(pair: Pair) -> object:
    return read_certificate(Pem(pair.cert, "shop.pem"), Pem(pair.key, "shop.key"))


def concerns(pair: Pair, wall: float | None = None) -> list[str]:
    found = read_certificate(Pem(pair.cert), Pem(pair.key))
    return list(found.concerns(time() if wall is None else wall))


def test_names_and_dates() -> None:
    found = read_certificate(Pem(SHOP.cert), Pem(SHOP.key))
    assert found.names == ("shop.test", "*.shop.test")
    assert found.starts < time() < found.ends
    assert list(found.concerns(time())) == []


@pytest.mark.parametrize(
    ("pair", "part", "reason"),
    [
        (Pair("", SHOP.key), "cert", "there is no certificate in PEM form in shop.pem"),
        (Pair(SHOP.key, SHOP.key), "cert", "there is no certificate in PEM form in shop.pem"),
        (Pair(SHOP.cert, SHOP.cert), "key", "there is no private key in PEM form in shop.key"),
        (
            Pair(SHOP.cert, "-----BEGIN PRIVATE KEY-----"),
            "key",
            "there is no private key in PEM form in shop.key",
        ),
        (
            Pair(SHOP.cert, key_pem(key(), "secret")),
            "key",
            "the key in shop.key has a password: take it off with openssl pkey",
        ),
        (
            Pair(SHOP.cert, key_pem(key("other"))),
            "key",
            "the key in shop.key does not belong to the certificate in shop.pem",
        ),
    ],
)
def test_files_that_cannot_be_used(pair: Pair, part: str, reason: str) -> None:
    with pytest.raises(CertificateError, match=f"^{reason}$") as refused:
        read(pair)
    assert refused.value.part == part


def test_an_authority_is_a_certificate() -> None:
    check_authorities(Pem(OURS.pem))
    with pytest.raises(CertificateError, match=r"no certificate in PEM form in ca\.pem"):
        check_authorities(Pem("nothing", "ca.pem"))


def test_an_end_is_told_before_and_after_it() -> None:
    found = read_certificate(Pem(SHOP.cert), Pem(SHOP.key))
    when = date(found.ends)
    assert concerns(SHOP, found.ends - 15 * DAY_S) == []
    assert concerns(SHOP, found.ends - 13 * DAY_S) == [f"the certificate expires on {when}"]
    assert concerns(SHOP, found.ends) == [f"the certificate has expired on {when}: clients will refuse it"]
    assert concerns(SHOP, found.starts - 1) == [f"the certificate is not valid before {date(found.starts)}"]


def test_a_certificate_that_no_client_accepts_is_a_concern() -> None:
    (concern,) = concerns(OURS.issue([], cn="shop.test"))
    assert concern.startswith("the certificate names no host")


def test_a_chain_out_of_order_is_a_concern() -> None:
    other = Authority("other.test")
    assert concerns(Pair(SHOP.cert + OURS.pem, SHOP.key)) == []
    (concern,) = concerns(Pair(SHOP.cert + other.pem, SHOP.key))
    assert concern.startswith("its certificates are not in order")
