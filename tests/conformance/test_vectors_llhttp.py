"""llhttp's own strict cases, as requests to the gateway and as replies of a service."""

import pytest

from portico.testing import Link, Upstream, gateway

from .lanes import CONFIGURATION, Lanes
from .vectors import Vector, llhttp, needs, outcome, with_host

FOLDER = needs("llhttp")
REQUESTS = list(llhttp(FOLDER, "request"))
REPLIES = list(llhttp(FOLDER, "response"))

# File and number → why we differ from a bare parser. Anything else that differs fails.
_CONNECT = "CONNECT is refused"
_PROTOCOL = "a protocol or version other than HTTP/1.0 and 1.1"
_CODING = "a transfer coding other than one chunked"

REQUEST_DEVIATIONS = {
    "invalid-19": "a version is refused when its head is complete: it is HTTP/1.2 that must not be",
    "method-2": _CONNECT,
    "method-3": _CONNECT,
    "method-4": _CONNECT,
    "method-5": "target * with a method other than OPTIONS",
    "method-12": _PROTOCOL,
    "method-13": _PROTOCOL,
    "method-14": _PROTOCOL,
    "method-15": _PROTOCOL,
    "sample-10": _PROTOCOL,
    "transfer-encoding-20": _CODING,
    "transfer-encoding-21": _CODING,
    "uri-8": "a fragment in the target",
    "uri-9": _CONNECT,
    "uri-10": "user information in the target",
}

REPLY_DEVIATIONS = {
    "connection-10": "a 101 that nobody asked for",
    "connection-11": "a 101 that nobody asked for",
    "sample-2": _PROTOCOL,
    "sample-3": _PROTOCOL,
    "sample-18": _PROTOCOL,
    "sample-20": "an empty line before it: behind one, the parser takes other protocols and does not tell",
    "transfer-encoding-2": _CODING,
    "transfer-encoding-3": _CODING,
    "transfer-encoding-4": _CODING,
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("vector", [pytest.param(one, id=one.id) for one in REQUESTS])
async def test_request(lanes: Lanes, vector: Vector) -> None:
    async with lanes.lane() as lane:
        found, _ = await outcome(lane.running.port, with_host(vector.data))
        await lane.take()
    judge(found == vector.expected, found, vector, REQUEST_DEVIATIONS)


@pytest.mark.parametrize("vector", [pytest.param(one, id=one.id) for one in REPLIES])
async def test_reply(vector: Vector) -> None:
    async def script(link: Link) -> None:
        await link.request()
        link.send(vector.data)
        link.half_close()

    async with Upstream(script) as upstream, gateway(CONFIGURATION % upstream.url) as running:
        found, _ = await outcome(running.port, b"GET / HTTP/1.1\r\nHost: vector.test\r\n\r\n")
    # A service that breaks off, or goes wrong behind its head, leaves the client with the beginning of a reply.
    well = found == "accepted" if vector.expected == "accepted" else found in ("refused", "cut")
    judge(well, found, vector, REPLY_DEVIATIONS)


def judge(well: bool, found: str, vector: Vector, deviations: dict[str, str]) -> None:
    if well == (vector.id in deviations):
        pytest.fail(f"{vector.expected} -> {found}: {vector.data!r}", pytrace=False)
