"""docs/tls.md: its configurations are served as they stand, with certificates made for the purpose."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from portico.testing import Client, Upstream, gateway
from tests.certificates import Authority
from tests.unit.docs.pages import page
from tests.unit.identity.signing import SECRET

PAGE = page("docs/tls.md")
BLOCKS = {block.name: block.text for block in PAGE.blocks if block.language == "yaml"}
WEB, MACHINES = Authority("Web"), Authority("Machines")
SHOP, PARTNERS = WEB.issue(["shop.test"]), WEB.issue(["*.partners.test"], key_name="partners")
ROBOT = MACHINES.issue([], cn="robot", o="shop", ou="agent")
FILES = {
    "tls/shop.pem": SHOP.cert,
    "tls/shop.key": SHOP.key,
    "tls/partners.pem": PARTNERS.cert,
    "tls/partners.key": PARTNERS.key,
    "tls/machines-ca.pem": MACHINES.pem,
}


async def status(port: int, tls: ssl.SSLContext | None, name: str, target: str) -> tuple[int, bytes | None]:
    async with await Client.connect(port, tls=tls, name=name) as client:
        client.send(f"GET {target} HTTP/1.1\r\nhost: {name}\r\n\r\n".encode())
        reply = await client.final_reply()
        return reply.status, reply.get(b"location")


def test_every_configuration_is_tried() -> None:
    assert sorted(BLOCKS) == ["several.yaml", "shop.yaml"]


async def test_one_certificate_and_a_redirect() -> None:
    async with Upstream() as app:
        text = BLOCKS["shop.yaml"].replace("http://127.0.0.1:3001", app.url)
        async with gateway(text, files=FILES) as running:
            assert await status(running.ports[0], WEB.context(), "shop.test", "/a") == (200, None)
            redirected = await status(running.ports[1], None, "shop.test", "/a")
            assert redirected == (308, b"https://shop.test:3443/a")


@pytest.mark.parametrize(
    ("shows", "target", "expected"),
    [(True, "/sync/a", 200), (False, "/sync/a", 401), (True, "/tickets/a", 200), (False, "/tickets/a", 401)],
)
async def test_several_certificates_and_those_of_clients(
    tmp_path: Path, shows: bool, target: str, expected: int
) -> None:
    async with Upstream() as app:
        text = BLOCKS["several.yaml"].replace("http://127.0.0.1:3001", app.url)
        async with gateway(text, env={"JWT_SECRET": SECRET}, files=FILES) as running:
            tls = WEB.context(shows=ROBOT if shows else None, folder=tmp_path)
            for name in ("shop.test", "x.partners.test"):
                assert (await status(running.port, tls, name, target))[0] == expected
            if expected == 200:
                told = app.requests()[-1]
                assert (told.get(b"x-user-id"), told.get(b"x-tenant-id")) == (b"robot", b"shop")
                assert told.get(b"x-tenant-source") == b"service"
