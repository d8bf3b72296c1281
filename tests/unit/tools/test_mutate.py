"""The mutation tool on a toy package: what it calls caught, and what it refuses to call so."""

from pathlib import Path

import pytest

from tools import mutate

SOURCE = """\
def admits(count: int, limit: int) -> bool:
    return count < limit


def describe(limit: int) -> str:
    while limit > 10:
        limit -= 1
    return f"at most {limit}"
"""

TESTS = """\
from toy.limit import admits, describe


def test_admits_up_to_the_limit():
    assert admits(1, 2)
    assert not admits(2, 2)


def test_describes():
    assert describe(12)
"""

MUTATION = """\
[[mutation]]
name = "{name}"
file = "toy/limit.py"
old = "{old}"
new = "{new}"
why = "because"
tests = ["{test}"]
"""

LIMIT_TEST = "tests/test_limit.py::test_admits_up_to_the_limit"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project of one module and one file of tests, without any mutation yet."""
    root = tmp_path / "project"
    for folder in ("toy", "tests/mutations", ".venv", "var"):
        (root / folder).mkdir(parents=True)
    (root / "toy" / "limit.py").write_text(SOURCE)
    (root / "tests" / "test_limit.py").write_text(TESTS)
    return root


def commit(root: Path, name: str, old: str, new: str, test: str = LIMIT_TEST) -> None:
    text = MUTATION.format(name=name, old=old, new=new, test=test)
    (root / "tests" / "mutations" / f"{name}.toml").write_text(text)


def only(root: Path) -> mutate.Mutation:
    (mutation,) = mutate.read(root / "tests" / "mutations")
    return mutation


def test_a_caught_mutation_passes_and_leaves_the_tree_alone(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(tree, "admits-one-more", "count < limit", "count <= limit")
    assert mutate.main(["--root", str(tree), "--jobs", "1"]) == 0
    assert "mutations: 1 passed, 0 failed" in capsys.readouterr().out
    assert (tree / "toy" / "limit.py").read_text() == SOURCE


def test_a_survivor_fails_the_run_and_is_shown_with_its_reason(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(tree, "says-less", "at most {limit}", "some", test="tests/test_limit.py::test_describes")
    commit(tree, "admits-one-more", "count < limit", "count <= limit")
    assert mutate.main(["--root", str(tree)]) == 1
    said = capsys.readouterr().out
    assert "SURVIVED says-less: because" in said
    assert "+ some" in said
    assert "mutations: 1 passed, 1 failed" in said


def test_tests_that_cannot_be_collected_catch_nothing(tree: Path) -> None:
    commit(tree, "renames", "def admits", "def allows")
    trial = mutate.attempt(tree, only(tree), limit_s=60.0)
    assert trial.outcome is mutate.Outcome.BROKEN
    assert "cannot import name 'admits'" in trial.said


def test_tests_that_never_end_catch_nothing(tree: Path) -> None:
    commit(tree, "counts-up", "limit -= 1", "limit += 1", test="tests/test_limit.py")
    assert mutate.attempt(tree, only(tree), limit_s=2.0).outcome is mutate.Outcome.HUNG


def test_tests_that_fail_on_sound_code_are_refused(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "tests" / "test_limit.py").write_text("def test_wrong():\n    assert False\n")
    commit(tree, "admits-one-more", "count < limit", "count <= limit", test="tests/test_limit.py")
    assert mutate.main(["--root", str(tree)]) == 2
    assert "the tests fail without any mutation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "test", "complaint"),
    [
        ("count > limit", "count", LIMIT_TEST, "the old text is 0 times in toy/limit.py, not once"),
        ("limit", "count", LIMIT_TEST, "times in toy/limit.py, not once"),
        ("count < limit", "count < limit", LIMIT_TEST, "the new text is the old one"),
        ("count < limit", "count <", LIMIT_TEST, "is no Python"),
        ("count < limit", "count", "tests/test_gone.py", "there is no test tests/test_gone.py"),
        ("count < limit", "count", "tests/test_limit.py::test_admits", "there is no test"),
    ],
)
def test_what_does_not_fit_the_source_is_told_without_running(
    tree: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, test: str, complaint: str
) -> None:
    commit(tree, "odd", old, new, test)
    assert mutate.main(["--root", str(tree), "--check"]) == 2
    assert complaint in capsys.readouterr().err


def test_every_fault_of_the_list_is_told_at_once(tree: Path) -> None:
    folder = tree / "tests" / "mutations"
    text = MUTATION.format(name="twice", old="a", new="b", test=LIMIT_TEST)
    (folder / "a.toml").write_text(text * 2 + '[[mutation]]\nname = "bare"\nhow = "so"\n')
    with pytest.raises(mutate.UnusableError) as caught:
        mutate.read(folder)
    told = str(caught.value)
    assert "'twice' is there 2 times" in told
    assert "a.toml: mutation 3 (bare): why: Field required" in told
    assert "how: Extra inputs are not permitted" in told
