"""Authorities and certificates, made anew for every run. Keys are few and shared: making one takes longest."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_FIELDS = {
    "cn": NameOID.COMMON_NAME,
    "o": NameOID.ORGANIZATION_NAME,
    "ou": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "serial": NameOID.SERIAL_NUMBER,
}


_NO_USE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)
_SIGNS_CERTIFICATES = x509.KeyUsage(**{**_NO_USE, "key_cert_sign": True})
_SIGNS_HANDSHAKES = x509.KeyUsage(**{**_NO_USE, "digital_signature": True})


@cache
def key(name: str = "", *, kind: str = "ec") -> Key:
    """The key of this name."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(made: Key, password: str = "") -> str:
    """A private key as a file has it."""
    locked = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked).decode()


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files have them."""

    cert: str
    key: str

    @property
    def der(self) -> bytes:
        """The certificate as it is shown in a handshake."""
        return ssl.PEM_cert_to_DER_cert(self.cert)

    @property
    def fingerprint(self) -> str:
        """As openssl prints it."""
        return sha256(self.der).digest().hex(":").upper()

    def write(self, folder: Path, name: str) -> Path:
        """As NAME.pem and NAME.key; the first."""
        (folder / f"{name}.key").write_text(self.key, "ascii")
        path = folder / f"{name}.pem"
        path.write_text(self.cert, "ascii")
        return path


class Authority:
    """Signs certificates. `pem` is its own."""

    def __init__(self, name: str = "authority.test") -> None:
        self.name = name
        self._key = key(f"authority {name}")
        self.pem = self.issue([], cn=name, signed_by=self._key, is_authority=True).cert

    def issue(
        self,
        names: Sequence[str],
        *,
        days: tuple[float, float] = (-1, 90),
        uris: Sequence[str] = (),
        emails: Sequence[str] = (),
        signed_by: Key | None = None,
        is_authority: bool = False,
        kind: str = "ec",
        key_name: str = "",
        **fields: str | Sequence[str],
    ) -> Pair:
        """A certificate for these hosts, valid from and to so many days from now. `fields` are the subject's."""
        own = signed_by or key(key_name, kind=kind)
        now = datetime.now(UTC)
        alternatives: list[x509.GeneralName] = [
            *map(x509.DNSName, names),
            *map(x509.UniformResourceIdentifier, uris),
            *map(x509.RFC822Name, emails),
        ]
        builder = (
            x509.CertificateBuilder()
            .subject_name(_subject(fields or {"cn": names[0] if names else "nobody"}))
            .issuer_name(_subject({"cn": self.name}))
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            # Strict readers want to be told which key is whose (RFC 5280 section 4.2.1.1).
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
            .add_extension(_SIGNS_CERTIFICATES if is_authority else _SIGNS_HANDSHAKES, critical=True)
        )
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        made = builder.sign(self._key, hashes.SHA256())
        return Pair(made.public_bytes(Encoding.PEM).decode(), key_pem(own))

    def context(self, *, shows: Pair | None = None, folder: Path | None = None) -> ssl.SSLContext:
        """A client's that trusts this authority and looks at names; it shows a certificate if it is given one."""
        made = ssl.create_default_context(cadata=self.pem)
        if shows is not None:
            assert folder is not None, "the ssl module reads certificates from files only"
            made.load_cert_chain(shows.write(folder, "shown"), folder / "shown.key")
        return made


def _subject(fields: dict[str, str | Sequence[str]]) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(_FIELDS[field], value)
            for field, values in fields.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
    )
