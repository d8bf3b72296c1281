"""Files, pipes, terminals and sockets: nothing blocks, and nobody else's flags change."""

from __future__ import annotations

import fcntl
import os
import pty
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from portico.observe.sink import File, Pipe, SharedPipe, Sink, Socket, is_terminal, open_sink, standard


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def fill(sink: Sink) -> int:
    taken = 0
    for _ in range(10_000):
        sent = sink.send(b"x" * 4095 + b"\n")
        if not sent:
            return taken
        taken += sent
    raise AssertionError("it is never full")


def flags(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL)


def test_a_full_pipe_takes_nothing_and_keeps_its_flags(pipe: tuple[int, int]) -> None:
    before = flags(pipe[1])
    sink = standard(pipe[1])
    assert isinstance(sink, Pipe)
    taken = fill(sink)
    assert sink.send(b"more\n") == 0
    assert len(os.read(pipe[0], taken)) == taken
    assert sink.send(b"more\n") == 5
    sink.close()
    assert flags(pipe[1]) == before


def test_a_pipe_that_cannot_be_opened_again_is_asked_first(pipe: tuple[int, int]) -> None:
    before = flags(pipe[1])
    sink = SharedPipe(pipe[1])
    fill(sink)
    assert sink.send(b"more\n") == 0
    os.read(pipe[0], 65536)
    sink.wait(5)
    assert sink.send(b"more\n") == 5
    sink.close()
    assert flags(pipe[1]) == before


def test_a_full_socket_takes_nothing_and_stays_blocking_for_others() -> None:
    near, far = socket.socketpair()
    with near, far:
        before = flags(near.fileno())
        sink = standard(near.fileno())
        assert isinstance(sink, Socket)
        fill(sink)
        assert sink.send(b"more\n") == 0
        assert flags(near.fileno()) == before
        far.recv(1 << 20)
        sink.wait(5)
        assert sink.send(b"more\n") > 0
        sink.close()


def test_a_terminal_is_a_stream() -> None:
    master, slave = pty.openpty()
    try:
        sink = standard(slave)
        assert isinstance(sink, Pipe)
        assert sink.stream
        assert sink.send(b"hello\n") == 6
        assert os.read(master, 100).startswith(b"hello")
        sink.wait(5)
        sink.close()
    finally:
        os.close(master)
        os.close(slave)


def test_a_file_is_appended_to_and_not_readable_by_all(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    for _ in range(2):
        sink = open_sink(str(path))
        assert isinstance(sink, File)
        assert not sink.stream
        sink.wait(0)
        sink.send(b"line\n")
        sink.close()
    assert path.read_bytes() == b"line\nline\n"
    assert path.stat().st_mode & 0o007 == 0


def test_a_standard_stream_that_is_a_file_is_not_closed(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        sink = standard(file.fileno())
        sink.send(b"a\n")
        sink.close()
        file.write(b"b\n")
    assert (tmp_path / "out").read_bytes() == b"a\nb\n"


def test_trouble_is_told_at_the_opening(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_sink(str(tmp_path / "missing" / "access.log"))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="No such device"):  # nobody reads it: opening must not wait
        open_sink(str(tmp_path / "fifo"))


def test_the_standard_streams_have_names(tmp_path: Path) -> None:
    for name in ("stdout", "stderr"):
        open_sink(name).close()
    assert not is_terminal(str(tmp_path / "file"))
