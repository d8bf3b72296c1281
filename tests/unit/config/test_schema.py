"""The JSON Schema: what editors are told agrees with what the loader takes, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from pydantic import BaseModel

from portico.config import load_text
from portico.config.extensions import adapters
from portico.config.schema import build_schema, keys_at, leaf_keys
from tests.unit.config.language import STAGES
from tests.unit.config.test_loaded import ENV, WHOLE

SCHEMA = build_schema(adapters(STAGES))
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
CASES = Path(__file__).parents[2] / "golden" / "config" / "cases"


def test_it_is_a_schema() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_a_right_file_is_right_for_editors_too() -> None:
    loaded = json.dumps(
        load_text(WHOLE.replace("${PORT}", "3000").replace("${WORKERS:-2}", "2"), env=ENV).tree
    )
    assert VALIDATOR.is_valid(json.loads(loaded))
    # As an editor sees it: with the references still in it.
    as_written = load_text(WHOLE.replace("${", "$${")).tree
    assert not list(VALIDATOR.iter_errors(as_written))


@pytest.mark.parametrize("name", ["unknown-keys", "values", "matches", "gateway", "errors"])
def test_an_editor_sees_the_same_mistakes(name: str) -> None:
    tree = load_text((CASES / f"{name}.yaml").read_text().replace("${", "$${")).tree
    said = (CASES / f"{name}.problems").read_text().splitlines()
    found = {"/".join(map(str, error.instance_path)) for error in VALIDATOR.iter_errors(tree)}
    assert len(found) >= len(said) // 2
    assert not VALIDATOR.is_valid(tree)


def described(schema: Any, path: str = "") -> Iterator[str]:
    """Keys without a description."""
    if isinstance(schema, dict):
        for key, below in schema.get("properties", {}).items():
            target = below.get("$ref", "")
            if not below.get("description") and not SCHEMA["$defs"].get(target[8:], {}).get("description"):
                yield f"{path}.{key}"
            yield from described(below, f"{path}.{key}")


def test_every_key_is_described_in_one_line() -> None:
    missing = [key for name, part in {**SCHEMA["$defs"], "": SCHEMA}.items() for key in described(part, name)]
    assert [key for key in missing if not key.endswith((".authenticate", ".security_headers"))] == []


def test_defaults_are_as_people_write_them() -> None:
    gateway = SCHEMA["$defs"]["GatewaySettings"]["properties"]
    assert gateway["listen"]["default"] == [":3000"]
    assert gateway["drain_timeout"]["default"] == "5m"
    assert gateway["stall"]["default"] == "250ms"
    assert gateway["errors"]["default"] == "problem"
    assert SCHEMA["$defs"]["GatewayLimits"]["properties"]["body"]["default"] == "10MiB"
    assert SCHEMA["$defs"]["BreakerSettings"]["properties"]["errors"]["default"] == "50%"


def defaults(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "default" in schema and "description" in schema:
            yield schema
        for below in schema.values():
            yield from defaults(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from defaults(below)


def test_every_default_fits_its_own_schema() -> None:
    found = list(defaults(SCHEMA))
    assert len(found) > 40
    for schema in found:
        assert jsonschema_rs.is_valid({"$defs": SCHEMA["$defs"], **schema}, schema["default"]), schema


@pytest.mark.parametrize(
    ("path", "some"),
    [
        ((), {"gateway", "routes", "version"}),
        (("gateway", "timeouts"), {"header", "body", "keep_alive"}),
        (("services", "anything", "breaker"), {"errors", "volume"}),
        (("routes", 17), {"match", "service", "authorize", "timeout"}),
        (("routes", 17, "match"), {"path", "methods"}),
        (("routes", 0, "security_headers"), {"nosniff"}),
        (("defaults",), {"authorize", "timeout"}),
    ],
)
def test_keys_at_a_path(path: tuple[str | int, ...], some: set[str]) -> None:
    assert some <= keys_at(SCHEMA, path)


def test_no_keys_where_there_are_none() -> None:
    assert keys_at(SCHEMA, ("gateway", "workers")) == frozenset()
    assert keys_at(SCHEMA, ("nowhere", 3, "at", "all")) == frozenset()
    assert "stages" not in keys_at(SCHEMA, ("routes", 0))
    assert "match" not in keys_at(SCHEMA, ("defaults",))


def test_leaves() -> None:
    leaves = leaf_keys(SCHEMA)
    assert len(leaves) == len(set(leaves))
    assert {
        "version",
        "include",
        "stages",
        "gateway.listen",
        "gateway.errors",
        "gateway.errors.body",
        "gateway.errors.texts.*",
        "gateway.timeouts.header",
        "gateway.stall",
        "logs.access",
        "identity.*.jwt.secrets",
        "identity.*.jwt.claims.subject",
        "roles.*.permissions",
        "services.*.instances",
        "services.*.env.*",
        "services.*.breaker",
        "services.*.breaker.statuses",
        "services.*.tls.verify",
        "routes[].match",
        "routes[].match.path",
        "routes[].match.headers.*",
        "routes[].authorize.roles",
        "routes[].security_headers",
        "routes[].security_headers.max_age",
        "defaults.authenticate",
        "defaults.security_headers.nosniff",
        "development.token.claims.*",
    } <= set(leaves)
    for group in (
        "gateway",
        "gateway.limits",
        "services.*",
        "routes[]",
        "identity.*.jwt",
        "routes[].headers",
    ):
        assert group not in leaves


class Tree(BaseModel):
    """A type that contains itself."""

    name: str
    below: list[Tree] = []
    beside: Tree | None = None


def test_a_type_that_contains_itself_has_an_end() -> None:
    schema = build_schema(adapters({"tree": Tree}))
    assert [leaf for leaf in leaf_keys(schema) if leaf.startswith("routes[].tree")] == [
        "routes[].tree.name",
        "routes[].tree.beside",
    ]
    assert keys_at(schema, ("routes", 0, "tree", "below", 3, "beside")) == {"name", "below", "beside"}


def test_the_goldens_are_files_that_yaml_libraries_read_too() -> None:
    assert yaml.safe_load((CASES / "good.yaml").read_text())["version"] == 1
