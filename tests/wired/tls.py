"""A service behind TLS, and the certificates for it, made anew for every run."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

SERVER_NAME = "service.test"

Key = ec.EllipticCurvePrivateKey


def pem(key: Key) -> str:
    """A private key as a file has it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def certificate(name: str, key: Key, issuer: str = "", by: Key | None = None) -> str:
    """A certificate for `name`, in PEM form; one that signs itself is an authority."""
    start = datetime.now(UTC) - timedelta(hours=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer or name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(by or key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


AUTHORITY_KEY, SERVER_KEY, CLIENT_KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
AUTHORITY = certificate("authority.test", AUTHORITY_KEY)


def issued(name: str, key: Key) -> str:
    """A certificate from the authority."""
    return certificate(name, key, "authority.test", AUTHORITY_KEY)


class TlsService:
    """Says in `x-client` whose certificate the gateway has shown."""

    def __init__(self, port: int) -> None:
        self.url = f"https://127.0.0.1:{port}"


@asynccontextmanager
async def tls_service() -> AsyncIterator[TlsService]:
    """A service whose certificate is for SERVER_NAME alone, though it is called by its address."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=AUTHORITY)
    context.verify_mode = ssl.CERT_OPTIONAL
    with TemporaryDirectory() as folder:
        chain = Path(folder, "chain.pem")
        chain.write_text(issued(SERVER_NAME, SERVER_KEY) + pem(SERVER_KEY), "ascii")
        context.load_cert_chain(chain)
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            shown = writer.get_extra_info("peercert") or {}
            name = dict(pair for group in shown.get("subject", ()) for pair in group).get("commonName", "")
            head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\nx-client: {name}\r\n\r\n"
            writer.write(head.encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield TlsService(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
