"""From `gateway.listen` to entrances: TLS contexts with everything that is wrong with their files told at once.

Certificates that are about to end, or have, are warnings: a gateway that refuses to start over a date serves nobody.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Iterator, Sequence
from time import time

from portico.config.marks import Path
from portico.config.models.listen import ListenSettings, ListenTlsSettings
from portico.config.models.service import ServiceSettings, TlsSettings
from portico.config.problems import Problems
from portico.http.certificates import Certificate, CertificateError, check_authorities, read_certificate
from portico.http.entrance import Entrance
from portico.http.tls import listener_context, service_context


def compile_entrances(listen: Sequence[ListenSettings], problems: Problems) -> tuple[Entrance, ...]:
    """One for each address. What cannot be used becomes a problem at its line."""
    return tuple(_entrance(number, entry, listen, problems) for number, entry in enumerate(listen))


def _entrance(
    number: int, entry: ListenSettings, listen: Sequence[ListenSettings], problems: Problems
) -> Entrance:
    if entry.redirect is not None:
        to = entry.redirect if isinstance(entry.redirect, int) else https_port(listen)
        return Entrance(redirect_to=to)
    if entry.tls is None:
        return Entrance()
    path: Path = ("gateway", "listen", number, "tls")
    if not _check(path, entry.tls, problems):
        return Entrance()
    try:
        return Entrance(listener_context(entry.tls))
    except CertificateError as error:  # what only OpenSSL finds
        problems.add(path, str(error))
        return Entrance()


def https_port(listen: Sequence[ListenSettings]) -> int | None:
    """Where `redirect: https` leads: the first TLS address that has a port of its own."""
    for entry in listen:
        if entry.tls is not None and entry.where.port:
            return entry.where.port
    return None


async def prepare_contexts(services: Iterable[ServiceSettings]) -> list[ssl.SSLContext]:
    """The contexts that these services need, so that compiling finds them made.

    In a thread: the system's authorities take a tenth of a second to read, and OpenSSL needs no interpreter for it.
    """
    wanted = [
        service.tls for service in services if any(address.scheme == "https" for address in service.addresses)
    ]
    return await asyncio.to_thread(_contexts, wanted) if wanted else []


def _contexts(wanted: list[TlsSettings | None]) -> list[ssl.SSLContext]:
    found = []
    for choices in wanted:
        try:
            found.append(service_context(choices))
        except CertificateError:
            continue  # whoever compiles tells it, with its line
    return found


def _check(path: Path, tls: ListenTlsSettings, problems: Problems) -> bool:
    """Look into every file. Whether they can be used."""
    good = True
    seen: set[tuple[tuple[str, ...], str]] = set()
    for number, (cert, key) in enumerate(tls.shown):
        place = path if tls.cert is not None else (*path, "certificates", number)
        try:
            certificate = read_certificate(cert, key)
        except CertificateError as error:
            problems.add((*place, error.part), str(error))
            good = False
            continue
        for concern in certificate.concerns(time()):
            problems.add((*place, "cert"), f"{cert}: {concern}", severity="warning")
        if (certificate.names, certificate.kind) in seen:
            problems.add((*place, "cert"), f"{cert} is never shown: one before it has the same names")
            good = False
        seen.add((certificate.names, certificate.kind))
    if tls.client is not None:
        try:
            check_authorities(tls.client.ca)
        except CertificateError as error:
            problems.add((*path, "client", "ca"), str(error))
            good = False
    return good


def shown_certificates(
    listen: Sequence[ListenSettings], entrances: Sequence[Entrance]
) -> Iterator[tuple[str, Certificate]]:
    """(address, certificate) of every certificate that is shown somewhere."""
    for entry, entrance in zip(listen, entrances, strict=True):
        if entrance.tls is not None:
            for certificate in entrance.tls.certificates:
                yield str(entry.where), certificate
