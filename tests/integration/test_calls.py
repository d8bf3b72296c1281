"""The gateway's own calls to services, for stages that ask before they decide, and its work beside the requests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from portico.testing import Client, Link, RunningGateway, Script, Upstream, gateway, until
from portico.testing.upstream import answering, closing, stalling
from portico.testing.upstream import echo as echoing
from tests.wired.site import ask

CONFIGURATION = """
version: 1
gateway: {{listen: ["127.0.0.1:0"]}}
logs: {{access: off, level: error}}
stages: ["tests.integration.stages_for_tests:AsksStage", "tests.integration.stages_for_tests:WorksStage"]
services:
  echo: {{url: "{echo}"}}
  oracle: {{url: "{oracle}", breaker: {{errors: off, consecutive: 3}}}}
routes:
  - {{match: /asks, service: echo, authenticate: none, asks: oracle}}
  - {{match: /by-origin, service: echo, authenticate: none, asks: "{oracle}"}}
  {more}
"""


@pytest.fixture
async def echo() -> AsyncIterator[Upstream]:
    async with Upstream(echoing) as service:
        yield service


def configured(echo: Upstream, oracle: str, more: str = "") -> str:
    return CONFIGURATION.format(echo=echo.url, oracle=oracle, more=more)


async def told(running: RunningGateway, path: str) -> tuple[int, dict[str, str]]:
    """The status, and the fields of the request as the echoing service got it."""
    reply = await ask(running.port, path, {})
    return reply.status, dict(json.loads(reply.body).get("headers", []))


YES = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes"
CHUNKED = b"HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n3\r\nway\r\n0\r\n\r\n"
LARGE = b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n" + b"x" * 2_000_000


@pytest.mark.parametrize("path", ["/asks", "/by-origin"])
async def test_a_stage_asks_a_service_and_gets_the_whole_answer(echo: Upstream, path: str) -> None:
    async with Upstream(answering(YES, CHUNKED)) as oracle, gateway(configured(echo, oracle.url)) as running:
        status, fields = await told(running, path)
        assert (status, fields["x-answer"]) == (200, "200 yes")
        _, fields = await told(running, path)
        assert fields["x-answer"] == "404 noway"
        first = oracle.requests()[0]
        assert first.start == b"POST /ask?for=it HTTP/1.1"
        assert first.body == b"a question"
        assert first.get(b"x-gateway-internal") == b"true"
        assert first.get(b"x-asked") == b"yes"
        assert first.get(b"x-request-id")


@pytest.mark.parametrize(
    "service",
    [closing, stalling, answering(LARGE), answering(b"nonsense\r\n\r\n")],
    ids=["closed", "silent", "too large", "no HTTP"],
)
async def test_an_answer_that_does_not_come(echo: Upstream, service: Script) -> None:
    async with Upstream(service) as oracle, gateway(configured(echo, oracle.url)) as running:
        status, _ = await told(running, "/asks")
        assert status == 403


async def test_calls_count_for_the_services_breaker(echo: Upstream) -> None:
    async with gateway(configured(echo, "http://127.0.0.1:1")) as running:
        for _ in range(3):
            assert (await told(running, "/asks"))[0] == 403
        assert running.gateway.services.breakers["oracle"].stats(0.0, 0.0)["state"] == "OPEN"


async def test_a_client_who_leaves_takes_its_call_along(echo: Upstream) -> None:
    async with Upstream(stalling) as oracle, gateway(configured(echo, oracle.url)) as running:
        client = await Client.connect(running.port)
        client.send(b"GET /asks HTTP/1.1\r\nhost: x\r\n\r\n")
        link: Link = await oracle.link()
        await link.head()
        client.close()
        await link.gone()
        await until(lambda: not running.gateway.road.active, "nothing is in flight")


async def test_work_in_the_background_ends_with_its_configuration(echo: Upstream) -> None:
    route = "- {match: /works, service: echo, authenticate: none, works: oracle}"
    async with Upstream(answering(YES)) as oracle, gateway(configured(echo, oracle.url, route)) as running:
        await until(lambda: len(oracle.requests()) > 3, "the service is asked in the background")
        _, fields = await told(running, "/works")
        assert int(fields["x-answers"]) > 3
        await running.reload(configured(echo, oracle.url))
        await until(lambda: not running.gateway.road.active, "nothing is in flight")
        asked = len(oracle.requests())
        await told(running, "/asks")
        assert len(oracle.requests()) == asked + 1
