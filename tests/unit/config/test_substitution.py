"""References in scalars: what they become, and what is said of those that cannot be replaced."""

from __future__ import annotations

import pickle

import pytest

from portico.config.substitution import Variable, substitute, typed

ENV = {"NAME": "portico", "EMPTY": "", "PORT": "3000", "TRICK": "${NAME}"}


def read(path: str) -> str:
    if path == "key.pem":
        return "the key"
    if path == "binary":
        raise ValueError("it is not UTF-8")
    raise FileNotFoundError(2, "No such file or directory")


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("plain", "plain"),
        ("$NAME and $5", "$NAME and $5"),
        ("${NAME}", "portico"),
        ("a ${NAME} b ${PORT}", "a portico b 3000"),
        ("${NAME}${NAME}", "porticoportico"),
        ("${ABSENT:-fallback}", "fallback"),
        ("${EMPTY:-fallback}", "fallback"),
        ("${NAME:-fallback}", "portico"),
        ("${ABSENT:-}", ""),
        ("${ABSENT:-a:-b}", "a:-b"),
        ("${ABSENT:-${NAME}}", "portico"),
        ("${ABSENT:-${ALSO:-fallback}}", "fallback"),
        ("${ABSENT:-<${ALSO:-a}${NAME}>} b", "<aportico> b"),
        ("${NAME:-${ABSENT}}", "portico"),
        ("${ABSENT:-${file:key.pem}}", "the key"),
        ("${EMPTY}", ""),
        ("${file:key.pem}", "the key"),
        ("${file: key.pem }", "the key"),
        ("$${NAME}", "${NAME}"),
        ("$${", "${"),
        ("$$${NAME}", "$${NAME}"),
        ("${TRICK}", "${NAME}"),
        ("a } b", "a } b"),
    ],
)
def test_becomes(text: str, becomes: str) -> None:
    done = substitute(text, ENV, read)
    assert done.text == becomes
    assert not done.faults


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${ABSENT}", "the environment variable ABSENT is not set"),
        ("${}", '"${}" names no variable'),
        ("${1A}", '"${1A}" names no variable'),
        ("${a b}", '"${a b}" names no variable'),
        ("${a\nb}", r'"${a\nb}" names no variable'),
        ("${NAME", '"${" is not closed by "}"'),
        ("${A:-${B}}", "the environment variable B is not set"),
        ("${A:-${B:-${C}}}", '"${A:-${B:-${C}}" has a reference where none can be'),
        ("${A${B}}", '"${A${B}}" has a reference where none can be'),
        ("${1A:-${NAME}}", '"${1A:-${NAME}}" names no variable'),
        ("${A:-${NAME}", '"${" is not closed by "}"'),
        ("${file:absent}", 'cannot read the file "absent": no such file or directory'),
        ("${file:binary}", 'cannot use the file "binary": it is not UTF-8'),
    ],
)
def test_faults(text: str, reason: str) -> None:
    assert [fault.reason for fault in substitute(text, ENV, read).faults] == [reason]


def test_every_fault_of_a_scalar_is_reported() -> None:
    assert len(substitute("${A} ${B} ${NAME}", ENV, read).faults) == 2


def test_a_misspelt_variable_is_recognised() -> None:
    assert substitute("${PROT}", ENV, read).faults[0].suggestion == 'did you mean "PORT"?'
    assert substitute("${XYZZY}", ENV, read).faults[0].suggestion == (
        "set it, or give a default: ${XYZZY:-default}"
    )


@pytest.mark.parametrize(
    ("text", "alone", "secret"),
    [
        ("${PORT}", True, True),
        ("${ABSENT:-3}", True, True),
        (" ${PORT}", False, True),
        ("${file:key.pem}", False, True),
        ("$${PORT}", False, False),
        ("3000", False, False),
    ],
)
def test_what_is_known_of_the_text(text: str, alone: bool, secret: bool) -> None:
    done = substitute(text, ENV, read)
    assert (done.alone, done.secret) == (alone, secret)


def test_a_variable_is_text_that_may_mean_a_number() -> None:
    port = Variable.of("3000", plain=True)
    assert port == "3000"
    assert typed(port) == 3000
    assert typed(Variable("true")) is True
    assert typed(Variable("")) == ""
    assert typed(Variable("1e999")) == "1e999"
    assert typed("3000") == "3000"
    assert typed(3000) == 3000
    again = pickle.loads(pickle.dumps(port))
    assert (again, again.plain, type(again)) == ("3000", True, Variable)
