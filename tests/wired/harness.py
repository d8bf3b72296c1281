"""Runs a row: two gateways that differ in one key, the same probe on both, and a verdict on what it saw."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from portico.config import ConfigurationError
from portico.config.extensions import adapters
from portico.config.schema import build_schema, leaf_keys
from portico.stages import load_stages, stage_types
from portico.testing import gateway
from tests.wired.process import started
from tests.wired.rows import REFUSED, Row, fill
from tests.wired.site import Site


class Dead(AssertionError):
    """A key whose values make no difference that anybody could see."""


class Wrong(AssertionError):
    """A key that makes another difference than the row says."""


def all_keys() -> tuple[str, ...]:
    """Every key of the language, those of the built-in stages included."""
    return leaf_keys(build_schema(adapters(stage_types(load_stages()))))


def unmatched(rows: Iterable[Row], keys: Sequence[str]) -> list[str]:
    """What keeps the table from having exactly one row for each key."""
    count = Counter(row.key for row in rows)
    return (
        [f"no row for {key}" for key in keys if not count[key]]
        + [f"no key {key}" for key in count if key not in keys]
        + [f"{number} rows for {key}" for key, number in count.items() if number > 1]
    )


async def check(row: Row) -> None:
    """Probe both gateways of a row. Raises Dead when they look the same, Wrong when they look otherwise."""
    if row.process:
        first, second = await asyncio.gather(observe(row, 0), observe(row, 1))
    else:  # a gateway in this loop wants to see at its end that no task is left
        first, second = await observe(row, 0), await observe(row, 1)
    if first == second:
        raise Dead(f"{row.key}: {row.values[0]!r} and {row.values[1]!r} both give {first!r}")
    if (first, second) != row.seen:
        raise Wrong(f"{row.key}: saw {first!r} and {second!r}, not {row.seen[0]!r} and {row.seen[1]!r}")


async def observe(row: Row, number: int) -> object:
    """What the probe sees of the first (0) or the second (1) gateway."""
    async with AsyncExitStack() as stack:
        # Short, because the path of a Unix socket has to be.
        folder = stack.enter_context(TemporaryDirectory(prefix="wired-"))
        upstreams: dict[str, Any] = {
            name: await stack.enter_async_context(start()) for name, start in row.upstreams.items()
        }
        meanings = {name: upstream.url for name, upstream in upstreams.items()} | {"folder": folder}
        files = {f"{folder}/{name}": fill(text, meanings) for name, text in row.files.items()}
        for path, text in files.items():
            Path(path).write_text(text, "utf-8")
        text = yaml.safe_dump(fill(row.configuration(number), meanings))
        if row.process:
            return await row.probe(await stack.enter_async_context(started(text, Path(folder), upstreams)))
        try:
            # Included files are named from the folder of the main file, which has none here.
            texts = files | dict(row.files)
            running = await stack.enter_async_context(gateway(text, files=texts))
        except ConfigurationError:
            return REFUSED
        return await row.probe(Site(running, text, upstreams, Path(folder)))
