"""Where a store is, as people write it; and that nobody is ever shown with what they come."""

from __future__ import annotations

import pytest
from pydantic_core import PydanticCustomError

from portico.config.models.store import StoreSettings
from portico.config.values.stores import StoreAddress, store_address


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("redis://redis", StoreAddress("single", (("redis", 6379),))),
        ("redis://redis:7000/3", StoreAddress("single", (("redis", 7000),), database=3)),
        ("redis://:p%40ss@h", StoreAddress("single", (("h", 6379),), password="p@ss")),
        ("redis://secret@h", StoreAddress("single", (("h", 6379),), password="secret")),
        ("redis://me:pw@[::1]:1", StoreAddress("single", (("::1", 1),), username="me", password="pw")),
        (
            "rediss://h?ca=/ca.pem&verify=off",
            StoreAddress("single", (("h", 6379),), tls=True, ca="/ca.pem", verify=False),
        ),
        ("unix:///run/r.sock?db=2", StoreAddress("single", socket="/run/r.sock", database=2)),
        (
            "redis+sentinel://a,b:1/mine/4",
            StoreAddress("sentinel", (("a", 26379), ("b", 1)), service="mine", database=4),
        ),
        ("redis+cluster://a,b:1", StoreAddress("cluster", (("a", 6379), ("b", 1)))),
    ],
)
def test_what_is_written_is_what_is_meant(written: str, meant: StoreAddress) -> None:
    assert store_address(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "http://h",
        "redis://",
        "redis://h:0",
        "redis://h:port",
        "redis://h/one",
        "redis://h/1/2",
        "redis://a,b",
        "redis://h?db=1",
        "rediss://h?verify=maybe",
        "unix://host/path",
        "redis+sentinel://h",
        "redis+cluster://h/1",
    ],
)
def test_what_cannot_be_is_refused_without_being_shown(written: str) -> None:
    hidden = written.replace("://", "://user:hidden@", 1)
    with pytest.raises(PydanticCustomError) as refused:
        store_address(hidden)
    assert "hidden" not in f"{refused.value} {refused.value.context}"


def test_nobody_is_shown_with_a_password() -> None:
    settings = StoreSettings.model_validate({"url": "redis://u:one@h/1", "password": "two"})
    assert settings.address is not None
    assert settings.address.password == "two"
    shown = f"{settings!r} {settings.address} {settings.address!r} {settings.model_dump_json(exclude={'password'})}"
    assert "one" not in shown
    assert "two" not in shown
