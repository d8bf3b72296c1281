"""The examples of docs/authentication-hmac.md, run as they stand against a gateway that the page configures."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from portico.testing import Upstream, gateway
from tests.unit.docs.pages import ROOT, Page

HMAC = Page(ROOT / "docs" / "authentication-hmac.md")
SECRET = "the-secret-that-the-shop-and-the-gateway-share"


def block(page: Page, name: str) -> str:
    (found,) = [one.text for one in page.blocks if one.text.startswith(f"# {name}\n")]
    return found


async def printed(program: str, *arguments: str, env: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        program, *arguments, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode()


@pytest.mark.parametrize(("program", "name"), [(sys.executable, "sign.py"), ("sh", "sign.sh")])
async def test_the_examples_are_let_in(program: str, name: str, tmp_path: Path) -> None:
    if name == "sign.sh" and not (shutil.which("curl") and shutil.which("openssl")):
        pytest.skip("curl or openssl is not here (apt-get install curl openssl)")
    path = tmp_path / name
    path.write_text(block(HMAC, name), "utf-8")
    async with Upstream() as service:
        text = block(HMAC, "portico.yaml").replace("http://orders:3004", service.url)
        assert service.url in text
        async with gateway(text, env={"SHOP_SECRET": SECRET}) as running:
            env = {"PATH": os.environ["PATH"], "GATEWAY": running.url, "no_proxy": "*"}
            assert (await printed(program, str(path), env={**env, "SHOP_SECRET": SECRET})).strip() == "200"
            (got,) = service.requests()
            assert (got.get(b"x-user-id"), got.get(b"x-tenant-id")) == (b"shop", b"t-7")
            assert (got.target, got.body) == (b"/orders/new?x=1", b'{"amount": 7}')


@pytest.mark.parametrize(
    ("page", "name", "env"),
    [
        ("authentication-signature.md", "portico.yaml", {"ROBOT_SECRET": SECRET}),
        ("authentication-signature.md", "signing.yaml", {"LEDGER_SECRET": SECRET}),
        ("authentication-dpop.md", "portico.yaml", {"JWT_SECRET": SECRET}),
    ],
)
async def test_the_configurations_start(page: str, name: str, env: dict[str, str]) -> None:
    async with gateway(block(Page(ROOT / "docs" / page), name), env=env) as running:
        assert running.port
