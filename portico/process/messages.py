"""What supervisor and worker say to each other, and how: length-prefixed pickles on a socket pair.

Both ends are the same release of Portico and own nothing that the other may not touch, so pickle is safe here; it
never meets a byte from elsewhere. Settings travel in pieces of a few routes each: a worker that serves must not be
held up by unpickling ten thousand routes at once (design decision 5).
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

from portico.config import Settings
from portico.config.models.route import RouteSettings

_LENGTH = struct.Struct("!I")

# A peer that does not read is sent no more news once so much waits for it; orders are always sent.
NEWS_LIMIT_BYTES = 1 << 20


# From the supervisor.
@dataclass(frozen=True, slots=True)
class SettingsPart:
    """A generation's settings without their routes, which follow in pieces."""

    generation: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class RoutesPart:
    """The next few routes of a generation."""

    generation: int
    routes: tuple[RouteSettings, ...]


@dataclass(frozen=True, slots=True)
class Prepare:
    """Compile the settings that were sent. `children` has the socket path of each service beside the gateway;
    `grace_s` is what a worker that loses its supervisor grants to what is in flight."""

    generation: int
    children: dict[str, str]
    grace_s: float


@dataclass(frozen=True, slots=True)
class Commit:
    """Serve the prepared generation from now on."""

    generation: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Forget the generation that was sent or prepared."""

    generation: int


@dataclass(frozen=True, slots=True)
class Listen:
    """Begin to accept connections."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Finish and exit. `leaving`: the gateway as a whole stops, so /ready fails and accepting goes on for `delay_s`;
    otherwise a successor already serves on the same sockets. What is in flight has `grace_s`."""

    leaving: bool
    delay_s: float
    grace_s: float


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Send a snapshot now, with this number."""

    asked: int


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The answer to `AskSnapshots`."""

    ask: int
    snapshots: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ReopenLogs:
    """Log files were rotated."""


# From a worker.
@dataclass(frozen=True, slots=True)
class Hello:
    """The interpreter runs. `version` is Portico's, which must be the supervisor's own."""

    version: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A generation is compiled, or refused with its problems (lines for a person)."""

    generation: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """A generation is live in this worker."""

    generation: int


@dataclass(frozen=True, slots=True)
class Serving:
    """The worker accepts connections."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The worker's loop turns."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The worker's numbers: pushed about every second (`asked` is 0), and when asked."""

    data: dict[str, Any]
    asked: int = 0


@dataclass(frozen=True, slots=True)
class AskSnapshots:
    """The worker wants the numbers of all workers."""

    ask: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Everything in flight has ended (`clean`), or was cut off. The worker exits now."""

    clean: bool


# Both ways.
@dataclass(frozen=True, slots=True)
class News:
    """A worker's word to its siblings (a breaker has opened), passed on by the supervisor unread."""

    message: dict[str, Any] = field(default_factory=dict)


Message = (
    SettingsPart
    | RoutesPart
    | Prepare
    | Commit
    | Discard
    | Listen
    | Stop
    | TakeSnapshot
    | Snapshots
    | ReopenLogs
    | Hello
    | Prepared
    | Committed
    | Serving
    | Beat
    | Snapshot
    | AskSnapshots
    | Finished
    | News
)


def encode(message: Message) -> bytes:
    """One frame."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


class Link:
    """One end of a control channel."""

    __slots__ = ("_reader", "_writer", "dropped")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.dropped = 0  # news not sent because the peer did not read

    @classmethod
    async def over(cls, channel: socket.socket) -> Link:
        """The channel's end that `channel` is."""
        return cls(*await asyncio.open_unix_connection(sock=channel))

    def send(self, message: Message) -> None:
        """Send, whatever already waits. A peer that is gone is noticed by `receive`."""
        self.send_frame(encode(message))

    def send_frame(self, frame: bytes) -> None:
        """Send what `encode` made, which may serve for several peers."""
        if not self._writer.is_closing():
            self._writer.write(frame)

    def send_news(self, message: News) -> None:
        """Send, unless the peer has not read for a while: news is worth less than memory."""
        if self._writer.transport.get_write_buffer_size() > NEWS_LIMIT_BYTES:
            self.dropped += 1
        else:
            self.send(message)

    async def receive(self) -> Message | None:
        """The next message, or None when the peer is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            data = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        message: Message = pickle.loads(data)  # noqa: S301 - from our own process over a private socket pair
        return message

    async def close(self) -> None:
        """Send what waits, and close."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            pass
