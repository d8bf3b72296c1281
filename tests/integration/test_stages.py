"""Stages of others in a running gateway of two workers: by entry point and by name, blocking and crashing."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.integration.observed import GATEWAY, counted, lines
from tests.integration.raw import RawClient, RawService, echo
from tests.integration.supervised import ROOT, Supervised, until

pytestmark = pytest.mark.xdist_group("reload")

EXAMPLE = ROOT / "examples" / "plugin"

CONFIGURATION = """\
version: 1
gateway: {listen: ["127.0.0.1:0"], data: "{folder}/var", workers: 2, stall: 200ms}
logs: {access: off, format: json}
stages: [{stages}]
services: {echo: {url: "{url}"}}
routes:
  - {match: /closed, service: echo, authenticate: none, maintenance: {text: Back at noon, retry_after: 10m}}
  - {match: POST /checked, service: echo, authenticate: none, content_digest: {required: true}}
  - {match: /blocks, service: echo, authenticate: none, blocks: {seconds: 0.6}}
  - {match: /crashes, service: echo, authenticate: none, blocks: {crash: true}}
  - {match: /fine, service: echo, authenticate: none}
"""

OWN = '"tests.integration.stages_for_tests:BlockingStage"'
NAMED = '"portico_example.maintenance:MaintenanceStage", "portico_example.content_digest:ContentDigestStage"'


@pytest.fixture(scope="module", params=["entry points", "stages"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    """The example package, once installed by pip and found by its entry points, once named in the configuration."""
    folder = tmp_path_factory.mktemp("stages")
    stages, source = f"{OWN}, {NAMED}", EXAMPLE / "src"
    if request.param == "entry points":
        stages, source = OWN, folder / "installed"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        options = ["--no-index", "--no-deps", "--no-build-isolation", "--target", str(source), str(EXAMPLE)]
        subprocess.run([*command, *options], check=True)
    with RawService(echo) as service:
        gateway = Supervised(folder, GATEWAY)
        text = CONFIGURATION
        for name, value in {"folder": folder, "url": service.url, "stages": stages}.items():
            text = text.replace("{" + name + "}", str(value))
        gateway.write(text)
        gateway.env = {"PYTHONPATH": f"{ROOT}:{source}"}
        try:
            yield gateway.start()
        finally:
            gateway.end()


@pytest.fixture
def client(gateway: Supervised) -> Iterator[RawClient]:
    with RawClient(gateway.address) as connected:
        yield connected


def test_a_route_under_maintenance(gateway: Supervised, client: RawClient) -> None:
    before = counted(gateway.address, "portico_example_maintenance_total")
    client.request("/closed")
    status, fields, body = client.reply()
    assert (status, fields["retry-after"], fields["x-maintenance"]) == (503, "600", "on")
    assert b"Back at noon" in body
    assert counted(gateway.address, "portico_example_maintenance_total", route="/closed") == before + 1


def test_a_stage_that_reads_the_body(client: RawClient) -> None:
    body = b"the body" * 1000
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    client.request("/checked", "POST", f"content-length: {len(body)}", f"content-digest: sha-256=:{digest}:")
    client.send(body[:5])
    client.send(body[5:])
    status, _, told = client.reply()
    assert (status, told) == (200, b"POST /checked " + body)
    client.request("/checked", "POST", "content-length: 3", f"content-digest: sha-256=:{digest}:")
    client.send(b"not")
    status, _, told = client.reply()
    assert status == 400
    assert b"DIGEST_WRONG" in told


def test_a_stage_that_blocks_the_loop_is_named(gateway: Supervised, client: RawClient) -> None:
    client.request("/blocks")
    assert client.reply()[0] == 200
    line = until(
        lambda: lines(gateway.folder / "stderr", metric="stall", stage="blocks"), "the line about the stall"
    )[0]
    assert line["msg"] == "blocks blocked the loop"
    assert line["blockedMs"] >= 200
    assert "stages_for_tests.py:" in line["at"]
    assert "(on_request)" in line["at"]
    assert counted(gateway.address, "portico_loop_stalls_total", stage="blocks") >= 1


def test_a_stage_that_crashes_harms_its_own_request_only(gateway: Supervised, client: RawClient) -> None:
    client.request("/crashes")
    status, fields, body = client.reply()
    assert status == 500
    assert b"An unexpected error occurred" in body
    assert b"bug" not in body
    line = until(lambda: lines(gateway.folder / "stderr", level="error"), "the line about the crash")[-1]
    assert line["requestId"] == fields["x-request-id"]
    assert "a bug of the stage" in str(line)
    with RawClient(gateway.address) as other:
        other.request("/fine")
        assert other.reply()[0] == 200
