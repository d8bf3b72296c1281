"""Sockets without manners, for tests of what goes wrong between a client, the gateway and a service.

`RawService` hands every connection to a function, which may read, stop reading, break off or lie. `RawClient` sends
bytes and reads bytes. Both are blocking, in threads of the test's process: the gateway is another one.
"""

from __future__ import annotations

import re
import select
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.integration.supervised import PATIENCE_S, until

# A side that can send nothing for so long is held back by its peer.
HELD_S = 0.5
PIECE = bytes(1 << 16)


class Peer:
    """One end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffered = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def head(self) -> bytes:
        """Up to the end of a head, which is included; b"" when the connection ends before one."""
        return self._through(b"\r\n\r\n")

    def line(self) -> bytes:
        """Up to the end of a line."""
        return self._through(b"\n")

    def exactly(self, size: int) -> bytes:
        """So many bytes; fewer when the connection ends before."""
        while len(self.buffered) < size and self._more():
            pass
        data, self.buffered = self.buffered[:size], self.buffered[size:]
        return data

    def rest(self) -> bytes:
        """Everything until the connection ends in order. A reset raises ConnectionResetError."""
        while self._more():
            pass
        data, self.buffered = self.buffered, b""
        return data

    def skip(self, size: int) -> int:
        """Throw away up to so many bytes; how many there were before the end of the connection."""
        gone = min(size, len(self.buffered))
        self.buffered = self.buffered[gone:]
        place = bytearray(1 << 18)
        while gone < size:
            count = self.sock.recv_into(place, min(len(place), size - gone))
            if not count:
                break
            gone += count
        return gone

    def ended(self) -> bool:
        """Wait until the other end is gone, in order or by a reset. Bytes before that are thrown away."""
        try:
            self.rest()
        except ConnectionError:
            pass
        return True

    def push(self, size: int, on_held: Callable[[int], None]) -> int:
        """Send so many zeros, as fast as they are taken; `on_held` is told each time nothing can be sent for
        a while, with what was sent until then. How many were sent before the other end broke off."""
        sent = 0
        self.sock.setblocking(False)
        while sent < size:
            if not select.select([], [self.sock], [], HELD_S)[1]:
                on_held(sent)
                continue
            try:
                sent += self.sock.send(PIECE[: size - sent])
            except BlockingIOError:
                continue
            except ConnectionError:
                break
        self.sock.settimeout(PATIENCE_S)
        return sent

    def reset(self) -> None:
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()

    def _through(self, mark: bytes) -> bytes:
        while mark not in self.buffered:
            if not self._more():
                return b""
        found, _, self.buffered = self.buffered.partition(mark)
        return found + mark

    def _more(self) -> bool:
        data = self.sock.recv(1 << 16)
        self.buffered += data
        return bool(data)


class RawClient(Peer):
    """A connection to the gateway at `http://host:port`."""

    def __init__(self, address: str, *, receive_buffer: int = 0) -> None:
        host, _, port = address.removeprefix("http://").rpartition(":")
        sock = socket.socket()
        sock.settimeout(PATIENCE_S)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            sock.connect((host, int(port)))
        except OSError:
            sock.close()
            raise
        super().__init__(sock)

    def request(self, target: str, method: str = "GET", *fields: str, version: str = "1.1") -> None:
        """Send a head."""
        lines = [f"{method} {target} HTTP/{version}", "host: gateway", *fields, "", ""]
        self.send("\r\n".join(lines).encode())

    def reply(self) -> tuple[int, dict[str, str], bytes]:
        """A whole reply of known length: its status, its fields, its body."""
        head = self.head().decode("latin-1")
        assert head, "the connection ended without a reply"
        first, *lines = head.strip().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines)
        return int(first.split()[1]), fields, self.exactly(int(fields.get("content-length", 0)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RawService:
    """A service on a free port that hands every connection to `serve`, each in a thread of its own.

    An `OSError` or `AssertionError` in `serve` ends its connection only; the test sees what the gateway makes of it.
    """

    def __init__(self, serve: Callable[[Peer], None], *, backlog: int = 128, port: int = 0) -> None:
        self._serve = serve
        self._listening = socket.create_server(("127.0.0.1", port), backlog=backlog)
        self.port: int = self._listening.getsockname()[1]
        self._peers: set[Peer] = set()
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._accept, name="raw service", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """Connections that are served now."""
        return len(self._peers)

    def _accept(self) -> None:
        while not self._closed:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            sock.settimeout(PATIENCE_S)
            peer = Peer(sock)
            with self._lock:
                self._peers.add(peer)
            threading.Thread(target=self._run, args=[peer], daemon=True).start()

    def _run(self, peer: Peer) -> None:
        try:
            self._serve(peer)
        except OSError:
            pass  # the gateway broke off
        finally:
            peer.close()
            with self._lock:
                self._peers.discard(peer)

    def close(self) -> None:
        """Refuse connections from now on, and break off those that are open."""
        self._closed = True
        try:
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        except OSError:
            pass
        self._listening.close()
        with self._lock:
            for peer in self._peers:
                try:
                    peer.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        until(lambda: not self._peers, "the service's connections to end")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def path_of(head: bytes) -> str:
    """The path in a request's head, without the query."""
    return head.split()[1].decode().partition("?")[0]


def length_of(head: bytes) -> int:
    """The Content-Length in a head, 0 without one."""
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return int(found[1]) if found else 0


def answer(body: bytes, status: str = "200 OK") -> bytes:
    """A whole reply."""
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


def echo(peer: Peer) -> None:
    """A good service: answers each request with its method and path, and with the body that it got."""
    while head := peer.head():
        body = peer.exactly(length_of(head))
        peer.send(answer(b"%b %b" % (head.split()[0], path_of(head).encode()) + (body and b" " + body)))
