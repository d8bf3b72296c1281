"""The fuzzers' invariants, tried on what is kept and on a few inputs near it: the rest is for `make fuzz`."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from . import seeded
from .keep import steps
from .targets import TARGETS, kept

MODULES: dict[str, ModuleType] = {
    target: importlib.import_module(f"tests.fuzz.{target}") for target in TARGETS
}
EXAMPLES = 15

PLACES = st.floats(0, 1)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["put", "cut", "repeat", "put-word", "put-word"]), PLACES, PLACES, st.binary(max_size=4)),
    min_size=1,
    max_size=4,
)  # fmt: skip


def changed(data: bytes, change: tuple[str, float, float, bytes], words: tuple[bytes, ...]) -> bytes:
    """One step away from `data`."""
    kind, at, size, new = change
    start = int(at * len(data))
    end = min(len(data), start + int(size * 12))
    if kind == "put":
        return data[:start] + new + data[end:]
    if kind == "cut":
        return data[:start] + data[end:]
    if kind == "repeat":
        return data[:end] + data[start:]
    return data[:start] + words[int(size * (len(words) - 1))] + data[start:]


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_kept(target: str) -> None:
    module = MODULES[target]
    for seed in module.SEEDS:
        module.check(seed)
    for path in kept(target):
        try:
            module.check(path.read_bytes())
        except Exception as error:
            error.add_note(f"{target}: {path.name}")
            raise


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_what_is_near(target: str, data: st.DataObject) -> None:
    module = MODULES[target]
    tried = data.draw(st.sampled_from(module.SEEDS))
    for change in data.draw(CHANGES):
        tried = changed(tried, change, module.WORDS)
    module.check(tried[: module.MAX_BYTES])


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=EXAMPLES)
@given(data=st.binary(max_size=60))
def test_anything(target: str, data: bytes) -> None:
    MODULES[target].check(data)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_says_its_invariant(target: str) -> None:
    module = MODULES[target]
    first = (module.__doc__ or "").splitlines()[0]
    assert len(first) > 60, "the first line is the invariant"
    assert all(isinstance(word, bytes) and word for word in module.WORDS)
    assert max(map(len, module.SEEDS)) <= module.MAX_BYTES


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for target in TARGETS for path in kept(target)) <= 200_000


def test_an_input_is_kept_when_it_leads_somewhere_new() -> None:
    check = MODULES["paths"].check
    plain = steps(check, b"/a/b")
    assert plain
    assert steps(check, b"/c/d") <= plain
    assert steps(check, b"/a/../b") - plain


def test_the_seeded_defects_fit_the_source() -> None:
    defects = seeded.read()
    assert seeded.misfits(seeded.ROOT, defects) == []
    assert {defect.target for defect in defects} == set(TARGETS)
    assert len({defect.name for defect in defects}) == len(defects)
