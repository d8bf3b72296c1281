"""Whatever the text: settings or problems, never another exception; and no problem shows a secret."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from portico.config import ConfigurationError, Loaded, check_written, load_text
from portico.config.scalars import resolve
from portico.config.substitution import substitute
from tests.unit.config.language import STAGES

KEYS = st.sampled_from(
    [
        "version", "gateway", "services", "routes", "identity", "roles", "defaults", "logs", "stages", "include",
        "development", "tickets", "url", "match", "service", "authenticate", "authorize", "jwt", "secret", "secrets",
        "algorithms", "breaker", "errors", "timeouts", "header", "listen", "workers", "limits", "body", "headers",
        "tls", "ca", "permissions", "inherits", "token", "claims", "<<", "on", "", "a b", "${X}",
    ]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        [
            "10s", "10", "50%", "5MiB", "off", "none", ":3000", "http://a", "asgi://a:b", "GET /a", "/a/**", "${X}",
            "${SECRET}", "${SECRET:-x}", "a ${SECRET}", "${file:x}", "${", "$${", "tickets", "HS256", "../x", "*", "[",
        ]
    )
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
# Text that YAML gives a meaning to.
SIGNS = st.text(st.sampled_from("abz019 \n\t:-?[]{},&*!|>'\"%@`#~<=+._$/\\é\u2028\ufeff\x00"), max_size=60)


def attempt(text: str, env: dict[str, str] | None = None) -> Loaded | str:
    try:
        return check_written(load_text(text, env=env or {}), STAGES)
    except ConfigurationError as error:
        return str(error) or "no problem at all"


@given(st.text() | SIGNS)
@example("[" * 5000)
@example("- " * 5000)
@example("? " * 5000)
@example("a: &a [*a]")
@example("\ud800")
@example("version: 1\nroutes: &a [*a]")
@example("a: " + "9" * 5000)
def test_any_text(text: str) -> None:
    attempt(text)


@given(st.dictionaries(KEYS, TREES, max_size=8))
def test_any_structure(tree: dict[str, Any]) -> None:
    # JSON is YAML, apart from what only Python's JSON writes.
    attempt(
        json.dumps({"version": 1, **tree}, ensure_ascii=False).replace("NaN", "1").replace("Infinity", "1")
    )


SECRETS = st.text(st.sampled_from("#%éx \"'{}[]:,\n\\"), min_size=4, max_size=30).map(
    lambda text: f"Q7{text}Q7"
)


@given(st.dictionaries(KEYS, TREES, max_size=8), SECRETS)
def test_no_problem_shows_a_secret(tree: dict[str, Any], secret: str) -> None:
    text = json.dumps({"version": 1, **tree}, ensure_ascii=False).replace("NaN", "1").replace("Infinity", "1")
    outcome = attempt(text, {"SECRET": secret, "X": secret})
    if isinstance(outcome, str):
        assert secret not in outcome
        assert outcome != "no problem at all"


@given(
    st.sampled_from("0123456789"), st.text(st.sampled_from("0123456789.:eExo_+-abcdefABCDEF"), max_size=12)
)
def test_what_is_no_number_stays_text(first: str, rest: str) -> None:
    text = first + rest
    try:
        value = resolve(text)
    except ValueError:
        return
    if isinstance(value, str):
        assert value == text
    else:
        assert isinstance(value, int | float)
        assert not isinstance(value, bool)
        assert ":" not in text
        assert "_" not in text


@given(st.text(max_size=40), st.text(max_size=20))
def test_values_are_put_in_once(text: str, value: str) -> None:
    """What a variable holds is never looked at for further references."""
    plain = text.replace("$", "").replace("{", "")
    done = substitute(f"{plain}${{V}}{plain}", {"V": value}, lambda path: "")
    assert done.text == plain + value + plain
    assert not done.faults


@given(st.text(max_size=40))
def test_escapes_give_back_the_text(text: str) -> None:
    done = substitute(text.replace("${", "$${"), {}, lambda path: "")
    if "$${" not in text:
        assert done.text == text
    assert not done.secret
    assert not done.faults
