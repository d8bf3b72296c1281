"""Behind the gateway a strict service and four careless ones see the same requests: those that the gateway accepted.

What two readers of one client's bytes disagree about is what request smuggling lives on; here it is the bytes that
the gateway writes which no two of them may disagree about, whatever the client sent.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from portico.testing import Upstream, gateway
from tests.fuzz.reference import State, requests

from . import accepted, refused, smuggling
from .case import Case
from .lanes import CONFIGURATION, USUAL, Lane, recite
from .lax import MANNERS, LaxService, Manner, Read, read
from .vectors import FOLDER, Vector, desync, outcome

CASES = accepted.CASES + refused.CASES + smuggling.CASES
_SET = FOLDER / "desync-guardian"
VECTORS = list(desync(_SET)) if _SET.is_dir() else []


class Readers:
    """A strict service and one of each careless manner, every one behind a gateway of its own."""

    def __init__(self) -> None:
        self.strict: Lane
        self.lax: list[tuple[Lane, LaxService]] = []

    async def open(self, stack: AsyncExitStack, configuration: str) -> None:
        """All of them."""
        upstream = await stack.enter_async_context(Upstream(recite))
        self.strict = Lane(await stack.enter_async_context(gateway(configuration % upstream.url)), upstream)
        for manner in MANNERS:
            service = LaxService(manner)
            upstream = await stack.enter_async_context(Upstream(service.script))
            running = await stack.enter_async_context(gateway(configuration % upstream.url))
            self.lax.append((Lane(running, upstream), service))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def readers() -> AsyncIterator[Readers]:
    async with AsyncExitStack() as stack:
        found = Readers()
        await found.open(stack, CONFIGURATION)
        yield found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def usual_readers() -> AsyncIterator[Readers]:
    """With the limits that a user gets."""
    async with AsyncExitStack() as stack:
        found = Readers()
        await found.open(stack, USUAL)
        yield found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
async def test_case(readers: Readers, case: Case) -> None:
    for meant in (case,) if case.alone else (case, case.followed()):
        expected = [Read(seen.line, seen.body) for seen in meant.seen]
        # `run` compares what reached the service, read strictly, with the case.
        lanes = [readers.strict, *(lane for lane, _ in readers.lax)]
        await asyncio.gather(*(lane.run(meant, [meant.data]) for lane in lanes))
        for _, service in readers.lax:
            assert service.take() == expected, service.manner.name


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.skipif(not VECTORS, reason=f"no vectors in {_SET}: set PORTICO_VECTORS")
@pytest.mark.parametrize("vector", [pytest.param(one, id=one.id) for one in VECTORS])
async def test_vector(usual_readers: Readers, vector: Vector) -> None:
    reading = requests(vector.data)
    # Whoever has not sent all of a request gets nothing, and that must not be waited for.
    patience_s = 10.0 if reading.messages or reading.state is State.MALFORMED else 0.1
    strict = usual_readers.strict
    found, _ = await outcome(strict.running.port, vector.data, patience_s)
    seen = [Read(b"%b %b" % (one.method, one.target), one.body) for one in await strict.take()]
    assert len(seen) == (found == "accepted")

    async def compare(lane: Lane, service: LaxService) -> None:
        told, _ = await outcome(lane.running.port, vector.data, patience_s)
        await lane.take()
        assert service.take() == seen, service.manner.name
        assert told == found or patience_s < 1.0, service.manner.name

    await asyncio.gather(*(compare(*one) for one in usual_readers.lax))


def test_the_careless_services_are_careless() -> None:
    """Each of the differences that they are there for shows in bytes that no gateway may let pass."""
    hidden = b"GET /smuggled HTTP/1.1\r\n\r\n"
    both = b"POST /a HTTP/1.1\r\nContent-Length: %d\r\nTransfer-Encoding : x-chunked\r\n\r\n0\r\n\r\n%b" % (
        len(hidden) + 5,
        hidden,
    )
    twice = b"POST /a HTTP/1.1\nContent_Length: 0\n content-x: y\nContent-Length: %d\n\n%b" % (
        len(hidden),
        hidden,
    )
    assert [_count(both, manner) for manner in MANNERS] == [2, 1, 1, 2]
    assert [_count(twice, manner) for manner in MANNERS] == [2, 1, 2, 1]
    assert _count(b"GET /a\r\n" + hidden, MANNERS[0]) == 2
    assert [_count(b"GET /a HTTP/1.1\r\rGET /b HTTP/1.1\r\r", manner) for manner in MANNERS] == [0, 0, 0, 2]


def _count(data: bytes, manner: Manner) -> int:
    count = 0
    while data and (found := read(data, manner)) is not None:
        count, data = count + 1, found[1]
    return count
