"""Field lists: looked up, filtered, rendered."""

from portico.exchange.fields import Keep, Matcher, first, render, tokens


def test_first_of_several() -> None:
    assert first([(b"a", b"1"), (b"b", b"2"), (b"b", b"3")], b"b") == b"2"
    assert first([], b"b") is None


def test_tokens_are_lowered_and_empty_ones_left_out() -> None:
    assert tokens(b" Close,, \tX-Foo ,") == [b"close", b"x-foo"]


def test_matcher_knows_names_and_prefixes() -> None:
    matches = Matcher(["a", "x-b-*"])
    assert [matches(name) for name in (b"a", b"ab", b"x-b-", b"x-b-c", b"x-b")] == [
        True,
        False,
        True,
        True,
        False,
    ]


def test_verdicts_are_remembered_within_a_bound() -> None:
    asked: list[bytes] = []

    def decide(name: bytes) -> bool:
        asked.append(name)
        return name == b"a"

    keep = Keep(decide)
    assert keep[b"a"]
    assert keep[b"a"]
    assert not keep[b"b"]
    assert asked == [b"a", b"b"]
    for number in range(10_000):
        assert not keep[b"n%d" % number]
    assert len(keep) <= 1024


def test_render() -> None:
    assert render([(b"a", b"1"), (b"b", b"")]) == b"a: 1\r\nb: \r\n"
