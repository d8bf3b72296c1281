"""Several gateways side by side in the test's loop, each with a service of its own that records every byte.

A case runs on one lane at a time, so that all that reaches the lane's service belongs to that case.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from portico.testing import (
    Client,
    Ending,
    Link,
    Malformed,
    Message,
    RunningGateway,
    Upstream,
    gateway,
    read_request,
    until,
)
from portico.testing.waiting import turns

from .case import Case, Seen

LANES = 6

CONFIGURATION = """
version: 1
logs: {access: "off", level: error}
gateway:
  stall: "off"
  limits: {header_bytes: 4KiB, header_count: 30, target: 1KiB, body: 64KiB, memory: 1MiB}
services: {tickets: {url: "%s", breaker: "off"}}
routes: [{match: "/**", service: tickets, authenticate: none}]
"""


# The same with the limits that a user gets.
USUAL = re.sub(r"  limits: .*\n", "", CONFIGURATION)


async def recite(link: Link) -> None:
    """A service that answers each whole request with its method and target."""
    while True:
        request = await link.request()
        body = b"" if request.method == b"HEAD" else b"%b %b" % (request.method, request.target)
        link.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


class Lane:
    """One gateway and its service."""

    def __init__(self, running: RunningGateway, upstream: Upstream) -> None:
        self.running = running
        self.upstream = upstream

    async def run(self, case: Case, pieces: Sequence[bytes]) -> None:
        """Send the pieces and check the replies, the end, and what the service has seen."""
        where = f"{case.id} in {len(pieces)} pieces, the first of {len(pieces[0])} bytes"
        client = await Client.connect(self.running.port)
        try:
            await client.send_pieces(pieces)
            for index, (status, method) in enumerate(zip(case.statuses, case.methods(), strict=True)):
                reply = await client.final_reply(method)
                assert reply.status == status, f"{where}: reply {index} is {reply.start!r}, {reply.body!r}"
                if status == 200 and reply.body and index < len(case.seen):
                    # Answers stand in the order of their questions.
                    assert reply.body == case.seen[index].line, where
                last = index == len(case.statuses) - 1
                closes = reply.get(b"connection") == b"close"
                assert closes == (last and case.closes), f"{where}: reply {index} says {reply.fields!r}"
            if case.closes:
                rest, ending = await client.ended()
                assert (rest, ending) == (b"", Ending.FIN), where
            else:
                await turns()
                assert (client.data, client.ending) == (b"", None), where
        except (Malformed, AssertionError) as error:
            error.add_note(where)
            raise
        finally:
            client.close()
        seen = tuple(map(Seen.of, await self.take()))
        assert seen == case.seen, f"{where}: the service saw {seen!r}"

    async def take(self) -> list[Message]:
        """Wait until all is quiet; the whole requests that have reached the service since last time."""
        inside = self.running.gateway
        listener = inside.listener
        assert listener is not None
        links = self.upstream.links
        pools = inside.services.pools()
        await until(
            lambda: (
                not listener.connections
                and not inside.road.active
                and not inside.memory.used
                and sum(not link.ended for link in links) == sum(pool.stats()["open"] for pool in pools)
            ),
            "the lane is quiet",
        )
        found = [request for link in links for request in _whole(link.received)]
        self.upstream.forget()
        return found


def _whole(data: bytes) -> list[Message]:
    found: list[Message] = []
    while data and (message := read_request(data)) is not None:
        found.append(message)
        data = data[len(message.raw) :]
    return found


class Lanes:
    """Runs many, some at a time."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._free: asyncio.Queue[Lane] = asyncio.Queue()
        for lane in lanes:
            self._free.put_nowait(lane)

    async def run(self, case: Case, pieces: Sequence[bytes]) -> None:
        """On the next free lane."""
        async with self.lane() as lane:
            await lane.run(case, pieces)

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Lane]:
        """A lane to oneself. One on which a case has failed is not given back as clean: it is emptied first."""
        lane = await self._free.get()
        try:
            yield lane
        except BaseException:
            await lane.take()
            raise
        finally:
            self._free.put_nowait(lane)

    async def run_all(self, runs: Sequence[tuple[Case, Sequence[bytes]]]) -> None:
        """All of them; the first failure is raised when the others are done."""
        outcomes = await asyncio.gather(*(self.run(*each) for each in runs), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome


@asynccontextmanager
async def opened(count: int = LANES, configuration: str = CONFIGURATION) -> AsyncIterator[Lanes]:
    """Lanes that are closed, and checked for leaks, at the end."""
    async with AsyncExitStack() as stack:
        lanes = []
        for _ in range(count):
            upstream = await stack.enter_async_context(Upstream(recite))
            running = await stack.enter_async_context(gateway(configuration % upstream.url))
            lanes.append(Lane(running, upstream))
        yield Lanes(lanes)
