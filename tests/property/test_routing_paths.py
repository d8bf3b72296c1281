"""Whatever a client sends as a path: one normal form, and never a way around it."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from hypothesis import example, given
from hypothesis import strategies as st

from portico.routing import normalise, refusal

PIECES = st.sampled_from(
    b"/ / a .. . ; % %2e %2E %2f %5c %3b %7e %41 %25 %00 %e2 \\ # ? \x80 \x01 2e x=1".split()
)
PATHS = st.lists(PIECES, max_size=10).map(b"".join) | st.binary(max_size=12).map(lambda tail: b"/" + tail)


@given(PATHS)
def test_a_path_is_either_normal_or_refused(path: bytes) -> None:
    assert (normalise(path) is None) == (refusal(path) is not None)


@given(PATHS)
def test_normalising_twice_changes_nothing(path: bytes) -> None:
    normal = normalise(path)
    if normal is not None:
        assert normalise(normal) == normal
        assert refusal(normal) is None


@given(PATHS)
@example(b"/a/..%3b/b")
@example(b"/a/b%2f..")
def test_no_reader_finds_a_dot_segment_in_a_normal_path(path: bytes) -> None:
    normal = normalise(path)
    if normal is None:
        return
    decoded = unquote_to_bytes(normal).replace(b"\\", b"/")
    segments = [segment.partition(b";")[0] for segment in decoded.split(b"/")]
    assert b"." not in segments
    assert b".." not in segments
    assert b"//" not in normal
    assert b"\x00" not in decoded


@given(PATHS)
def test_decoding_is_never_more_than_the_unreserved(path: bytes) -> None:
    normal = normalise(path)
    if normal is not None and b"." not in unquote_to_bytes(path):
        assert unquote_to_bytes(normal) == unquote_to_bytes(path)
        assert normal.count(b"/") == path.count(b"/")
