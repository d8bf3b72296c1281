"""The client of large bodies and the service that takes them, against each other: nothing wrong goes unnoticed."""

from __future__ import annotations

import http.client
import socket
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from bench.answers import check_answer
from bench.processes import free_port, running
from bench.transfer import BLOCK, Wrong, blocks, crc, down, main, tail, write_body

HOUSE = Path(__file__).resolve().parents[3]
ODD = (1 << 20) * 2 + 33  # ends in the first bytes of a block


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port, log = free_port(), tmp_path_factory.mktemp("sink") / "log"
    with running(
        [sys.executable, "-m", "bench.sink", str(port)], port=port, cores="0", log=log, folder=HOUSE
    ):
        yield port


@pytest.mark.parametrize("length", [1, 63, 64, 1 << 20, ODD])
def test_a_body_is_as_long_as_asked_and_ends_as_told(length: int, tmp_path: Path) -> None:
    body = b"".join(blocks(length))
    assert len(body) == length
    assert body.endswith(tail(length))
    assert zlib.crc32(body) == crc(length)
    write_body(tmp_path / "body", length)
    assert (tmp_path / "body").read_bytes() == body


@pytest.mark.parametrize("length", [1, 1 << 20, ODD])
def test_the_service_reads_every_byte_of_every_body(
    sink: int, length: int, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--port", str(sink), "--path", "/x", "--bytes", str(length), "--count", "3"]
    assert main(["up", *options]) == 0
    assert main(["up", *options, "--whole"]) == 0
    assert all(float(line) > 0 for line in capsys.readouterr().out.split())


def test_the_service_answers_a_get_as_the_other_one_does(sink: int) -> None:
    check_answer(sink, "any")


def connected(port: int) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30))


def answering(body: bytes, announced: int) -> int:
    """The port of a service that answers once, with this much of what it announces."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with listening, listening.accept()[0] as client:
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % announced + body)

    Thread(target=answer, daemon=True).start()
    port: int = listening.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("body", "whole", "told"),
    [
        (BLOCK[:-1] + bytes([BLOCK[-1] ^ 1]), False, "or others than were sent"),
        (BLOCK[:1000], False, "1000 of 1048576 bytes came"),
        (bytes([BLOCK[0] ^ 1]) + BLOCK[1:], True, "changed on its way"),
    ],
    ids=["other end", "short", "other begin"],
)
def test_a_wrong_download_is_noticed(body: bytes, whole: bool, told: str) -> None:
    with connected(answering(body, len(BLOCK))) as connection, pytest.raises(Wrong, match=told):
        down(connection, "/x", len(BLOCK), {}, whole)


def test_another_body_is_noticed(sink: int) -> None:
    with connected(sink) as connection, pytest.raises(Wrong, match="157 of 1048576 bytes"):
        down(connection, "/x", len(BLOCK), {}, False)
