"""TLS contexts, towards services and for clients: what is spoken, whose word is believed, which certificate is shown.

Versions and ciphers are those of today (RFC 9325): TLS 1.2 with forward secrecy and authenticated encryption, and
TLS 1.3; no compression, no renegotiation. Equal settings share one context for as long as anybody uses it: making one
takes up to a tenth of a second, and sessions can only be resumed in the context that they began in.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from .certificates import Certificate, CertificateError, Text, check_authorities, read_certificate

# RFC 9325 section 4.2 for TLS 1.2; those of TLS 1.3 are all good.
CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
)
PROTOCOLS = ["http/1.1"]  # RFC 7301


class ServiceTls(Protocol):
    """What a service's `tls` block says. Hashable, and equal only where the files' contents are."""

    @property
    def verify(self) -> bool: ...
    @property
    def ca(self) -> Text | None: ...
    @property
    def cert(self) -> Text | None: ...
    @property
    def key(self) -> Text | None: ...


class ClientTrust(Protocol):
    """Whose certificates clients show, and whether they must: `required` or `optional`."""

    @property
    def ca(self) -> Text: ...
    @property
    def verify(self) -> str: ...


class ListenerTls(Protocol):
    """What an address' `tls` block says. Hashable, like `ServiceTls`."""

    @property
    def shown(self) -> Sequence[tuple[Text, Text]]: ...
    @property
    def min_version(self) -> str: ...
    @property
    def client(self) -> ClientTrust | None: ...


_service_contexts: WeakValueDictionary[object, ssl.SSLContext] = WeakValueDictionary()
_listener_contexts: WeakValueDictionary[object, ListenerContext] = WeakValueDictionary()


def service_context(choices: ServiceTls | None) -> ssl.SSLContext:
    """A context for connections to a service. Raises CertificateError for a file that cannot be used.

    Without `ca` the system's authorities are trusted, as they are by now: an update of theirs is another context.
    """
    system = choices is None or (choices.verify and choices.ca is None)
    key = (choices, _system_authorities() if system else None)
    context = _service_contexts.get(key)
    if context is None:
        context = _service_contexts[key] = _service_context(choices, system)
    return context


def _service_context(choices: ServiceTls | None, system: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks certificates and names
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(PROTOCOLS)
    if choices is not None and not choices.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif system:
        paths = ssl.get_default_verify_paths()
        if paths.cafile or paths.capath:
            # Not load_default_certs, which keeps the interpreter to itself while it reads.
            context.load_verify_locations(paths.cafile, paths.capath)
    elif choices is not None and choices.ca is not None:
        _trust(context, choices.ca)
    if choices is not None and choices.cert is not None and choices.key is not None:
        read_certificate(choices.cert, choices.key)
        _show(context, choices.cert, choices.key)
    return context


def _system_authorities() -> object:
    """Something that is different after the system's authorities have changed."""
    paths: tuple[str | None, ...] = ssl.get_default_verify_paths()[:2]
    return tuple((path, os.stat(path).st_mtime_ns) for path in paths if path is not None)


class ListenerContext:
    """TLS of one address: `context` is what connections begin with, `certificates` what it shows, the default first.

    Certificates are picked by the name that the client asks for (RFC 6066 section 3): an exact one, a wildcard for
    one label, else the first. `trust` is whose certificates clients show, None when they are not asked for one.
    """

    def __init__(self, choices: ListenerTls) -> None:
        self.trust = choices.client
        self.certificates: list[Certificate] = []
        self._choices = choices
        self._by_name: dict[str, ssl.SSLContext] = {}
        kinds: dict[tuple[tuple[str, ...], str], ssl.SSLContext] = {}
        first: ssl.SSLContext | None = None
        for cert, key in choices.shown:
            certificate = read_certificate(cert, key)
            beside = next(
                (
                    context
                    for (names, kind), context in kinds.items()
                    if names == certificate.names and kind != certificate.kind
                ),
                None,
            )
            # RSA and ECDSA for the same names: OpenSSL shows the one that the client can check.
            context = beside or self._context()
            _show(context, cert, key)
            self.certificates.append(certificate)
            kinds[certificate.names, certificate.kind] = context
            for name in certificate.names:
                self._by_name.setdefault(name, context)
            first = first or context
        if first is None:
            raise ValueError("no certificate to show")
        self.context = first
        if len(set(self._by_name.values())) > 1:
            first.sni_callback = _picker(self._by_name)

    def _context(self) -> ssl.SSLContext:
        choices = self._choices
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = (
            ssl.TLSVersion.TLSv1_3 if choices.min_version == "1.3" else ssl.TLSVersion.TLSv1_2
        )
        context.set_ciphers(CIPHERS)
        context.set_alpn_protocols(PROTOCOLS)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        # A phone without AES in hardware is better off with ChaCha20, and all ciphers here are good.
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        if choices.client is not None:
            _trust(context, choices.client.ca)
            context.verify_mode = (
                ssl.CERT_REQUIRED if choices.client.verify == "required" else ssl.CERT_OPTIONAL
            )
        return context

    def __repr__(self) -> str:
        return f"<ListenerContext {', '.join(name for each in self.certificates for name in each.names)}>"


def listener_context(choices: ListenerTls) -> ListenerContext:
    """TLS for clients. Raises CertificateError for a file that cannot be used."""
    found = _listener_contexts.get(choices)
    if found is None:
        found = _listener_contexts[choices] = ListenerContext(choices)
    return found


def ended_in_order(transport: asyncio.BaseTransport) -> bool:
    """Whether the other side has said itself that nothing follows: with TLS by close_notify (RFC 8446 section 6.1).

    Anybody on the way can end a TCP connection, and asyncio shows both ends alike; OpenSSL knows the difference.
    """
    connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if connection is None:
        return True
    try:
        return not connection.read(1)
    except ssl.SSLZeroReturnError:
        return True
    except ssl.SSLError:
        return False


def _picker(
    by_name: dict[str, ssl.SSLContext],
) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    # Not a method: the context would hold itself, and never go.
    def pick(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name is None:
            return
        name = name.lower().rstrip(".")
        context = by_name.get(name) or by_name.get(f"*.{name.partition('.')[2]}")
        if context is not None:
            connection.context = context

    return pick


def _trust(context: ssl.SSLContext, ca: Text) -> None:
    check_authorities(ca)
    try:
        context.load_verify_locations(cadata=ca.text)
    except ssl.SSLError as error:
        raise CertificateError("ca", f"{ca} cannot be used: {error.reason}") from None


def _show(context: ssl.SSLContext, cert: Text, key: Text) -> None:
    """Load a certificate and its key, which were read before: what is on the disk by now may be something else."""
    with _file(cert.text) as cert_path, _file(key.text) as key_path:
        try:
            context.load_cert_chain(cert_path, key_path, password="")
        except ssl.SSLError as error:
            raise CertificateError(
                "cert", f"the certificate in {cert} cannot be used: {error.reason}"
            ) from None


@contextmanager
def _file(text: str) -> Iterator[str]:
    """A name under which the text can be read as a file that is on no disk: the ssl module takes nothing else."""
    memory = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(memory, text.encode())
        yield f"/proc/self/fd/{memory}"
    finally:
        os.close(memory)
