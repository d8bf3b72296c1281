"""Each fault of a service comes to what docs/faults.md says, leaves nothing behind, and troubles nobody else."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from portico.testing import Client, Ending, Malformed, RunningGateway, Upstream, gateway, until
from portico.testing.upstream import echo
from tests.integration.faults import FAULTS, UPLOAD, Fault, HeadSeen
from tests.integration.observed import lines

CONFIGURATION = """
version: 1
gateway: {stall: "off", limits: {body: 64MiB}}
logs: {access: "%s"}
services:
  bad: {url: "%s", timeout: 60s, idle: 60s, breaker: {consecutive: 100}}
  good: {url: "%s", timeout: 60s}
routes:
  - {match: /patient, service: bad, authenticate: none}
  - {match: /hasty-head, service: bad, timeout: 200ms, authenticate: none}
  - {match: /hasty-body, service: bad, idle: 200ms, authenticate: none}
  - {match: /hasty-total, service: bad, total: 400ms, authenticate: none}
  - {match: /good, service: good, authenticate: none}
"""
PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.id) for fault in FAULTS])
async def test_fault(fault: Fault, tmp_path: Path) -> None:
    HeadSeen.event = asyncio.Event()
    log = tmp_path / "access.log"
    async with (
        Upstream(fault.script) as bad,
        Upstream(echo) as good,
        gateway(CONFIGURATION % (log, bad.url, good.url)) as running,
    ):
        async with await Client.connect(running.port) as client:
            client.send(fault.request % fault.path.encode())
            if fault.request is UPLOAD:
                client.send(bytes(8 << 20))
            await judge(client, fault)
        line = await logged(log, fault.path)
        assert (line["statusCode"], line.get("failure", ""), line.get("side", "")) == (
            fault.status,
            fault.code,
            fault.side,
        )
        breaker = running.gateway.services.breakers["bad"]
        assert (breaker.successes, breaker.failures) == ((1, 0) if fault.verdict == "success" else (0, 1))
        await running.settled()
        assert idle(running, "bad") == 0, "a connection that was spoilt is used no more"
        async with await Client.connect(running.port) as other:
            other.send(b"GET /good HTTP/1.1\r\nhost: a.test\r\n\r\n")
            assert (await other.reply()).status == 200


async def judge(client: Client, fault: Fault) -> None:
    """What the client gets, and how its connection ends."""
    if fault.cut:
        head = b""
        while b"\r\n\r\n" not in head:
            head = await client.at_least(len(head) + 1)
        assert head.startswith(b"HTTP/1.1 %d " % fault.status)
        HeadSeen.event.set()
        with pytest.raises(Malformed):
            await client.final_reply()
        assert client.ending is Ending.FIN
        return
    reply = await client.final_reply(fault.request.split()[0])
    assert reply.status == fault.status, reply.body
    if fault.code:
        assert fault.code.encode() in reply.body
        assert b"127.0.0.1" not in reply.body


async def logged(log: Path, path: str) -> dict[str, Any]:
    """The line of the request, as soon as it is there."""
    await until(lambda: lines(log, url=path), "its line in the access log")
    (line,) = lines(log, url=path)
    return line


def idle(running: RunningGateway, service: str) -> int:
    return running.gateway.pool_stats()[service]["idle"]


def test_page_says_of_every_fault_what_it_comes_to() -> None:
    rows = {}
    for line in PAGE.read_text("utf-8").splitlines():
        if found := re.fullmatch(r"\| .* \| `([a-z0-9-]+)` \| (.*) \|", line):
            rows[found[1]] = tuple(cell.strip() for cell in found[2].split("|"))
    assert rows == {fault.id: fault.row for fault in FAULTS}
