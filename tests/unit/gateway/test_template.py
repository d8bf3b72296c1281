"""What a template may hold is settled when it is compiled, not when a client gets it."""

import pytest

from portico.gateway.template import TemplateError, compile_template


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
def test_a_number_that_json_of_64_bits_cannot_hold_is_refused(number: int) -> None:
    with pytest.raises(TemplateError, match="digits: write it as text"):
        compile_template({"a": [number]}, ())


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), True, None, 1.5])
def test_other_plain_values_stay_what_they_are(value: object) -> None:
    assert compile_template(value, ())({}) is value
