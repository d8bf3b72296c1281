"""Rows of `gateway.store`: where it is, what it is told first, and what holds while nobody is there."""

from __future__ import annotations

import asyncio
from types import TracebackType

from portico.testing import Upstream, until
from tests.wired.rows import UNSET, Row
from tests.wired.site import Site

NOWHERE = "redis://127.0.0.1:1/0"
LIMITED = {"routes[0].rate_limit": [{"allow": "2/h", "per": "ip"}]}


class Redis:
    """A server that keeps what it is told, and answers `OK`, until it is asked a question: then never more."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    async def __aenter__(self) -> Redis:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                words = []
                for _ in range(int(line[1:])):
                    length = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                self.heard.append(b" ".join(words))
                if not any(each.startswith(b"EVALSHA") for each in self.heard):
                    writer.write(b"+OK\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass


HEARING = {"backend": Upstream, "redis": Redis}


async def statuses(site: Site) -> object:
    return [(await site.ask("/")).status for _ in range(3)]


async def away(site: Site) -> object:
    await site.ask("/")
    await asyncio.sleep(0)
    return b'"store":"away"' in (await site.ask("/ready")).body


async def heard(site: Site) -> Redis:
    """The server, when it has been asked a question."""
    redis = site.upstreams["redis"]
    assert isinstance(redis, Redis)
    await until(lambda: any(each.startswith(b"EVALSHA") for each in redis.heard), "a question")
    return redis


async def introduction(site: Site) -> object:
    return next((each for each in (await heard(site)).heard if each.startswith(b"AUTH")), None)


async def prefix(site: Site) -> object:
    question = next(each for each in (await heard(site)).heard if each.startswith(b"EVALSHA"))
    return question.split(b" ")[3]


async def given_up(site: Site) -> object:
    """Whether a question to a server that never answers is given up within some seconds."""
    try:
        async with asyncio.timeout(3):
            return (await site.ask("/")).status
    except TimeoutError:
        return "waits"


def row(
    key: str, values: tuple[object, object], seen: tuple[object, object], probe: object, **given: object
) -> Row:
    store = {"gateway.store.url": "<redis>"} if key != "url" else {}
    redis = probe in (introduction, prefix, given_up)
    return Row(
        f"gateway.store.{key}",
        values,
        seen,
        probe,  # type: ignore[arg-type]  # each takes a Site
        {
            **(store if redis else {**store, "gateway.store.url": NOWHERE} if store else {}),
            **LIMITED,
            **given,
        },
        upstreams=HEARING if redis else {"backend": Upstream},
    )


ROWS = (
    Row("gateway.store", ("memory", NOWHERE), (False, True), away, LIMITED),
    row("url", ("memory", NOWHERE), (False, True), away),
    row(
        "username",
        (UNSET, "gate"),
        (b"AUTH x", b"AUTH gate x"),
        introduction,
        **{"gateway.store.password": "x"},
    ),
    row("password", (UNSET, "p/@:#"), (None, b"AUTH p/@:#"), introduction),
    row("prefix", (UNSET, "p:"), (b"", b"p:"), prefix),
    row("timeout", ("50ms", "1h"), (200, "waits"), given_up),
    row("away.limits", (UNSET, "closed"), ([200, 200, 429], [503, 503, 503]), statuses),
    row("away.gateways", (UNSET, 2), ([200, 200, 429], [200, 429, 429]), statuses),
)
