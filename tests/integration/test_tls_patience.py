"""Handshakes that never end, connections without end, and services whose TLS breaks off."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from portico.http.listener import Listener
from portico.testing import Client, Ending, Malformed, RunningGateway, Upstream, gateway, until
from portico.testing.upstream import answering
from tests.certificates import Authority, Pair
from tests.integration.secure import OURS, Files, ask, request, serving

SHOP = OURS.issue(["shop.test"])
BOUND = 4
FLOOD = 40


@pytest.fixture
def files(tmp_path: Path) -> Files:
    found = Files(tmp_path)
    found.add("shop", SHOP)
    return found


TLS = "{cert: shop.pem, key: shop.key}"


def listener_of(running: RunningGateway) -> Listener:
    assert running.gateway.listener is not None
    return running.gateway.listener


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_a_flood_of_handshakes_keeps_nobody_out(files: Files) -> None:
    async with (
        Upstream() as service,
        serving(files, service.url, TLS, f"  limits: {{handshakes: {BOUND}}}") as running,
    ):
        handshakes = listener_of(running).handshakes
        assert (await ask(running.port, "shop.test")).status == 200
        before = open_files()
        for sent in (b"", b"\x16\x03\x01\x02\x00\x01", b"\x16\x03"):
            silent = [await Client.connect(running.port) for _ in range(FLOOD)]
            for each in silent:
                each.send(sent)
            assert len(handshakes) <= BOUND
            assert (await ask(running.port, "shop.test")).status == 200
            await until(lambda silent=silent: _left(silent) <= BOUND, "the oldest are gone")  # type: ignore[misc]
            for each in silent:
                each.close()
            await until(lambda: not len(handshakes), "those that are left hear of the end")
        assert handshakes.outcomes["done"] == 4
        assert handshakes.outcomes["dropped"] >= 3 * (FLOOD - BOUND)
        await until(lambda: open_files() <= before + 2, "every socket is closed")


def _left(clients: list[Client]) -> int:
    return sum(client.ending is None for client in clients)


async def test_the_oldest_handshake_goes_first(files: Files) -> None:
    async with (
        Upstream() as service,
        serving(files, service.url, TLS, "  limits: {handshakes: 2}") as running,
    ):
        handshakes = listener_of(running).handshakes
        silent = []
        for count in (1, 2):
            silent.append(await Client.connect(running.port))
            await until(lambda count=count: len(handshakes) == count, "it is accepted")  # type: ignore[misc]
        silent.append(await Client.connect(running.port))
        await silent[0].ended()
        assert [each.ending for each in silent[1:]] == [None, None]
        for each in silent:
            each.close()


async def test_a_handshake_has_its_time(files: Files) -> None:
    async with (
        Upstream() as service,
        serving(files, service.url, TLS, "  timeouts: {handshake: 50ms}") as running,
        await Client.connect(running.port) as client,
    ):
        await client.ended()
        outcomes = listener_of(running).handshakes.outcomes
        await until(lambda: outcomes["late"] == 1, "it is counted")


async def test_connections_beyond_the_cap_are_reset_before_any_handshake(files: Files) -> None:
    async with (
        Upstream() as service,
        serving(files, service.url, TLS, "  limits: {connections: 1}") as running,
        await Client.connect(running.port, tls=OURS.context(), name="shop.test") as first,
    ):
        first.send(request())
        assert (await first.final_reply()).status == 200
        try:
            async with await Client.connect(running.port) as second:
                assert (await second.ended())[1] is Ending.RST
        except ConnectionResetError:
            pass  # as soon as it was open
        assert listener_of(running).refused == 1
        first.send(request())
        assert (await first.final_reply()).status == 200


async def counted(running: RunningGateway, put_out: int, waiting: int) -> None:
    """Wait until so many slow readers were put out, and so many wait, each of whom counts as 768 kB over TLS."""
    slow, memory = listener_of(running).slow_readers, running.gateway.memory
    await until(lambda: (memory.refusals, slow.bytes) == (put_out, waiting * 768_000), "one more waits")


async def test_who_has_read_nothing_for_longest_makes_room_for_other_slow_readers(files: Files) -> None:
    body = 24 << 20
    async with (
        Upstream(answering(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % body + bytes(body))) as service,
        serving(files, service.url, TLS, "  limits: {memory: 4MiB}") as running,
        AsyncExitStack() as stack,
    ):
        clients = []
        for put_out, waiting in ((0, 1), (0, 2), (1, 2)):  # half of the memory is enough for two
            client = await Client.connect(running.port, tls=OURS.context(), name="shop.test")
            clients.append(await stack.enter_async_context(client))
            client.send(request())
            await client.at_least(1)
            client.pause()
            await counted(running, put_out, waiting)
        first, *others = clients
        first.resume()
        assert (await first.ended())[1] is Ending.RST
        for other in others:
            other.resume()
            assert len((await other.final_reply()).body) == body


# -- services


class SecureService:
    """A service behind TLS. Its body ends with the connection: in order, or without a word."""

    def __init__(self, pair: Pair, folder: Path) -> None:
        self.in_order = True
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pair.write(folder, "service"), folder / "service.key")
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listening.accept()
            except OSError:
                return  # closed
            try:
                self._answer(accepted)
            except OSError:
                accepted.close()  # a handshake that the gateway has ended

    def _answer(self, accepted: socket.socket) -> None:
        with self._context.wrap_socket(accepted, server_side=True) as connection:
            if connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall of it?")
                if self.in_order:
                    connection.unwrap().close()
                else:
                    connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


@contextmanager
def secure_service(pair: Pair, folder: Path) -> Iterator[SecureService]:
    service = SecureService(pair, folder)
    try:
        yield service
    finally:
        service.close()


TO_SERVICE = """\
version: 1
logs: {access: off}
services: {backend: {url: "<url>", tls: {ca: ca.pem}, breaker: off}}
routes: [{match: /**, service: backend, authenticate: none}]
"""


async def test_a_body_is_whole_only_if_the_service_says_so(tmp_path: Path) -> None:
    with secure_service(OURS.issue(["localhost"]), tmp_path) as service:
        text = TO_SERVICE.replace("<url>", service.url)
        async with gateway(text, files={"ca.pem": OURS.pem}) as running:
            async with await Client.connect(running.port) as client:
                client.send(request())
                assert (await client.final_reply()).body == b"all of it?"
            service.in_order = False
            async with await Client.connect(running.port) as client:
                client.send(request())
                with pytest.raises(Malformed):
                    await client.final_reply()


async def test_renewed_files_of_the_same_name_are_used_after_a_reload(tmp_path: Path) -> None:
    with secure_service(OURS.issue(["localhost"]), tmp_path) as service:
        text = TO_SERVICE.replace("<url>", service.url)
        async with gateway(text, files={"ca.pem": Authority("stranger.test").pem}) as running:

            async def status() -> int:
                async with await Client.connect(running.port) as client:
                    client.send(request())
                    return (await client.final_reply()).status

            assert await status() == 502
            pools = running.gateway.services.pools()
            await running.reload(text, files={"ca.pem": OURS.pem})
            assert await status() == 200
            assert running.gateway.services.pools() != pools
            pools = running.gateway.services.pools()
            await running.reload(text, files={"ca.pem": OURS.pem})
            assert running.gateway.services.pools() == pools


async def test_services_with_the_same_trust_share_it(tmp_path: Path) -> None:
    services = "".join(f"  s{number}: {{url: 'https://localhost:{number + 1}'}}\n" for number in range(3))
    text = f"version: 1\nservices:\n{services}routes: [{{match: /, service: s0, authenticate: none}}]\n"
    async with gateway(text) as running:
        contexts = [pool.address.tls for pool in running.gateway.services.pools()]
        assert len(contexts) == 3
        assert len(set(contexts)) == 1
