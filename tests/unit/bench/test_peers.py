"""The peers' configurations: Portico's pass its own check, and everything on means the same for all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from bench.claims import ISSUER, SECRET, make_token
from bench.peers import PEERS, LeftOut, Peer, Setup, chosen, started
from bench.peers.environments import environment
from bench.peers.node import FOLDER
from bench.peers.peer import tool
from bench.peers.portico import portico
from bench.processes import Broken
from bench.runner import install
from tests.unit.cli.command import portico as command


def setup(folder: Path, routes: int = 1) -> Setup:
    return Setup(folder, 8080, 9090, routes=routes)


def configured(name: str, folder: Path) -> str:
    (peer,) = chosen([name])
    return peer.configure(setup(folder))


def test_every_peer_has_a_name_of_its_own() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS) == len({peer.title for peer in PEERS})


@pytest.mark.parametrize("name", ["portico-bare", "portico-everything"])
@pytest.mark.parametrize("routes", [1, 10])
def test_portico_accepts_its_configurations(name: str, routes: int, tmp_path: Path) -> None:
    (peer,) = chosen([name])
    file = tmp_path / peer.file
    file.write_text(peer.configure(setup(tmp_path, routes)))
    done = command("check", str(file))
    assert done.code == 0, done.err


def test_portico_with_everything_on_has_everything_on(tmp_path: Path) -> None:
    text = configured("portico-everything", tmp_path)
    limits = "rate_limit: [{allow: 1000000/s, per: ip}, {allow: 1000000/s, per: user}]"
    for part in (
        "jwt:",
        "permissions:",
        "authorize:",
        limits,
        f"access: {tmp_path}/access.log",
        "format: json",
    ):
        assert part in text
    assert "off" not in text


def test_the_environment_chooses_the_interpreter_and_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PORTICO_PYTHON", "/opt/python/bin/python")
    monkeypatch.setenv("PORTICO_CHECKOUT", "/src/portico")
    peer = portico("nothing")
    assert peer.command(setup(tmp_path))[0] == "/opt/python/bin/python"
    assert peer.environment(setup(tmp_path))["PYTHONPATH"] == "/src/portico"
    compiled = portico("nothing", compiled=True)
    assert compiled.command(setup(tmp_path))[0].endswith("/.venv-compiled/bin/python")
    assert (compiled.name, compiled.group) == ("portico-compiled-bare", "portico-compiled")


def test_an_interpreter_without_portico_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTICO_PYTHON", "/nowhere/python")
    ready, _, left_out = install([portico("nothing")])
    assert ready == []
    assert "/nowhere/python cannot import portico" in left_out["portico-bare"]


def test_a_missing_program_is_left_out_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LeftOut, match=r"no-such-proxy is not installed \(apt-get install some-package\)"):
        tool("no-such-proxy", "some-package")


def test_an_environment_that_cannot_be_made_is_left_out_with_the_reason() -> None:
    with pytest.raises(LeftOut, match=r"there is no requirements/peers-no-such.txt"):
        environment("no-such").install()


def test_envoy_verifies_the_same_token_and_remembers_it(tmp_path: Path) -> None:
    filters = envoy_filters(configured("envoy-everything", tmp_path))
    assert list(filters) == [
        *("envoy.filters.http.jwt_authn", "envoy.filters.http.rbac", "envoy.filters.http.local_ratelimit"),
        "envoy.filters.http.router",
    ]
    provider = filters["envoy.filters.http.jwt_authn"]["providers"]["users"]
    key = jwt.PyJWK(json.loads(provider["local_jwks"]["inline_string"])["keys"][0])
    claims = jwt.decode(make_token(), key, algorithms=["HS256"], issuer=provider["issuer"])
    assert claims == jwt.decode(make_token(), SECRET, algorithms=["HS256"], issuer=ISSUER) | {
        "iat": claims["iat"],
        "exp": claims["exp"],
    }
    assert provider["jwt_cache_config"]["jwt_cache_size"] > 0


def test_envoy_has_two_limits_and_a_bucket_for_every_address_and_user(tmp_path: Path) -> None:
    limits = envoy_filters(configured("envoy-everything", tmp_path))["envoy.filters.http.local_ratelimit"]
    assert [one["entries"] for one in limits["descriptors"]] == [
        [{"key": "remote_address"}],
        [{"key": "user"}],
    ]
    assert len(limits["rate_limits"]) == 2


def test_envoy_bare_has_nothing_on(tmp_path: Path) -> None:
    assert list(envoy_filters(configured("envoy-bare", tmp_path))) == ["envoy.filters.http.router"]


def envoy_filters(text: str) -> dict[str, Any]:
    manager = json.loads(text)["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    return {one["name"]: one["typed_config"] for one in manager["typed_config"]["http_filters"]}


@pytest.mark.parametrize("name", ["fastify", "express"])
def test_node_proxies_are_told_secret_role_and_limits(name: str, tmp_path: Path) -> None:
    told = json.loads(configured(f"{name}-everything", tmp_path))
    assert told["everything"] is True
    assert (told["secret"], told["issuer"], told["role"]) == (SECRET, ISSUER, "agent")
    assert told["limit"] >= 1_000_000
    assert json.loads(configured(f"{name}-bare", tmp_path))["everything"] is False


def test_the_lock_of_node_packages_names_no_place_and_hashes_everything() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [
        name for name, package in packages.items() if not package["integrity"].startswith("sha512-")
    ] == []
    assert "omit-lockfile-registry-resolved=true" in (FOLDER / ".npmrc").read_text()


def test_more_routes_than_a_peer_is_prepared_for_are_refused(tmp_path: Path) -> None:
    (peer,) = chosen(["caddy"])
    with pytest.raises(Broken, match="not prepared"), started(peer, 1, tmp_path / "caddy", routes=10):
        pass


def test_peers_that_grow_have_as_many_routes_as_are_asked_for(tmp_path: Path) -> None:
    growing: list[Peer] = [peer for peer in PEERS if peer.grows]
    assert {peer.group for peer in growing} == {"nginx", "portico", "portico-compiled"}
    for peer in growing:
        assert peer.configure(setup(tmp_path, routes=10)).count("/api/v1/r") == 9
