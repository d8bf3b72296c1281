"""The control socket: `status`, `reload`, `restart` and `stop` for whoever owns the gateway's data folder.

JSON lines over `<gateway.data>/control.sock`, mode 0600: one request, one answer, as often as wished. A lock beside it
lets one gateway at a time use the folder; the kernel frees it however that gateway ends, so a stale socket is known
for what it is.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from portico.process.sockets import with_short_path

SOCKET = "control.sock"
LOCK = "portico.pid"

Answer = dict[str, Any]
Command = Callable[[], Awaitable[Answer]]


class ControlError(Exception):
    """The gateway cannot be asked, or its data folder cannot be had. The text is one line for a person."""


def ask(data: str, request: Mapping[str, Any], timeout_s: float = 120.0) -> Answer:
    """Put one request (`{"command": "status"}`) to the gateway whose data folder this is. Raises `ControlError`."""
    path = os.path.join(data, SOCKET)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout_s)
        try:
            with_short_path(path, client.connect)
        except (FileNotFoundError, ConnectionRefusedError):
            raise ControlError(f"no gateway runs with the data folder {data}") from None
        except OSError as error:
            raise ControlError(f"cannot reach the gateway at {path}: {error.strerror or error}") from None
        try:
            client.sendall(json.dumps(dict(request)).encode() + b"\n")
            with client.makefile("rb") as answers:
                line = answers.readline()
        except TimeoutError:
            raise ControlError(f"the gateway did not answer within {timeout_s:g} s") from None
        except OSError as error:
            raise ControlError(f"the gateway broke off: {error.strerror or error}") from None
    if not line.endswith(b"\n"):
        raise ControlError("the gateway ended before it answered")
    answer: Answer = json.loads(line)
    return answer


class DataFolder:
    """The gateway's data folder, ours alone until `close`. Raises `ControlError` when it cannot be had."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = _lock(path)

    def close(self) -> None:
        """Let the next gateway have it."""
        try:
            os.unlink(os.path.join(self.path, LOCK))
        except FileNotFoundError:
            pass
        os.close(self._lock)


def _lock(folder: str) -> int:
    try:
        os.makedirs(folder, exist_ok=True)
        while True:
            path = os.path.join(folder, LOCK)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same_file(lock, path):
                    os.ftruncate(lock, 0)
                    os.write(lock, f"{os.getpid()}\n".encode())
                    return lock
            except BlockingIOError:
                pid = os.pread(lock, 32, 0).decode().strip() or "unknown"
                os.close(lock)
                raise ControlError(
                    f"already running (pid {pid}): a gateway uses the data folder {folder}; "
                    "stop it, or write another folder as gateway.data"
                ) from None
            os.close(lock)  # its owner has just removed it
    except OSError as error:
        raise ControlError(
            f"cannot use the data folder {folder}: {(error.strerror or str(error)).lower()}; "
            "make it writable, or write another folder as gateway.data"
        ) from None


def _same_file(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


class ControlServer:
    """Answers on the control socket of a folder that is ours."""

    def __init__(self, folder: DataFolder, commands: Mapping[str, Command]) -> None:
        self._path = os.path.join(folder.path, SOCKET)
        self._commands = dict(commands)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Begin to answer. Raises `ControlError`."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)  # there must be no moment in which others could connect
        try:
            try:
                os.unlink(self._path)
            except FileNotFoundError:
                pass
            with_short_path(self._path, listening.bind)
        except OSError as error:
            listening.close()
            raise ControlError(
                f"cannot make the control socket {self._path}: {error.strerror or error}"
            ) from None
        finally:
            os.umask(before)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening)

    async def close(self) -> None:
        """Stop answering, and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for client in self._clients:
            client.close()
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # gone, or a line beyond any sense
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
            name = request["command"]
        except (ValueError, TypeError, KeyError):
            return {"ok": False, "error": 'not a request: write {"command": "status"}'}
        command = self._commands.get(name) if isinstance(name, str) else None
        if command is None:
            return {"ok": False, "error": f"unknown command {name!r}; known are {', '.join(self._commands)}"}
        return await command()
