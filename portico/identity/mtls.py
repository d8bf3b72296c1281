"""Prove who calls by the certificate that the client has shown on its connection (RFC 8446 section 4.4.2).

The handshake has verified its chain, its dates and that the client has its key; here it is decided whether this issuer
or this certificate may be a caller, and who that is. No field of a request counts, so a plain listener, or one that
asks for no certificate, never proves anybody. The certificate is read once per connection; only its end is looked at
for each request, since a connection can outlive it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

from cryptography import x509
from cryptography.x509.oid import NameOID

from portico.exchange.certificate import ClientCertificate
from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTHENTICATION_ERROR, Failure
from portico.exchange.identity import Identity

from .claims import PLAIN, identity_fields

# What services are told in X-Tenant-Source (requirements 1.7): one that proves itself without a person is a service.
SOURCE = "service"


@dataclass(frozen=True, slots=True)
class CertificateRules:
    """Which certificates count, and which of their fields say what. Empty `issuers`, `fingerprints`: any."""

    subject: tuple[str, ...] = ("uri", "dns", "email", "cn")
    tenant: tuple[str, ...] = ()
    role: tuple[str, ...] = ()
    issuers: frozenset[str] = frozenset()
    fingerprints: frozenset[str] = frozenset()
    roles: tuple[str, ...] = ()


class _RefusedError(ValueError):
    """Why a certificate proves nobody, for the log."""


class MtlsProof:
    """One identity block of kind `mtls`, compiled. It reads no field of a request."""

    __slots__ = ("__weakref__", "_failure", "challenge", "field", "name", "needs_body", "rules")

    def __init__(self, name: str, rules: CertificateRules) -> None:
        self.name = name
        self.rules = rules
        self.field = b""
        self.needs_body: int | None = None
        # RFC 9110 section 11.6.1 demands a challenge in a 401, and no scheme is registered for certificates.
        self.challenge = b'TLS-Client-Certificate realm="%b"' % name.encode("ascii")
        self._failure = AUTHENTICATION_ERROR.saying(
            AUTHENTICATION_ERROR.text, (b"www-authenticate", self.challenge)
        )

    def prove(self, x: Exchange, wall: float) -> Identity | Failure | None:
        """Whose connection brought the request, why that is nobody's, or None when no certificate was shown."""
        certificate = x.request.certificate
        if certificate is None:
            return None
        verdict: Identity | Failure | None = certificate.verdict(self)
        if verdict is None:
            verdict = self._examine(certificate)
            certificate.remember(self, verdict)
        if isinstance(verdict, Identity) and verdict.expires is not None and wall >= verdict.expires:
            return self._failure.because(f"certificate refused by {self.name}: it has expired")
        return verdict

    def _examine(self, certificate: ClientCertificate) -> Identity | Failure:
        try:
            return self._identify(certificate.der)
        except _RefusedError as error:
            return self._failure.because(f"certificate refused by {self.name}: {error}")
        except ValueError:  # OpenSSL has taken what cryptography cannot read
            return self._failure.because(f"certificate refused by {self.name}: it cannot be read")

    def _identify(self, der: bytes) -> Identity:
        rules = self.rules
        shown = x509.load_der_x509_certificate(der)
        issuer = shown.issuer.rfc4514_string()
        if rules.issuers and issuer not in rules.issuers:
            raise _RefusedError(f"its issuer {issuer} is not accepted")
        fingerprint = sha256(der).hexdigest()
        if rules.fingerprints and fingerprint not in rules.fingerprints:
            raise _RefusedError(f"its fingerprint {fingerprint} is not accepted")
        subject = _first(shown, rules.subject)
        if subject is None:
            raise _RefusedError(f"it has no {' or '.join(rules.subject)}")
        tenant = _first(shown, rules.tenant)
        said = next((found for field in rules.role if (found := _values(shown, field))), [])
        roles = tuple(dict.fromkeys((*rules.roles, *said)))
        if any("," in role for role in roles):
            # Services get the roles as a comma-separated list.
            raise _RefusedError("one of its roles has a comma")
        return Identity(
            subject=subject,
            method=self.name,
            source=SOURCE,
            roles=roles,
            tenant=tenant,
            email=next(iter(_values(shown, "email")), None),
            expires=shown.not_valid_after_utc.timestamp(),
            claims=MappingProxyType(
                {"subject": shown.subject.rfc4514_string(), "issuer": issuer, "fingerprint": fingerprint}
            ),
            fields=identity_fields(subject, roles, tenant, SOURCE.encode()),
        )

    def __repr__(self) -> str:
        return f"<MtlsProof {self.name} {len(self.rules.issuers)} issuers>"


def _first(shown: x509.Certificate, fields: Iterable[str]) -> str | None:
    """The first value of the first field that the certificate has."""
    for field in fields:
        for value in _values(shown, field):
            return value
    return None


def _values(shown: x509.Certificate, field: str) -> list[str]:
    """What the certificate says in `field`. Raises `_RefusedError` for what no header could carry unchanged."""
    values = _READERS[field](shown)
    for value in values:
        if PLAIN.match(value) is None:
            raise _RefusedError(f"its {field} is empty or not plain ASCII")
    return values


def _named(oid: x509.ObjectIdentifier) -> Callable[[x509.Certificate], list[str]]:
    def read(shown: x509.Certificate) -> list[str]:
        return [str(attribute.value) for attribute in shown.subject.get_attributes_for_oid(oid)]

    return read


def _alternative(
    kind: type[x509.DNSName] | type[x509.RFC822Name] | type[x509.UniformResourceIdentifier],
) -> Callable[[x509.Certificate], list[str]]:
    def read(shown: x509.Certificate) -> list[str]:
        try:
            found = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return []
        return list(found.value.get_values_for_type(kind))

    return read


_READERS: dict[str, Callable[[x509.Certificate], list[str]]] = {
    "cn": _named(NameOID.COMMON_NAME),
    "o": _named(NameOID.ORGANIZATION_NAME),
    "ou": _named(NameOID.ORGANIZATIONAL_UNIT_NAME),
    "serial": _named(NameOID.SERIAL_NUMBER),
    "dns": _alternative(x509.DNSName),
    "email": _alternative(x509.RFC822Name),
    "uri": _alternative(x509.UniformResourceIdentifier),
}
