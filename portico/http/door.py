"""A listening socket for TLS: accepts, shakes hands, and hands over what has become a connection.

A handshake under way is not a connection yet and costs a client nothing, so their number is bounded. Beyond the bound
the oldest is broken off for the newest: an honest handshake takes a few round trips, those of a flood never end, so
that honest ones come through while a flood lasts. Connections beyond their own cap are reset before any handshake.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
from typing import TYPE_CHECKING, cast

from .entrance import SecureConnection
from .tls import ListenerContext

if TYPE_CHECKING:
    from .listener import Listener

log = logging.getLogger("portico")

BATCH = 32  # connections accepted in one turn of the loop
PAUSE_S = 1.0  # without accepting, when there are no file descriptors left
# How long a closing connection may take. Its own sweep is stricter: it looks at whether the client still reads.
CLOSING_S = 3600.0

_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close sends RST


class Door:
    """One socket of `gateway.listen`, at `index` there."""

    def __init__(self, listening: socket.socket, listener: Listener, index: int) -> None:
        self._listening = listening
        self._listener = listener
        self._index = index
        self._loop = asyncio.get_running_loop()
        self._paused: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._loop.add_reader(listening.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more. Handshakes under way come to their end."""
        if self._paused is not None:
            self._paused.cancel()
        else:
            self._loop.remove_reader(self._listening.fileno())
        self._listening.close()

    def _accept(self) -> None:
        for _ in range(BATCH):
            try:
                accepted, _peer = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                log.error("no connection can be accepted for %g s: %s", PAUSE_S, error)
                self._loop.remove_reader(self._listening.fileno())
                self._paused = self._loop.call_later(PAUSE_S, self._resume)
                return
            self._shake_hands(accepted)

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def _shake_hands(self, accepted: socket.socket) -> None:
        listener = self._listener
        context = listener.entrances[self._index].tls
        if context is None or not listener.has_room():
            listener.refused += 1
            _reset(accepted)
            return
        if accepted.family != socket.AF_UNIX:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.handshakes.begin(accepted, context, listener)

    def __repr__(self) -> str:
        return f"<Door {self._index} {'paused' if self._paused is not None else 'open'}>"


class Handshakes:
    """The handshakes under way of a worker, the oldest first. `outcomes` counts how those that are over ended."""

    def __init__(self) -> None:
        self.most = 0
        self.patience_s = 0.0
        self.outcomes = {"done": 0, "failed": 0, "late": 0, "dropped": 0}
        self._tasks: dict[asyncio.Task[None], None] = {}

    def begin(self, accepted: socket.socket, context: ListenerContext, listener: Listener) -> None:
        """Begin one, in the place of the oldest if there are too many."""
        while self._tasks and (len(self._tasks) >= self.most or not listener.has_room(len(self._tasks))):
            self.drop(next(iter(self._tasks)))
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._shake(accepted, context, listener), name="handshake")
        self._tasks[task] = None
        task.add_done_callback(self._forget)

    def drop(self, task: asyncio.Task[None]) -> None:
        """Break one off."""
        del self._tasks[task]
        self.outcomes["dropped"] += 1
        task.cancel()

    def close(self) -> None:
        """Break off all."""
        for task in list(self._tasks):
            self.drop(task)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)

    async def _shake(self, accepted: socket.socket, context: ListenerContext, listener: Listener) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: cast(asyncio.Protocol, SecureConnection(listener, context.trust)),
                accepted,
                ssl=context.context,
                ssl_handshake_timeout=self.patience_s,
                ssl_shutdown_timeout=CLOSING_S,
            )
        except ConnectionAbortedError:  # what both loops raise when the time is over
            self.outcomes["late"] += 1
        except (ssl.SSLError, OSError) as error:
            self.outcomes["failed"] += 1
            log.debug("a TLS handshake failed: %s", error)
        else:
            self.outcomes["done"] += 1

    def __len__(self) -> int:
        return len(self._tasks)

    def __repr__(self) -> str:
        return f"<Handshakes {len(self._tasks)} under way, {self.outcomes}>"


def _reset(accepted: socket.socket) -> None:
    if accepted.family != socket.AF_UNIX:
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    accepted.close()
