"""How problems read, how they are ordered, and that they never show a secret."""

from __future__ import annotations

import pickle

import pytest

from portico.config import ConfigurationError, Problem, load_settings_text, load_text
from portico.config.marks import show_path
from portico.config.problems import did_you_mean, quote

SECRET = "correct-horse-battery-staple"


def test_a_problem_reads_as_one_line() -> None:
    problem = Problem(
        "psa.yaml", 41, 7, "routes[3].service", 'unknown service "tikets"', 'did you mean "tickets"?'
    )
    assert str(problem) == (
        'psa.yaml:41:7: routes[3].service: unknown service "tikets" – did you mean "tickets"?'
    )
    assert str(Problem("a", 1, 2, "", "not YAML")) == "a:1:2: not YAML"
    assert str(Problem("a", 1, 2, "b", "odd", severity="warning")) == "a:1:2: warning: b: odd"


@pytest.mark.parametrize("break_", ["\\n", "\\r", "\\x85", "\\u2028"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('version: 1\ngateway: {listen: ["a%sb"]}\nservices: {}\nroutes: []\n', "has no port"),
        ('version: 1\ninclude: ["a%sb.yaml"]\n', "cannot read"),
        ('version: 1\n"a%sb": 1\n', "unknown key"),
    ],
)
def test_a_value_of_several_lines_makes_no_problem_of_several(text: str, said: str, break_: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings_text(text % break_, {})
    assert said in str(caught.value)
    assert all(len(str(problem).splitlines()) == 1 for problem in caught.value.problems)


def test_a_problem_as_json() -> None:
    assert Problem("a", 1, 2, "b", "odd", "even").as_json() == {
        "file": "a", "line": 1, "column": 2, "path": "b", "reason": "odd", "suggestion": "even", "severity": "error",
    }  # fmt: skip


def test_an_error_sorts_and_never_repeats() -> None:
    late, early, other = (
        Problem("b", 9, 1, "", "x"),
        Problem("b", 2, 5, "", "y"),
        Problem("a", 30, 1, "", "z"),
    )
    error = ConfigurationError([late, early, late, other])
    assert error.problems == (other, early, late)
    assert str(error).count("\n") == 2
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("routes", 3, "service"), "routes[3].service"),
        (("services", "a.b", "url"), 'services."a.b".url'),
        (("services", 'a"b'), 'services."a\\"b"'),
        (("a_b", "c-d", ""), 'a_b.c-d.""'),
    ],
)
def test_paths(path: tuple[str | int, ...], text: str) -> None:
    assert show_path(path) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        (3, "3"),
        ("a\nb", '"a\\nb"'),
        ("x" * 61, '"' + "x" * 57 + '..."'),
        ({}, "a mapping"),
        ([], "a list"),
        ((), "a list"),
    ],
)
def test_quoting(value: object, text: str) -> None:
    assert quote(value) == text


def test_close_names() -> None:
    assert did_you_mean("tikets", ["tickets", "crm"]) == 'did you mean "tickets"?'
    assert did_you_mean("TICKETS", ["tickets"]) == 'did you mean "tickets"?'
    assert did_you_mean("zebra", ["tickets"]) == ""
    assert did_you_mean(3, ["tickets"]) == ""


def test_a_secret_is_shown_as_it_was_written() -> None:
    problems = load_text("version: 1\na: ${S}\nb: x\n", env={"S": SECRET}).problems
    problems.add(("a",), "{written} is odd", "write {written}", shown=quote(SECRET))
    problems.add(("b",), f"the same as {SECRET}", f"not {SECRET}")
    first, second = problems.found()
    assert (first.reason, first.suggestion) == ('"${S}" is odd', 'write "${S}"')
    assert (second.reason, second.suggestion) == ("the same as ${S}", "not ${S}")


def test_a_short_secret_is_hidden_where_it_stands_and_below() -> None:
    problems = load_text("version: 1\na: {b: '${S}'}\n", env={"S": "pin"}).problems
    problems.add(("a", "b"), "pin is odd")
    problems.add(("a",), "pin is odd, too")
    assert {problem.reason for problem in problems.found()} == {"${S} is odd", "${S} is odd, too"}


def test_our_own_words_are_left_alone() -> None:
    problems = load_text("version: 1\na: '${S}'\n", env={"S": "1"}).problems
    problems.add(("a",), "must be at least 1, not {written}", shown="1", foreign=False)
    assert problems.found()[0].reason == 'must be at least 1, not "${S}"'


def test_nothing_more_is_said_of_what_could_not_be_read() -> None:
    problems = load_text("version: 1\na: {b: '${ABSENT}'}\n").problems
    problems.add(("a", "b"), "is odd")
    assert len(problems.found()) == 1


def test_marks_do_not_show_secrets() -> None:
    marks = load_text("version: 1\na: '${S}'\n", env={"S": SECRET}).marks
    assert SECRET not in f"{marks!r} {marks.root!r} {marks.root.child('a')!r}"
