"""What was pipelined is read as it was written, wherever it was cut, though bodies look like requests themselves."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from portico.exchange.request import Request
from portico.http.reader import RequestReader
from portico.http.wire import chunk, last_chunk

BOUNDS = SimpleNamespace(header_bytes=4096, header_count=20, target_bytes=1024)
BAIT = (
    b"GET /x HTTP/1.1\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"0\r\n\r\n",
    b"GET  /x HTTP/1.1\r\nHost: x\r\n\r\n",
    b" HTTP/1.1\r\n",
    b" HTTP/1.",
    b"x" * 3000,
    b"5\r\nhello",
    b"OPTIONS /x HTTP/1.0\r\n",
)


def written(chance: random.Random, number: int) -> tuple[bytes, bytes, int]:
    """One request, its body and how many trailers it has."""
    body = b"".join(chance.choices(BAIT, k=chance.randrange(6)))
    before = chance.choice((b"", b"", b"\r\n", b"\r\n\r\n"))
    head = b"%bPOST /%d HTTP/1.1\r\nHost: a.test\r\nA: GET /x HTTP/1.1\r\n" % (before, number)
    upgrade = chance.choice((b"", b"", b"Upgrade: h2c\r\nConnection: upgrade\r\n"))
    if chance.random() < 0.5:
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (head, upgrade, len(body), body), body, 0
    size = chance.choice((1, 7, 5000))
    chunks = b"".join(chunk(body[at : at + size]) for at in range(0, len(body), size))
    trailers = [(b"z-end", b"GET /x HTTP/1.1")] * chance.randrange(3)
    framing = b"%bTransfer-Encoding: chunked\r\n\r\n" % upgrade
    return head + framing + chunks + last_chunk(trailers), body, len(trailers)


def read(wire: bytes, chance: random.Random, most: int) -> list[Request]:
    reader = RequestReader(BOUNDS, b"http")
    found: list[Request] = []
    while wire:
        size = chance.randrange(1, most + 1)
        wire = reader.feed(wire[:size]) + wire[size:]
        found += reader.queue
        reader.queue.clear()
        if found and not found[-1].keep_alive:
            break  # nothing behind it is read
        assert reader.failure is None, reader.failure
    reader.close()
    return found


@pytest.mark.parametrize("most", [1, 5, 60, 4000, 100_000])
def test_requests_are_read_as_they_were_written(most: int) -> None:
    chance = random.Random(most)
    for _ in range(8):
        sent = [written(chance, number) for number in range(6)]
        found = read(b"".join(wire for wire, _, _ in sent), chance, most)
        assert [(one.target, one.refusal, one.complete) for one in found] == [
            (b"/%d" % number, None, True) for number in range(6)
        ]
        assert [(b"".join(one.parts), len(one.trailers)) for one in found] == [
            (body, count) for _, body, count in sent
        ]


@pytest.mark.parametrize("at", range(1, 60, 4))
def test_chunks_are_no_request_line_for_what_follows_in_one_piece(at: int) -> None:
    reader = RequestReader(BOUNDS, b"http")
    reader.feed(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n")
    line = b"OPTIONS /x HTTP/1.0\r\n"
    wire = b"%b\r\n0\r\n\r\nOPTIONS /x RTSP/1.0\r\nA: %b\r\n" % (line, line)
    reader.feed(wire[:at])
    reader.feed(wire[at:])
    assert [(one.target, one.refusal is None) for one in reader.queue] == [(b"/", True), (b"/x", False)]
    reader.close()


@pytest.mark.parametrize("most", [1, 5, 60, 4000, 100_000])
def test_a_line_that_is_not_to_the_letter_is_refused_wherever_it_stands(most: int) -> None:
    chance = random.Random(most)
    for _ in range(8):
        wire = b"".join(written(chance, number)[0] for number in range(3))
        bad = chance.choice((b"POST  /x HTTP/1.1\r\n", b"POST /x  HTTP/1.1\r\n", b"OPTIONS /x RTSP/1.0\r\n"))
        bait = b"Host: a.test\r\nA: %b\r\nPOST /x HTTP/1.1\r\nHost: a.test\r\n\r\n" % bad.replace(b"  ", b" ")
        found = read(wire + bad + bait, chance, most)
        assert [one.refusal is None for one in found[:4]] == [True, True, True, False]
