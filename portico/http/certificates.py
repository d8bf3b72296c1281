"""What a certificate file says: for which names, until when, and whether the key beside it is its own.

Judges what OpenSSL would only refuse with a number, so that whoever renews a certificate reads which file is wrong
and why. Names come from the subject alternative names (RFC 9525 section 6.3); a common name is nobody's host.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv6Address
from itertools import pairwise
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

SOON_S = 14 * 86_400


class Text(Protocol):
    """PEM text, and the file that it came from."""

    @property
    def text(self) -> str: ...
    @property
    def path(self) -> str: ...


class CertificateError(ValueError):
    """A file cannot be used. `part` is which one: cert, key or ca; the message never shows what is in it."""

    def __init__(self, part: str, reason: str) -> None:
        self.part = part
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that can be shown. `names` are lower case, `starts` and `ends` wall seconds.

    `kind` is the type of its key: two certificates for the same name stand side by side if their kinds differ.
    """

    names: tuple[str, ...]
    kind: str
    starts: float
    ends: float
    in_order: bool

    def concerns(self, wall: float) -> Iterator[str]:
        """What whoever runs this should know."""
        if self.ends <= wall:
            yield f"the certificate has expired on {date(self.ends)}: clients will refuse it"
        elif self.ends - wall < SOON_S:
            yield f"the certificate expires on {date(self.ends)}"
        if self.starts > wall:
            yield f"the certificate is not valid before {date(self.starts)}"
        if not self.names:
            yield "the certificate names no host as subject alternative name: clients will refuse it"
        if not self.in_order:
            yield "its certificates are not in order: each must be followed by the one that issued it"


def date(wall: float) -> str:
    """A moment for people, in UTC to the minute."""
    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M} UTC"


def read_certificate(cert: Text, key: Text) -> Certificate:
    """The certificate in `cert` whose key is in `key`. Raises CertificateError."""
    chain = _chain(cert, "cert")
    leaf = chain[0]
    try:
        private = load_pem_private_key(key.text.encode(), password=None)
    except TypeError:
        raise CertificateError(
            "key", f"the key in {_of(key)} has a password: take it off with openssl pkey"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError("key", f"there is no private key in PEM form in {_of(key)}") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise CertificateError(
            "key", f"the key in {_of(key)} does not belong to the certificate in {_of(cert)}"
        )
    return Certificate(
        tuple(dict.fromkeys(_names(leaf))),
        type(private).__name__,
        leaf.not_valid_before_utc.timestamp(),
        leaf.not_valid_after_utc.timestamp(),
        all(below.issuer == above.subject for below, above in pairwise(chain)),
    )


def check_authorities(ca: Text) -> None:
    """Raises CertificateError when there is no certificate in `ca`."""
    _chain(ca, "ca")


def _chain(pem: Text, part: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.text.encode())
    except ValueError:
        raise CertificateError(part, f"there is no certificate in PEM form in {_of(pem)}") from None


def _of(pem: Text) -> str:
    return pem.path or "the text"


def _names(certificate: x509.Certificate) -> Iterator[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return
    for name in found.get_values_for_type(x509.DNSName):
        yield name.lower().rstrip(".")
    for address in found.get_values_for_type(x509.IPAddress):
        yield address.compressed if isinstance(address, IPv6Address) else str(address)
