"""The data folder's lock and the control socket, for real."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portico.process.control import ControlError, ControlServer, DataFolder, ask


async def _dance() -> dict[str, Any]:
    return {"ok": True, "steps": 3}


def test_a_folder_is_made_and_is_one_gateways_at_a_time(tmp_path: Path) -> None:
    path = str(tmp_path / "deep" / "var")
    folder = DataFolder(path)
    with pytest.raises(ControlError, match=rf"^already running \(pid {os.getpid()}\): a gateway uses"):
        DataFolder(path)
    folder.close()
    DataFolder(path).close()


def test_a_folder_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ControlError, match="cannot use the data folder .*/file/var: not a directory; make it"
    ) as said:
        DataFolder(str(tmp_path / "file" / "var"))
    assert "\n" not in str(said.value)


def test_asking_where_nobody_is(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="^no gateway runs with the data folder"):
        ask(str(tmp_path), {"command": "status"})


def test_asking_somebody_who_does_not_answer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "control.sock"))
        silent.listen()
        with pytest.raises(ControlError, match=r"did not answer within 0\.05 s"):
            ask(str(tmp_path), {"command": "status"}, 0.05)


@contextlib.asynccontextmanager
async def _serving(path: Path) -> AsyncIterator[None]:
    folder = DataFolder(str(path))
    server = ControlServer(folder, {"dance": _dance})
    await server.start()
    try:
        yield
    finally:
        await server.close()
        folder.close()


async def test_requests_and_answers_are_lines_as_many_as_wished(tmp_path: Path) -> None:
    async with _serving(tmp_path):
        assert await asyncio.to_thread(ask, str(tmp_path), {"command": "dance"}) == {"ok": True, "steps": 3}
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control.sock"))
        writer.write(b'{"command": "dance"}\nnonsense\n{"command": ["dance"]}\n[]\n')
        async with asyncio.timeout(10):
            lines = [await reader.readline() for _ in range(4)]
        writer.close()
        await writer.wait_closed()
    assert [b'"ok": true' in line for line in lines] == [True, False, False, False]
    assert b"known are dance" in lines[2]
    assert list(tmp_path.iterdir()) == []


async def test_only_the_owner_may_ask(tmp_path: Path) -> None:
    async with _serving(tmp_path):
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600


async def test_a_line_beyond_any_sense_ends_the_conversation(tmp_path: Path) -> None:
    async with _serving(tmp_path):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control.sock"))
        writer.write(b"x" * 1_000_000)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
