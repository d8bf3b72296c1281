"""Keep-alive connections to one instance: taken and given back in constant time, bounded, with a bounded queue.

The connection used last is used first, so that the others grow old and are closed. A caller that finds none waits
in line; every free place opens one connection for the line, and whichever is there first, an opened or a released
one, goes to whoever has waited longest. Deadlines are the callers': the pool only knows who still waits.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict, deque
from dataclasses import dataclass
from time import monotonic
from typing import Protocol, cast

from portico.exchange.failure import (
    CONNECT_TIMEOUT,
    POOL_EXHAUSTED,
    REFUSED,
    SHUTTING_DOWN,
    TLS_FAILED,
    UNREACHABLE,
    Failure,
)

from .channel import Channel


@dataclass(frozen=True, slots=True)
class Address:
    """Where an instance listens: `host` and `port`, or a Unix socket's `path`; `tls` when it speaks TLS."""

    host: str = ""
    port: int = 0
    path: str = ""
    tls: ssl.SSLContext | None = None
    server_name: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


class Waiter(Protocol):
    """A caller in line."""

    def on_channel(self, channel: Channel) -> None: ...
    def on_no_channel(self, failure: Failure) -> None: ...


class Pool:
    """The connections to one instance. `size` bounds those open or opening, `queue` the callers in line."""

    __slots__ = (
        "_closed",
        "_idle",
        "_open",
        "_opening",
        "_tasks",
        "_waiting",
        "address",
        "closing",
        "connect_s",
        "connects",
        "failures",
        "idle_s",
        "queue",
        "size",
    )

    def __init__(self, address: Address, *, size: int, queue: int, idle_s: float, connect_s: float) -> None:
        self.address = address
        self.size = size
        self.queue = queue
        self.idle_s = idle_s
        self.connect_s = connect_s
        self.closing = False
        self._closed = False
        self.connects = 0  # connections opened, ever
        self.failures = 0  # attempts to open one that failed, ever
        self._idle: deque[Channel] = deque()
        self._open: set[Channel] = set()
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: OrderedDict[Waiter, None] = OrderedDict()

    def checkout(self, now: float) -> Channel | None:
        """An idle connection that is still good, or None."""
        idle = self._idle
        while idle:
            channel = idle.pop()
            if channel.closed:
                continue
            if channel.expires < now:
                channel.close()
                continue
            return channel
        return None

    def wait(self, waiter: Waiter) -> Failure | None:
        """Get in line; `on_channel` or `on_no_channel` follows unless `leave` comes first."""
        if self._closed:
            return SHUTTING_DOWN
        # Those for whom a connection is being opened do not stand in line for one in use.
        if len(self._open) + self._opening >= self.size and len(self._waiting) - self._opening >= self.queue:
            return POOL_EXHAUSTED
        self._waiting[waiter] = None
        self._open_for_waiting()
        return None

    def leave(self, waiter: Waiter) -> None:
        """Get out of line."""
        self._waiting.pop(waiter, None)

    def release(self, channel: Channel, expires: float) -> None:
        """A connection is free again, and good until `expires`."""
        if self._waiting:
            waiter, _ = self._waiting.popitem(last=False)
            waiter.on_channel(channel)
        elif self.closing:
            channel.close()
        else:
            channel.expires = expires
            self._idle.append(channel)

    def lost(self, channel: Channel) -> None:
        """A connection is gone; its place is free."""
        self._open.discard(channel)
        if self._waiting:
            self._open_for_waiting()

    def sweep(self, now: float) -> None:
        """Close what has been idle too long. The oldest are at the left."""
        idle = self._idle
        while idle and (idle[0].closed or idle[0].expires < now):
            channel = idle.popleft()
            if not channel.closed:
                channel.close()

    def retire(self) -> None:
        """No route uses this instance any more: keep nothing, let what is under way end."""
        self.closing = True
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Break off everything, and refuse whoever comes."""
        self._closed = True
        self.retire()
        for task in list(self._tasks):
            task.cancel()
        while self._waiting:
            waiter, _ = self._waiting.popitem(last=False)
            waiter.on_no_channel(SHUTTING_DOWN)
        for channel in list(self._open):
            channel.abandon()

    def _open_for_waiting(self) -> None:
        while self._opening < len(self._waiting) and len(self._open) + self._opening < self.size:
            self._opening += 1
            task = asyncio.get_running_loop().create_task(self._connect(), name=f"connect {self.address}")
            self._tasks.add(task)
            task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # by `close`, maybe before it ran at all
            self._opening -= 1

    async def _connect(self) -> None:
        failure: Failure
        try:
            async with asyncio.timeout(self.connect_s):
                channel = await self._dial()
        except TimeoutError:
            failure = CONNECT_TIMEOUT.because(f"no connection to {self.address} in {self.connect_s:g} s")
        except (ConnectionRefusedError, FileNotFoundError) as error:
            failure = REFUSED.because(f"{self.address}: {error.strerror}")
        except (ssl.SSLError, ssl.CertificateError) as error:
            failure = TLS_FAILED.because(f"{self.address}: {error}")
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that no resolver can be asked for
            failure = UNREACHABLE.because(f"{self.address}: {error}")
        else:
            if not channel.closed:
                self._opening -= 1
                self.connects += 1
                self._open.add(channel)
                # Its patience starts now, even if nobody is left in line.
                self.release(channel, monotonic() + self.idle_s)
                return
            failure = UNREACHABLE.because(f"{self.address}: closed as soon as it was open")
        self._opening -= 1
        self.failures += 1
        if self._waiting:
            waiter, _ = self._waiting.popitem(last=False)
            self._open_for_waiting()  # nobody else would, for those in line who had no place to open one
            waiter.on_no_channel(failure)

    async def _dial(self) -> Channel:
        loop = asyncio.get_running_loop()
        address = self.address
        if address.path:
            _, made = await loop.create_unix_connection(self._protocol, address.path)
        elif address.tls is not None:
            _, made = await loop.create_connection(
                self._protocol,
                address.host,
                address.port,
                ssl=address.tls,
                server_hostname=address.server_name or address.host,
            )
        else:
            transport, made = await loop.create_connection(self._protocol, address.host, address.port)
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cast(Channel, made)

    def _protocol(self) -> asyncio.Protocol:
        return cast(asyncio.Protocol, Channel(self))

    def stats(self) -> dict[str, int]:
        """Counts for metrics and `portico status`."""
        idle = sum(1 for channel in self._idle if not channel.closed)
        return {
            "open": len(self._open),
            "idle": idle,
            "waiting": len(self._waiting),
            "opening": self._opening,
            "connects": self.connects,
            "connect_failures": self.failures,
        }

    def __repr__(self) -> str:
        numbers = ", ".join(f"{count} {name}" for name, count in self.stats().items())
        return f"<Pool {self.address} {numbers}>"
