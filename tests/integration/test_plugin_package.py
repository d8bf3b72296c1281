"""A stranger's package, installed like any other, runs in the gateway: settings, verdicts, replies, bodies, metrics."""

from __future__ import annotations

import base64
import hashlib
import pathlib
import subprocess
import sys
from collections.abc import AsyncIterator

import httpx
import pytest

from portico.config import ConfigurationError
from portico.gateway.check import load_checked
from portico.testing import Upstream, gateway

EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "plugin"

CONFIGURATION = """
version: 1
logs: {{access: off}}
services: {{echo: {{url: "{url}"}}}}
routes:
  - match: /closed
    service: echo
    authenticate: none
    maintenance: {{text: Back at noon, retry_after: 10m}}
  - match: /reading
    service: echo
    authenticate: none
    maintenance: {{read_only: true}}
  - match: POST /checked
    service: echo
    authenticate: none
    content_digest: {{required: true, most: 1KiB}}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The example package, built and installed into a folder by pip."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder)]
    subprocess.run([*command, *options, str(EXAMPLE)], check=True)
    return folder


@pytest.fixture
async def client(
    installed: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that found the package by its entry points."""
    monkeypatch.syspath_prepend(str(installed))
    async with (
        Upstream() as service,
        gateway(CONFIGURATION.format(url=service.url)) as running,
        httpx.AsyncClient(base_url=running.url) as made,
    ):
        yield made


async def test_stage_answers_and_marks(client: httpx.AsyncClient) -> None:
    reply = await client.get("/closed")
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "600"
    assert reply.headers["x-maintenance"] == "on"
    assert reply.json()["code"] == "MAINTENANCE"
    assert reply.json()["detail"] == "Back at noon"


async def test_stage_lets_through_what_it_should(client: httpx.AsyncClient) -> None:
    reply = await client.get("/reading")
    assert reply.status_code == 200
    assert reply.headers["x-maintenance"] == "on"
    assert (await client.post("/reading", content=b"x")).status_code == 503


async def test_stage_reads_the_body_and_the_service_gets_it(client: httpx.AsyncClient) -> None:
    digest = base64.b64encode(hashlib.sha256(b"the body").digest()).decode()
    good = {"content-digest": f"sha-256=:{digest}:"}
    reply = await client.post("/checked", content=b"the body", headers=good)
    assert (reply.status_code, reply.json()["body"]) == (200, "the body")
    reply = await client.post("/checked", content=b"another", headers=good)
    assert (reply.status_code, reply.json()["code"]) == (400, "DIGEST_WRONG")
    reply = await client.post("/checked", content=b"the body")
    assert (reply.status_code, reply.json()["code"]) == (400, "DIGEST_MISSING")
    reply = await client.post("/checked", content=b"x" * 1025, headers=good)
    assert reply.status_code == 413


async def test_metric_of_the_stage_is_shown(client: httpx.AsyncClient) -> None:
    await client.get("/closed")
    assert 'portico_example_maintenance_total{route="/closed"} 1' in (await client.get("/metrics")).text


def test_settings_of_the_stage_are_checked_with_file_and_line(
    installed: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(installed))
    file = tmp_path / "portico.yaml"
    file.write_text(CONFIGURATION.format(url="http://127.0.0.1:1").replace("10m", "10"))
    with pytest.raises(ConfigurationError) as caught:
        load_checked(str(file), {})
    assert f"{file}:9:52: routes[0].maintenance.retry_after: 10 has no unit" in str(caught.value)
