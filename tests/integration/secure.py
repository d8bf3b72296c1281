"""A gateway in the test's own loop that serves TLS: its certificates, its configuration, and clients for it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from portico.testing import Client, Message, RunningGateway, gateway
from tests.certificates import Authority, Pair

OURS = Authority("ours.test")

CONFIGURATION = """\
version: 1
logs: {{access: off}}
gateway:
  listen:
    - {{port: 3443, tls: {tls}}}
    - ":3000"
    - {{port: 3080, redirect: https}}
{more}
services: {{backend: {{url: "{url}"}}}}
routes:
  - {{match: /**, service: backend, authenticate: none}}
"""


class Files:
    """Certificates by name: in a folder for programs, and as texts for the gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts: dict[str, str] = {}
        self.add("ours", Pair(OURS.pem, ""))

    def add(self, name: str, pair: Pair) -> str:
        """The pair as `tls` wants it."""
        pair.write(self.folder, name)
        self.texts |= {f"{name}.pem": pair.cert, f"{name}.key": pair.key}
        return f"{{cert: {name}.pem, key: {name}.key}}"


def request(target: str = "/", host: str = "shop.test", more: str = "", method: str = "GET") -> bytes:
    """The bytes of a request."""
    return f"{method} {target} HTTP/1.1\r\nhost: {host}\r\n{more}\r\n".encode()


@asynccontextmanager
async def serving(files: Files, url: str, tls: str, more: str = "") -> AsyncIterator[RunningGateway]:
    """A gateway with TLS on its first port, nothing on its second, a redirect on its third."""
    text = CONFIGURATION.format(url=url, tls=tls, more=more)
    async with gateway(text, files=files.texts) as running:
        yield running


async def ask(port: int, name: str, context: ssl.SSLContext | None = None, target: str = "/") -> Message:
    """The reply to one request to `name` over TLS."""
    async with await Client.connect(port, tls=context or OURS.context(), name=name) as client:
        client.send(request(target, name))
        return await client.final_reply()


async def names(port: int, name: str | None, context: ssl.SSLContext | None = None) -> list[str]:
    """The names in the certificate that is shown to a client that asks for `name`, or for none."""
    context = context or OURS.context()
    context.check_hostname = False
    transport, _ = await asyncio.get_running_loop().create_connection(
        asyncio.Protocol, "127.0.0.1", port, ssl=context, server_hostname=name or ""
    )
    shown = transport.get_extra_info("peercert")
    transport.abort()
    return [found for _, found in shown["subjectAltName"]]


async def run(*command: str) -> tuple[int, str]:
    """What a program says of itself, and its exit code."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode("utf-8", "replace")
