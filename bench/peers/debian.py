"""Peers that are programs of Debian's, with nothing on: found on PATH, and started with one file of configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .peer import Peer, Setup, first_number, said, tool


def debian(
    name: str,
    title: str,
    file: str,
    configure: Callable[[Setup], str],
    *,
    options: Sequence[str],
    version: str,
    package: str = "",
    environment: Callable[[Setup], Mapping[str, str]] = lambda setup: {},
    grows: bool = False,
) -> Peer:
    """The peer. Its program takes the path of its configuration behind `options`, and tells its version when it is
    given `version`; `package` brings it, if that has another name."""

    def program() -> str:
        return tool(name, package or name)

    return Peer(
        name=name,
        group=name,
        title=f"{title}, nothing on",
        features="nothing",
        file=file,
        install=program,
        version=lambda: f"{title} {first_number(said(program(), version))}",
        configure=configure,
        command=lambda setup: [program(), *options, str(setup.folder / file)],
        environment=environment,
        grows=grows,
    )
