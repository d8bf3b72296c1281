"""`portico key` without a gateway. tests/integration/test_cli_credentials.py has it beside one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from portico.identity.api_key_record import KeyRecord, hash_of
from portico.rules import Limits
from portico.stores.opening import open_in_process
from tests.unit.cli.command import Result, portico

CONFIGURATION = """\
version: 1
identity:
  partners: {api_key: {prefix: shop, keys: {till: {secret: "<hash>"}}}}
  admins: {api_key: {prefix: adm}}
roles: {seller: {}}
services: {echo: {url: "http://127.0.0.1:3003"}}
defaults: {authenticate: [partners]}
routes: [{match: /**, service: echo}]
"""
SECRET = "s" * 43


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("portico.yaml").write_text(CONFIGURATION.replace("<hash>", f"sha256:{hash_of(SECRET)}"), "utf-8")


def key(command: str, *arguments: str, identity: str = "partners", reads: str = "") -> Result:
    return portico("key", command, *arguments, "--identity", identity, reads=reads)


def made(*arguments: str, identity: str = "partners") -> tuple[str, str]:
    """(the key, its id)."""
    done = key("create", *arguments, identity=identity)
    assert (done.code, done.out.count("\n")) == (0, 1), done.err
    text = done.out.strip()
    return text, text.partition("_")[2].partition(".")[0]


def kept(key_id: str) -> KeyRecord:
    async def find() -> bytes | None:
        store = open_in_process(Limits(0), "var")
        try:
            return await store.find("apikey", key_id)
        finally:
            await store.close()

    value = asyncio.run(find())
    assert value is not None
    return KeyRecord.decode(value)


def test_a_key_is_kept_as_it_was_asked_for_and_never_itself() -> None:
    text, key_id = made("--name", "tills", "--subject", "shop", "--tenant", "t-1", "--role", "seller", "--venue", "v-1",
                        "--from", "192.0.2.0/24", "--limit", "100/min", "--expires", "90d")  # fmt: skip
    record = kept(key_id)
    assert (record.name, record.subject, record.tenant, record.roles) == ("tills", "shop", "t-1", ("seller",))
    assert (record.venues, [*map(str, record.addresses)], record.limit) == (
        ("v-1",),
        ["192.0.2.0/24"],
        (100, 60),
    )
    assert record.expires is not None
    assert record.expires - record.created == 90 * 86_400
    secret = text.partition(".")[2]
    assert record.secrets[0].hash == hash_of(secret)
    shown = [key("list"), key("list", "--json")]
    assert all(key_id in one.out for one in shown)
    assert not any(secret in one.out + one.err or hash_of(secret) in one.out for one in shown)
    (row,) = shown[1].data
    assert (row["state"], row["limit"], row["from"], row["last_used"]) == (
        "live",
        "100/min",
        ["192.0.2.0/24"],
        None,
    )
    assert secret.encode() not in b"".join(path.read_bytes() for path in Path("var").iterdir())


@pytest.mark.parametrize(
    "wrong",
    [["--limit", "often"], ["--from", "nowhere"], ["--scope", "everything"], ["--expires", "soon"]],
)
def test_what_a_key_cannot_have(wrong: list[str]) -> None:
    assert key("create", *wrong).code == 2
    assert key("list").err == "there is no key\n"


def test_a_role_that_there_is_not() -> None:
    done = key("create", "--role", "boss")
    assert (done.code, done.out) == (1, "")
    assert "there is no role boss: seller" in done.err


def test_keys_of_one_prefix_are_nobody_elses() -> None:
    text, key_id = made()
    other, _ = made(identity="admins")
    assert (text[:5], other[:4]) == ("shop_", "adm_")
    assert [row["id"] for row in key("list", "--json").data] == [key_id]
    for command in ("rotate", "revoke"):
        assert f"there is no key {key_id}" in key(command, key_id, identity="admins").err
    assert "name one with --identity" in portico("key", "list").err


def test_a_key_is_exchanged_and_revoked() -> None:
    text, key_id = made()
    first = kept(key_id).secrets[0]
    newer = key("rotate", key_id, "--overlap", "1s")
    assert newer.out.startswith(f"shop_{key_id}.")
    assert newer.out.strip() != text
    secrets = kept(key_id).secrets
    assert [secrets[0].until, secrets[1].hash] == [None, first.hash]
    key("rotate", key_id)
    assert first.hash not in {live.hash for live in kept(key_id).secrets}
    assert key("revoke", key_id).code == 0
    assert kept(key_id).revoked is not None
    assert key("list", "--json").data[0]["state"] == "revoked"
    assert "was revoked" in key("rotate", key_id).err


def test_keys_that_are_written_are_changed_where_they_are() -> None:
    assert "written in the configuration" in key("rotate", "till").err
    done = key("revoke", "till")
    assert (done.code, "remove it there" in done.out) == (0, True)
    assert "there is no key nobody" in key("revoke", "nobody").err


def test_a_hash_is_of_the_secret() -> None:
    assert key("hash", reads=f"shop_till.{SECRET}\n").out == f"sha256:{hash_of(SECRET)}\n"
    for wrong in ("", "till", f"adm_till.{SECRET}", f"shop_till.{SECRET}x"):
        assert key("hash", reads=wrong).code == 1
