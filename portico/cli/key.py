"""`portico key`: API keys are made, listed, exchanged and revoked, whether the gateway runs or not.

A key is shown once, when it is made: only the key goes to standard output, so that `$(portico key create)` can stand in
another command; what there is to say goes to standard error.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

import typer

from portico.cli.configuration import DEFAULT_FILE, compiled
from portico.cli.facts import with_facts
from portico.cli.given import duration
from portico.cli.text import Cells, complain, say, say_json, table
from portico.cli.trouble import Trouble

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from portico.config import Settings
    from portico.config.models.identity.api_key import ApiKeySettings
    from portico.identity.api_key_record import KeyRecord
    from portico.stores.interface import Store

keys = typer.Typer(no_args_is_help=True, help="Make, list, exchange and revoke API keys.")

_FILE = typer.Option(DEFAULT_FILE, "-c", "--config", metavar="FILE", help="The configuration.")
_IDENTITY = typer.Option(
    "", "--identity", metavar="NAME", help="The identity with API keys, if there are several."
)
_KEY_ID = typer.Argument(metavar="ID", help="The key's id: what stands between its prefix and its point.")


@keys.command()
def create(
    file: str = _FILE,
    identity: str = _IDENTITY,
    name: str = typer.Option("", "--name", metavar="TEXT", help="What it is for, for people."),
    subject: str = typer.Option("", "--subject", metavar="TEXT", help="Who calls; by default the key's id."),
    tenant: str = typer.Option("", "--tenant", metavar="TEXT", help="Which tenant it belongs to."),
    role: list[str] = typer.Option([], "--role", metavar="NAME", help="A role that it has; repeatable."),
    scope: list[str] = typer.Option(
        [], "--scope", metavar="PERMISSION", help="All that it may do, instead of what roles may; repeatable."
    ),
    venue: list[str] = typer.Option([], "--venue", metavar="ID", help="A venue that it is for; repeatable."),
    network: list[str] = typer.Option(
        [], "--from", metavar="CIDR", help="A network that it may be used from; repeatable."
    ),
    limit: str = typer.Option(
        "", "--limit", metavar="RATE", help="How often it may be used, such as 100/min."
    ),
    expires: str = typer.Option("", "--expires", metavar="TIME", help="How long it is valid, such as 90d."),
) -> None:
    """Make a key, and print it: nobody can see it again."""
    from portico.identity.api_key_record import new_key

    settings = compiled(file).runtime.settings
    block = _block(settings, identity)
    wall = time.time()
    said: dict[str, Any] = {"subject": subject} if subject else {}
    made = new_key(
        block.prefix,
        wall,
        name=name,
        tenant=tenant or None,
        roles=_roles(settings, role),
        scopes=_scopes(scope),
        venues=tuple(venue),
        addresses=_networks(network),
        limit=_limit(limit),
        expires=wall + duration(expires, "--expires") if expires else None,
        **said,
    )
    record = made.record

    async def keep(store: Store) -> None:
        await store.keep("apikey", record.id, record.encode(), record.expires)

    with_facts(settings, keep)
    complain([f"key {record.id} was made; this is the only time that it is shown:"])
    typer.echo(made.text)


@keys.command("list")
def list_(
    file: str = _FILE,
    identity: str = _IDENTITY,
    tenant: str = typer.Option("", "--tenant", metavar="TEXT", help="Only those of this tenant."),
    as_json: bool = typer.Option(False, "--json", help="For scripts."),
) -> None:
    """Show the keys of the store, with the time of their last use; never their secrets."""
    settings = compiled(file).runtime.settings
    block = _block(settings, identity)

    async def read(store: Store) -> list[dict[str, Any]]:
        found = []
        async for _, value in store.list("apikey"):
            record = _decoded(value)
            if record.prefix == block.prefix and (not tenant or record.tenant == tenant):
                used = await store.find("cache", f"apikey-used:{record.id}")
                found.append(_shown(record, None if used is None else int(used)))
        return found

    rows = sorted(with_facts(settings, read), key=lambda row: (row["created"], row["id"]))
    if as_json:
        say_json(rows)
    elif rows:
        say(table(("ID", "STATE", "TENANT", "NAME", "MAY", "LAST USED"), map(_cells, rows)))
    else:
        complain(["there is no key"])


@keys.command()
def rotate(
    key_id: str = _KEY_ID,
    file: str = _FILE,
    identity: str = _IDENTITY,
    overlap: str = typer.Option("24h", "--overlap", metavar="TIME", help="How long the old secret is good."),
) -> None:
    """Give a key a new secret, and print the key; the old one is good for a while."""
    from portico.identity.api_key_record import key_text

    settings = compiled(file).runtime.settings
    block = _block(settings, identity)
    overlap_s = duration(overlap, "--overlap")
    wall = time.time()

    async def exchange(store: Store) -> str:
        while True:
            old, record = await _found(store, key_id, block)
            if record.revoked is not None:
                raise Trouble(f"key {key_id} was revoked – make another one")
            newer, secret = record.rotated(overlap_s, wall)
            if await store.swap("apikey", key_id, old, newer.encode(), record.expires):
                return key_text(newer, secret)

    text = with_facts(settings, exchange)
    # A worker that knows the old one trusts what it knows for so long.
    end = wall + max(overlap_s, block.cache)
    complain([f"key {key_id} has a new secret; the old one is good until {_time(end)}:"])
    typer.echo(text)


@keys.command()
def revoke(key_id: str = _KEY_ID, file: str = _FILE, identity: str = _IDENTITY) -> None:
    """Refuse a key from now on."""
    from portico.exchange.marks import key_mark

    settings = compiled(file).runtime.settings
    block = _block(settings, identity)
    wall = time.time()
    if key_id in block.keys:
        with_facts(settings, lambda store: store.revoke(key_mark(key_id), inf))
        say([f"key {key_id} is revoked; it is written in the configuration: remove it there"])
        return

    async def end(store: Store) -> None:
        while True:
            old, record = await _found(store, key_id, block)
            revoked = replace(record, revoked=record.revoked or wall)
            # The mark first: it is what workers that know the key look at.
            await store.revoke(key_mark(key_id), record.expires or inf)
            if await store.swap("apikey", key_id, old, revoked.encode(), record.expires):
                return

    with_facts(settings, end)
    say([f"key {key_id} is revoked"])


@keys.command("hash")
def hash_(
    file: str = _FILE,
    identity: str = _IDENTITY,
) -> None:
    """Read a key from standard input, and print what stands for its secret in a configuration."""
    from portico.identity.api_key_record import hash_of, parse_key

    block = _block(compiled(file).runtime.settings, identity)
    parsed = parse_key(sys.stdin.read().strip().encode(), block.prefix)
    if parsed is None:
        raise Trouble(
            f"this is no key: write {block.prefix}_ID.SECRET, with a secret of 43 letters and digits"
        )
    typer.echo(f"sha256:{hash_of(parsed[1])}")


def _block(settings: Settings, name: str) -> ApiKeySettings:
    blocks = {known: one.api_key for known, one in settings.identity.items() if one.api_key is not None}
    if name:
        if name not in blocks:
            raise Trouble(f"there is no identity {name} with API keys")
        return blocks[name]
    if not blocks:
        raise Trouble("this configuration has no identity with API keys – write one with api_key")
    if len(blocks) > 1:
        raise Trouble(
            f"there are several identities with API keys – name one with --identity: {', '.join(blocks)}"
        )
    return next(iter(blocks.values()))


async def _found(store: Store, key_id: str, block: ApiKeySettings) -> tuple[bytes, KeyRecord]:
    if key_id in block.keys:
        raise Trouble(f"key {key_id} is written in the configuration – change it there")
    value = await store.find("apikey", key_id)
    record = None if value is None else _decoded(value)
    if value is None or record is None or record.prefix != block.prefix:
        raise Trouble(f"there is no key {key_id} – portico key list shows those that there are")
    return value, record


def _decoded(value: bytes) -> KeyRecord:
    from portico.identity.api_key_record import KeyRecord

    try:
        return KeyRecord.decode(value)
    except ValueError as error:
        raise Trouble(f"a record in the store cannot be read: {error}") from None


def _shown(record: KeyRecord, used: int | None) -> dict[str, Any]:
    from portico.config.values.rates import RateValue

    state = "live"
    if record.revoked is not None:
        state = "revoked"
    elif record.expires is not None and record.expires <= time.time():
        state = "expired"
    return {
        "id": record.id,
        "state": state,
        "name": record.name,
        "subject": record.subject,
        "tenant": record.tenant,
        "roles": record.roles,
        "scopes": record.scopes,
        "venues": record.venues,
        "from": list(map(str, record.addresses)),
        "limit": None if record.limit is None else str(RateValue(*record.limit)),
        "created": record.created,
        "expires": record.expires,
        "revoked": record.revoked,
        "secrets": len(record.secrets),
        "last_used": used,
    }


def _cells(row: dict[str, Any]) -> Cells:
    may = ", ".join(row["scopes"] or row["roles"])
    used = "never" if row["last_used"] is None else _time(row["last_used"])
    return row["id"], row["state"], row["tenant"] or "", row["name"], may or "nothing", used


def _roles(settings: Settings, names: list[str]) -> tuple[str, ...]:
    for name in names:
        if name not in settings.roles:
            raise Trouble(
                f"there is no role {name}: {', '.join(settings.roles) or 'the configuration has none'}"
            )
    return tuple(dict.fromkeys(names))


def _scopes(written: list[str]) -> tuple[str, ...]:
    from pydantic_core import PydanticCustomError

    from portico.config.models.identity import permission

    try:
        return tuple(dict.fromkeys(permission(scope) for scope in written))
    except (ValueError, PydanticCustomError) as error:
        raise typer.BadParameter(str(error), param_hint="--scope") from None


def _limit(written: str) -> tuple[int, int] | None:
    from pydantic_core import PydanticCustomError

    from portico.config.values.rates import rate

    if not written:
        return None
    try:
        found = rate(written)
    except PydanticCustomError as error:
        raise typer.BadParameter(str(error), param_hint="--limit") from None
    return found.quota, found.window_s


def _networks(written: list[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    from ipaddress import ip_network

    try:
        return tuple(ip_network(network) for network in written)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from") from None


def _time(wall: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(wall))
