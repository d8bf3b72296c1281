"""Batches, bounds, drops: what happens to lines on their way out."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from portico.observe.sink import standard
from portico.observe.writer import BATCH_BYTES, LogWriter, LogWriters


class Scripted:
    """A sink that takes so many bytes per call, or raises."""

    def __init__(self, *answers: int | OSError, stream: bool = False) -> None:
        self.stream = stream
        self.answers = list(answers)
        self.calls: list[bytes] = []
        self.got = b""
        self.closed = False

    def send(self, data: bytes) -> int:
        self.calls.append(data)
        answer = self.answers.pop(0) if self.answers else len(data)
        if isinstance(answer, OSError):
            raise answer
        self.got += data[:answer]
        return min(answer, len(data))

    def wait(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_batch_to_a_file_is_one_write() -> None:
    sink = Scripted()
    writer = LogWriter("x", sink=sink)
    for number in range(100):
        writer.write(b"line %d\n" % number)
    assert sink.calls == []
    writer.flush()
    writer.flush()
    assert len(sink.calls) == 1
    assert sink.got.count(b"\n") == 100


def test_a_large_batch_is_not_kept_waiting() -> None:
    sink = Scripted()
    writer = LogWriter("x", sink=sink)
    while not sink.calls:
        writer.write(b"x" * 999 + b"\n")
    assert len(sink.got) >= BATCH_BYTES
    assert len(sink.got) < BATCH_BYTES + 1000


async def test_with_a_loop_a_large_batch_goes_out_in_the_next_turn() -> None:
    sink = Scripted()
    writer = LogWriter("x", loop=asyncio.get_running_loop(), sink=sink)
    for _ in range(100):
        writer.write(b"x" * 999 + b"\n")
    assert sink.calls == []
    await asyncio.sleep(0)
    assert len(sink.calls) == 1
    assert len(sink.got) == 100_000


async def test_a_full_destination_is_looked_at_again(pipe: tuple[int, int]) -> None:
    loop = asyncio.get_running_loop()
    writer = LogWriter("x", loop=loop, sink=standard(pipe[1]))
    for number in range(1000):
        writer.write(b"%03d" % number + b"x" * 196 + b"\n")
    writer.flush()
    got = b""
    while len(got) < 200_000:
        got += await asyncio.wait_for(loop.run_in_executor(None, os.read, pipe[0], 65536), 10)
    assert [line[:3] for line in got.split()] == [b"%03d" % number for number in range(1000)]
    assert writer.dropped.value == 0
    writer.close()


def test_pieces_to_a_stream_are_whole_lines() -> None:
    sink = Scripted(stream=True)
    writer = LogWriter("x", sink=sink)
    for number in range(300):
        writer.write(b"%03d" % number + b"x" * 96 + b"\n")
    writer.flush()
    assert len(sink.calls) == 8
    assert all(len(call) <= 4096 and call.endswith(b"\n") for call in sink.calls)
    assert sink.got.count(b"\n") == 300


def test_a_line_too_long_for_one_piece_is_cut() -> None:
    sink = Scripted(stream=True)
    writer = LogWriter("x", sink=sink)
    writer.write(json.dumps({"url": "/" * 9000}).encode() + b"\n")
    writer.write(b'{"url":"/"}\n')
    writer.flush()
    assert len(sink.calls) == 2
    assert [json.loads(line)["url"][:1] for line in sink.got.splitlines()] == ["/", "/"]
    assert len(sink.calls[0]) <= 4096


def test_a_full_stream_keeps_a_bounded_queue_and_counts_what_is_lost(pipe: tuple[int, int]) -> None:
    writer = LogWriter("x", queue_bytes=100_000, sink=standard(pipe[1]))
    for number in range(5000):
        writer.write(b"%04d" % number + b"x" * 95 + b"\n")
        if number % 100 == 0:
            writer.flush()
    capacity = 65536
    kept = 5000 - writer.dropped.value
    assert 100_000 - 100 <= kept * 100 <= 100_000 + capacity
    got = b""
    while len(got) < kept * 100:
        got += os.read(pipe[0], 65536)
        writer.flush()
    # What came first is there, in order and whole.
    assert [line[:4] for line in got.split()] == [b"%04d" % number for number in range(int(kept))]
    writer.close()


def test_what_is_taken_in_part_is_completed_first() -> None:
    for stream in (False, True):
        sink = Scripted(3, 0, stream=stream)
        writer = LogWriter("x", sink=sink)
        writer.write(b"first\n")
        writer.flush()
        writer.write(b"second\n")
        writer.flush()
        writer.flush()
        assert sink.got == b"first\nsecond\n"
        assert writer.dropped.value == 0


def test_a_broken_destination_loses_lines_and_says_why() -> None:
    sink = Scripted(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    writer = LogWriter("x", sink=sink)
    writer.write(b"a\n")
    writer.write(b"b\n")
    writer.flush()
    assert writer.dropped.value == 2
    assert writer.trouble == "No space left on device"
    writer.write(b"c\n")
    writer.flush()
    assert sink.got == b"c\n"


def test_a_line_that_broke_off_does_not_swallow_the_next() -> None:
    sink = Scripted(3, OSError(errno.ENOSPC, "full"), OSError(errno.ENOSPC, "full"))
    writer = LogWriter("x", sink=sink)
    writer.write(b"first\n")
    for _ in range(3):
        writer.flush()
    writer.write(b"second\n")
    writer.flush()
    assert sink.got == b"fir\nsecond\n"
    assert writer.dropped.value == 1


def test_a_pipe_without_a_reader_is_no_end_of_the_world() -> None:
    reader, end = os.pipe()
    writer = LogWriter("x", sink=standard(end))
    os.close(reader)
    writer.write(b"a\n")
    writer.flush()
    assert writer.dropped.value == 1
    os.close(end)


def test_a_file_that_was_moved_away_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    writer = LogWriter(str(path))
    writer.open()
    writer.write(b"old\n")
    path.rename(tmp_path / "access.log.1")
    writer.reopen()
    writer.write(b"new\n")
    writer.close()
    assert (tmp_path / "access.log.1").read_bytes() == b"old\n"
    assert path.read_bytes() == b"new\n"


def test_when_it_cannot_be_opened_anew_the_old_file_stays(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    writer = LogWriter(str(folder / "access.log"))
    writer.open()
    folder.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError):
        writer.reopen()
    writer.write(b"still\n")
    writer.close()
    assert (tmp_path / "moved" / "access.log").read_bytes() == b"still\n"


def test_lines_for_a_file_that_cannot_be_opened_are_counted(tmp_path: Path) -> None:
    writer = LogWriter(str(tmp_path / "missing" / "access.log"))
    writer.write(b"a\n")
    writer.flush()
    assert writer.dropped.value == 1
    assert writer.trouble == "No such file or directory"
    writer.close()


def test_closing_waits_for_a_slow_reader_but_not_for_ever(pipe: tuple[int, int]) -> None:
    writer = LogWriter("x", sink=standard(pipe[1]))
    for _ in range(1000):
        writer.write(b"x" * 199 + b"\n")
    writer.close(patience_s=0.01)
    assert writer.dropped.value > 0


def test_closing_writes_the_rest() -> None:
    sink = Scripted(3)
    writer = LogWriter("x", sink=sink)
    writer.write(b"first\n")
    writer.close()
    assert sink.got == b"first\n"
    assert sink.closed


def test_writers_are_one_per_destination(tmp_path: Path) -> None:
    writers = LogWriters()
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    assert writers.to(one) is writers.to(one)
    writers.to(one).write(b"1\n")
    writers.to(two).write(b"2\n")
    writers.open()
    writers.flush()
    os.rename(one, one + ".1")
    writers.reopen()
    writers.to(one).write(b"3\n")
    writers.close()
    assert [Path(name).read_bytes() for name in (one, one + ".1", two)] == [b"3\n", b"1\n", b"2\n"]


def test_one_file_that_cannot_be_reopened_does_not_keep_the_others(tmp_path: Path) -> None:
    writers = LogWriters()
    folder = tmp_path / "logs"
    folder.mkdir()
    other = tmp_path / "other"
    writers.to(str(folder / "access.log"))
    writers.to(str(other))
    writers.open()
    folder.rename(tmp_path / "moved")
    other.rename(tmp_path / "other.1")
    with pytest.raises(FileNotFoundError):
        writers.reopen()
    writers.close()
    assert other.exists()
