"""A gateway on port 0 in the test's own loop, whole and unmocked, which must leave nothing behind.

When the block ends, every exchange, busy connection, reserved byte and task of the gateway must be gone, or Leak is
raised: a test that passes and leaks has failed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import portico
from portico.config import Settings, load_settings_text
from portico.gateway.gateway import Gateway
from portico.stages import load_stage, load_stages, stage_types

from .waiting import TookTooLong, turns, until

_PACKAGE = str(Path(portico.__file__).parent)
_TESTING = str(Path(__file__).parent)


class Leak(AssertionError):
    """The gateway still holds something that no request needs."""


class OneWorker:
    """The cluster of a gateway that is alone. `told` keeps what it would have told its siblings."""

    store: str | None = None

    def __init__(self) -> None:
        self.gateway: Gateway | None = None
        self.told: list[dict[str, Any]] = []

    async def snapshots(self) -> Sequence[Mapping[str, Any]]:
        """Of the one worker."""
        return [] if self.gateway is None else [self.gateway.snapshot()]

    def tell(self, message: dict[str, Any]) -> None:
        """There is nobody to tell."""
        self.told.append(message)


class RunningGateway:
    """A gateway that listens on `port`. `gateway` is the thing itself, for a test that looks inside.

    `ports` has one for each entry of `gateway.listen`, in their order; `port` is the first.
    """

    def __init__(self, gateway: Gateway, ports: Sequence[int]) -> None:
        self.gateway = gateway
        self.ports = tuple(ports)
        self.port = self.ports[0]
        self.loop = asyncio.get_running_loop()

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    async def reload(
        self, text: str, env: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
    ) -> None:
        """Prepare and commit another configuration. Raises ConfigurationError; then nothing has changed."""
        await self.gateway.prepare(_settings(text, env, files), {})
        self.gateway.commit()

    def leaks(self) -> list[str]:
        """What is held although nothing is under way; empty when all is well."""
        gateway = self.gateway
        found = [repr(x) for x in gateway.road.active]
        found += [f"tunnel of {x!r}" for x in gateway.road.tunnels]
        if gateway.memory.used:
            found.append(repr(gateway.memory))
        for pool in gateway.services.pools():
            stats = pool.stats()
            if stats["open"] != stats["idle"] or stats["waiting"] or stats["opening"]:
                found.append(repr(pool))
        return found + [repr(task) for task in _gateways_tasks() if task not in gateway.lasting_tasks()]

    async def settled(self, patience_s: float = 5.0) -> None:
        """Wait until nothing is under way. Raises Leak when that does not happen."""
        try:
            await until(lambda: not self.leaks(), "the gateway is at rest", patience_s)
        except TookTooLong:
            raise Leak("; ".join(self.leaks())) from None


# Those whose block has not ended, for a test that shares one with others.
OPEN: set[RunningGateway] = set()


@asynccontextmanager
async def gateway(
    text: str, *, env: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
) -> AsyncIterator[RunningGateway]:
    """Run a gateway with the configuration `text` (YAML). `workers` plays no part, and of `gateway.listen` the
    addresses do not: each entry gets a free port of its own on the loopback interface.

    `files` are the texts, by path, of all other files that it may name.
    """
    cluster = OneWorker()
    made = Gateway(cluster=cluster, worker=0)
    cluster.gateway = made
    settings = _settings(text, env, files)
    await made.prepare(settings, {})
    made.commit()
    sockets = [(number, _bound()) for number, _ in enumerate(settings.gateway.listen)]
    running = RunningGateway(made, [bound.getsockname()[1] for _, bound in sockets])
    await made.listen(sockets)
    OPEN.add(running)
    try:
        yield running
        await running.settled()
    finally:
        OPEN.discard(running)
        made.stop_accepting()
        await made.close()
    listener = made.listener
    assert listener is not None
    await until(lambda: not listener.connections, "every client connection is closed")
    await turns()
    if rest := running.leaks():
        raise Leak(f"after close: {'; '.join(rest)}")


def _bound() -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    bound.listen(128)
    return bound


def _settings(text: str, env: Mapping[str, str] | None, files: Mapping[str, str] | None = None) -> Settings:
    stages = load_stages()
    return load_settings_text(text, stage_types(stages), env or {}, files=files, plugin=_plugin).settings


def _plugin(reference: str) -> tuple[str, object]:
    stage = load_stage(reference)
    return stage.key, stage.settings


def _gateways_tasks() -> list[asyncio.Task[Any]]:
    """Tasks that run the gateway's own code, and not this package's."""
    found = []
    for task in asyncio.all_tasks():
        code = getattr(task.get_coro(), "cr_code", None)
        file = "" if code is None else code.co_filename
        if file.startswith(_PACKAGE) and not file.startswith(_TESTING) and not task.done():
            found.append(task)
    return found
