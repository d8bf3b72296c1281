"""Unquoted scalars mean what YAML 1.2 says, not what YAML 1.1 said."""

from __future__ import annotations

import pytest

from portico.config.scalars import resolve


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_nothing(text: str) -> None:
    assert resolve(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("0", 0),
        ("010", 10),
        ("-12", -12),
        ("+3", 3),
        ("0o17", 15),
        ("0xFf", 255),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1e3", -1000.0),
        ("1E-2", 0.01),
    ],
)
def test_truth_values_and_numbers(text: str, value: object) -> None:
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "on", "off", "yes", "no", "y", "n", "On", "NO", "tRue", "nUll",
        "22:22", "1:30:00", "190:20:30.15", "1_000", "0b101", "017o", "0x", "0o", "0o8", "-0x1",
        "2001-01-01", "1e", "e1", ".", "-", "+", "1.2.3", "10s", "50%", "10.0.0.0/8", "٣", "=", "<<",
    ],
)  # fmt: skip
def test_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "-1e999", "9" * 401, "0x" + "f" * 5000])
def test_numbers_that_nobody_means(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        resolve(text)
