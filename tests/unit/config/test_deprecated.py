"""Renamed keys: read with a warning while the old name lives, refused when both are there."""

from __future__ import annotations

import pytest

from portico.config import ConfigurationError, Loaded, check_written, load_text
from portico.config.deprecated import RENAMED, Renamed
from portico.config.schema import build_schema, leaf_keys
from tests.unit.config.language import STAGES

TABLE = (
    Renamed("gateway.timeouts.headers", "header", until="2.0"),
    Renamed("services.*.wait", "timeout", until="1.5"),
    Renamed("routes[].auth", "authenticate", until="2.0"),
    Renamed("endpoints", "services", until="2.0"),
)

OLD = """\
version: 1
gateway: {timeouts: {headers: 3s}}
services:
  a: {url: "http://a", wait: 7s}
  b: {url: "http://b", timeout: 8s}
routes:
  - {match: /a, service: a, auth: none}
"""


def load_old(text: str) -> Loaded:
    return check_written(load_text(text), STAGES, renamed=TABLE)


def test_old_names_are_read_with_a_warning() -> None:
    loaded = load_old(OLD)
    assert loaded.settings.gateway.timeouts.header == 3.0
    assert loaded.settings.services["a"].timeout == 7.0
    assert loaded.settings.services["b"].timeout == 8.0
    assert loaded.settings.routes[0].stages == {"authenticate": ()}
    assert [str(warning) for warning in loaded.warnings] == [
        "portico.yaml:2:22: warning: gateway.timeouts.headers: is called header now"
        " – rename it; Portico 2.0 will not read the old name",
        "portico.yaml:4:24: warning: services.a.wait: is called timeout now"
        " – rename it; Portico 1.5 will not read the old name",
        "portico.yaml:7:29: warning: routes[0].auth: is called authenticate now"
        " – rename it; Portico 2.0 will not read the old name",
    ]


def test_a_problem_with_the_value_is_told_at_its_place() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_old(OLD.replace("7s", "7"))
    assert "portico.yaml:4:30: services.a.timeout: 7 has no unit" in str(refused.value)


def test_both_names_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match="gateway.timeouts.headers: is the old name of header, which is here too"
    ):
        load_old(OLD.replace("headers: 3s", "headers: 3s, header: 4s"))


def test_a_whole_section_can_be_renamed() -> None:
    assert load_old(OLD.replace("services:", "endpoints:")).settings.services["a"].timeout == 7.0


def test_odd_shapes_are_left_to_validation() -> None:
    with pytest.raises(ConfigurationError, match="routes: must be a list"):
        load_old("version: 1\nroutes: {auth: none}\nservices: [wait]\ngateway: 3\n")


def test_the_table_of_this_version_leads_to_keys_that_exist() -> None:
    leaves = leaf_keys(build_schema({}))
    for entry in RENAMED:
        present = ".".join([*entry.old.split(".")[:-1], entry.new])
        assert any(leaf == present or leaf.startswith((f"{present}.", f"{present}[")) for leaf in leaves)
