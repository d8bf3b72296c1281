"""HTTP/1.1 as bytes."""

import pytest

from portico.http.wire import LAST_CHUNK, STATUS_LINES, chunk, last_chunk


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"HTTP/1.1 200 OK\r\n"),
        (103, b"HTTP/1.1 103 Early Hints\r\n"),
        (413, b"HTTP/1.1 413 Content Too Large\r\n"),
        (422, b"HTTP/1.1 422 Unprocessable Content\r\n"),
        (299, b"HTTP/1.1 299 \r\n"),
        (599, b"HTTP/1.1 599 \r\n"),
    ],
)
def test_status_line(status: int, line: bytes) -> None:
    assert STATUS_LINES[status] == line


def test_chunk_size_is_hexadecimal() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


def test_last_chunk_without_trailers() -> None:
    assert last_chunk([]) == LAST_CHUNK == b"0\r\n\r\n"


@pytest.mark.parametrize(
    "name",
    [
        b"content-length",
        b"transfer-encoding",
        b"host",
        b"trailer",
        b"te",
        b"set-cookie",
        b"authorization",
        b"if-match",
    ]
    + [
        b"if-none-match",
        b"x-user-id",
        b"x_tenant_id",
        b"x-internal-a",
        b"forwarded",
        b"content-encoding",
        b"connection",
    ],
)
def test_trailers_that_must_not_pass(name: bytes) -> None:
    assert last_chunk([(name, b"x"), (b"x-sum", b"1")]) == b"0\r\nx-sum: 1\r\n\r\n"


def test_trailers_keep_their_order() -> None:
    assert last_chunk([(b"b", b"1"), (b"a", b"2"), (b"b", b"3")]) == b"0\r\nb: 1\r\na: 2\r\nb: 3\r\n\r\n"
