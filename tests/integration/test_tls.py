"""TLS for clients, as Python, curl and openssl see it: which certificate, which versions, and HTTP as without it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portico.testing import Client, Ending, RunningGateway, Upstream, until
from portico.testing.upstream import Link, switching
from tests.integration.secure import OURS, Files, ask, names, request, run, serving

SHOP = OURS.issue(["shop.test", "www.shop.test"])
WILD = OURS.issue(["*.wild.test"], key_name="wild")
SHOP_RSA = OURS.issue(["shop.test", "www.shop.test"], kind="rsa")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as service:
        yield service


@pytest.fixture
async def gateway(files: Files, upstream: Upstream) -> AsyncIterator[RunningGateway]:
    every = [files.add("shop", SHOP), files.add("wild", WILD), files.add("rsa", SHOP_RSA)]
    async with serving(files, upstream.url, f"{{certificates: [{', '.join(every)}]}}") as running:
        yield running


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("shop.test", "shop.test"),
        ("WWW.Shop.Test", "shop.test"),
        ("a.wild.test", "*.wild.test"),
        ("a.b.wild.test", "shop.test"),  # a wildcard is one label (RFC 9525 section 6.3)
        ("wild.test", "shop.test"),
        ("elsewhere.test", "shop.test"),
        (None, "shop.test"),
    ],
)
async def test_the_certificate_is_the_one_for_the_name(
    gateway: RunningGateway, asked: str | None, shown: str
) -> None:
    assert shown in await names(gateway.port, asked)


async def test_rsa_and_ecdsa_stand_side_by_side(gateway: RunningGateway) -> None:
    for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"):
        context = OURS.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
        assert (await ask(gateway.port, "shop.test", context)).status == 200


@pytest.mark.parametrize(
    ("options", "agreed"),
    [
        (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], False),
        (["-tls1_2"], True),
        (["-tls1_2", "-cipher", "AES128-GCM-SHA256:AES128-SHA"], False),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"], False),
        (["-tls1_3"], True),
    ],
    ids=["TLS 1.1", "TLS 1.2", "no forward secrecy", "CBC", "TLS 1.3"],
)
async def test_versions_and_ciphers(gateway: RunningGateway, options: list[str], agreed: bool) -> None:
    _, said = await run(
        *("openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", "shop.test"),
        *options,
    )
    assert ("Cipher is (NONE)" not in said) == agreed, said
    assert "Compression: NONE" in said or not agreed
    assert "Secure Renegotiation IS supported" in said or "TLSv1.3" in said or not agreed


async def test_http_1_1_is_agreed_on_and_nothing_else(gateway: RunningGateway) -> None:
    for offered, agreed in ((["h2", "http/1.1"], "http/1.1"), (["h2"], None)):
        context = OURS.context()
        context.set_alpn_protocols(offered)
        async with await Client.connect(gateway.port, tls=context, name="shop.test") as client:
            assert client.tls is not None
            assert client.tls.selected_alpn_protocol() == agreed


async def test_a_session_is_resumed(gateway: RunningGateway, tmp_path: Path) -> None:
    command = (
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{gateway.port}",
        "-servername",
        "shop.test",
        "-tls1_2",
    )
    kept = str(tmp_path / "session")
    assert "New, TLSv1.2" in (await run(*command, "-sess_out", kept))[1]
    assert "Reused, TLSv1.2" in (await run(*command, "-sess_in", kept))[1]


async def test_services_are_told_that_it_was_https(gateway: RunningGateway, upstream: Upstream) -> None:
    assert (await ask(gateway.port, "shop.test")).status == 200
    told = upstream.requests()[-1]
    assert told.get(b"x-forwarded-proto") == b"https"
    assert told.get(b"forwarded") == b'for=127.0.0.1;host="shop.test";proto=https'
    assert told.get(b"x-forwarded-port") == b"%d" % gateway.port
    assert told.get(b"x-real-ip") == b"127.0.0.1"


async def test_curl_is_served_and_redirected(gateway: RunningGateway, files: Files) -> None:
    secure, _, redirecting = gateway.ports
    code, said = await run(
        *("curl", "-sS", "--cacert", str(files.folder / "ours.pem"), "-o", str(files.folder / "body")),
        *("-w", "%{http_code} %{ssl_verify_result} %{num_redirects}"),
        *("--resolve", f"shop.test:{secure}:127.0.0.1", f"https://shop.test:{secure}/a"),
    )
    assert (code, said) == (0, "200 0 0")
    code, said = await run(
        *("curl", "-sS", "-o", str(files.folder / "body"), "-w", "%{http_code} %{redirect_url}", "-d", "x=y"),
        *("--resolve", f"shop.test:{redirecting}:127.0.0.1", f"http://shop.test:{redirecting}/a%2Fb?c=d"),
    )
    assert (code, said) == (0, "308 https://shop.test:3443/a%2Fb?c=d")


@pytest.mark.parametrize(
    ("asked", "status", "location"),
    [
        (request("/a?b", "shop.test:3080"), 308, b"https://shop.test:3443/a?b"),
        (request("http://other.test/x"), 308, b"https://other.test:3443/x"),
        (request("/", "[::1]:3080"), 308, b"https://[::1]:3443/"),
        (request("*", method="OPTIONS"), 308, b"https://shop.test:3443/"),
        (b"GET /a HTTP/1.0\r\n\r\n", 400, None),
        (request("/", "shop.test@evil.test"), 400, None),
        (request("/live"), 308, b"https://shop.test:3443/live"),
    ],
)
async def test_a_redirect_leads_to_the_same_url(
    gateway: RunningGateway, upstream: Upstream, asked: bytes, status: int, location: bytes | None
) -> None:
    async with await Client.connect(gateway.ports[2]) as client:
        client.send(asked)
        reply = await client.final_reply()
        assert (reply.status, reply.get(b"location")) == (status, location)
        assert reply.get(b"x-request-id")
    assert not upstream.requests()


async def test_a_redirected_connection_goes_on(gateway: RunningGateway) -> None:
    async with await Client.connect(gateway.ports[2]) as client:
        for target in ("/a", "/b"):
            client.send(request(target, more="content-length: 3\r\n") + b"abc")
            assert (await client.final_reply()).get(b"location") == f"https://shop.test:3443{target}".encode()


async def test_a_websocket_goes_through(files: Files) -> None:
    async with (
        Upstream(switching) as service,
        serving(files, service.url, files.add("shop", SHOP)) as running,
        await Client.connect(running.port, tls=OURS.context(), name="shop.test") as client,
    ):
        upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: k\r\n"
        client.send(request(more=upgrade) + b"at once")
        assert (await client.reply()).status == 101
        assert await client.at_least(7) == b"at once"
        client.data = b""
        for size in (1, 5000, 300_000):
            client.send(b"x" * size)
            assert len(await client.at_least(size)) == size
            client.data = b""
        client.close()
        await until(lambda: service.links[0].ended, "the service hears of the end")


BIG = 32 << 20


async def _big(link: Link) -> None:
    await link.request()
    link.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BIG)
    for _ in range(BIG >> 20):
        link.send(bytes(1 << 20))


async def test_a_client_that_stops_reading_stops_the_service(files: Files) -> None:
    async with (
        Upstream(_big) as service,
        serving(files, service.url, files.add("shop", SHOP)) as running,
        await Client.connect(running.port, tls=OURS.context(), name="shop.test") as client,
    ):
        client.send(request())
        await client.at_least(1)
        client.pause()
        held, looks = -1, 0

        def still() -> bool:
            nonlocal held, looks
            before, held = held, service.links[0].backlog()
            looks = looks + 1 if before == held else 0
            return looks > 50

        await until(still, "the service is held back")
        assert held > BIG // 2
        client.resume()
        assert len((await client.final_reply()).body) == BIG


async def test_a_big_upload_arrives(gateway: RunningGateway, upstream: Upstream) -> None:
    body = bytes(range(256)) * 16384
    async with await Client.connect(gateway.port, tls=OURS.context(), name="shop.test") as client:
        client.send(request("/up", more=f"content-length: {len(body)}\r\n", method="POST") + body)
        assert (await client.final_reply()).status == 200
    assert upstream.requests()[-1].body == body


async def test_the_last_reply_of_a_connection_arrives_whole_and_in_order(gateway: RunningGateway) -> None:
    async with await Client.connect(gateway.port, tls=OURS.context(), name="shop.test") as client:
        client.send(request(more="connection: close\r\n"))
        assert (await client.final_reply()).status == 200
        assert await client.ended() == (b"", Ending.FIN)  # close_notify, and not only the end of TCP


async def test_a_broken_off_body_is_not_taken_for_whole(files: Files) -> None:
    async def script(link: Link) -> None:
        await link.request()
        link.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await until(lambda: arrived, "the half at the client")
        link.reset()

    arrived: list[bytes] = []
    async with (
        Upstream(script) as service,
        serving(files, service.url, files.add("shop", SHOP)) as running,
        await Client.connect(running.port, tls=OURS.context(), name="shop.test") as client,
    ):
        client.send(b"GET / HTTP/1.0\r\nhost: shop.test\r\n\r\n")
        while not client.data.endswith(b"half"):
            await client.at_least(len(client.data) + 1)
        arrived.append(client.data)
        assert (await client.ended())[1] is Ending.RST


async def test_plain_http_on_a_tls_port_is_closed(gateway: RunningGateway) -> None:
    async with await Client.connect(gateway.port) as client:
        client.send(request())
        data, _ = await client.ended()
        assert b"HTTP" not in data


async def test_stopping_waits_for_a_handshake_under_way(gateway: RunningGateway) -> None:
    loop = asyncio.get_running_loop()
    async with await Client.connect(gateway.port) as silent:
        listener = gateway.gateway.listener
        assert listener is not None
        await until(lambda: len(listener.handshakes) == 1, "it is accepted")
        assert listener.waiting()
        finishing = loop.create_task(gateway.gateway.finish(0.2))
        assert await finishing
        listener.handshakes.close()
        assert (await silent.ended())[0] == b""
