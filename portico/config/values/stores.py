"""Where the shared store is, as people write it: `memory`, or one URL for Redis alone, with Sentinels or as a cluster.

Nothing is resolved or opened here. The password may stand in the URL, which a variable or a secret file then gives;
an address shows itself without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from .refusal import refuse

Mode = Literal["single", "sentinel", "cluster"]

_SCHEMES: dict[str, tuple[Mode, bool]] = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "unix": ("single", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_PORTS: dict[Mode, int] = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_OPTIONS = ("ca", "cert", "key", "verify")
_EXAMPLE = "write memory, or a URL such as redis://redis:6379/0"


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A Redis. ``nodes`` are host and port of it, of its Sentinels, or of some of a cluster; ``socket`` a Unix socket.

    ``ca``, ``cert`` and ``key`` are files in PEM; ``verify`` false trusts any certificate. ``service`` is what
    Sentinels call it.
    """

    mode: Mode
    nodes: tuple[tuple[str, int], ...] = ()
    socket: str = ""
    database: int = 0
    service: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True

    @property
    def cluster(self) -> bool:
        """Whether keys are spread over nodes."""
        return self.mode == "cluster"

    def __str__(self) -> str:
        """Without who comes and with what."""
        if self.socket:
            return f"unix://{self.socket}"
        scheme = ("rediss" if self.tls else "redis") + ("" if self.mode == "single" else f"+{self.mode}")
        nodes = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.nodes)
        path = {"single": f"/{self.database}", "sentinel": f"/{self.service}/{self.database}", "cluster": ""}
        return f"{scheme}://{nodes}{path[self.mode]}"


def store_address(text: str) -> StoreAddress:
    """The address that a URL means. Raises PydanticCustomError, which never shows the URL: it may hold a password."""
    url = urlsplit(text)
    if url.scheme not in _SCHEMES:
        raise refuse("is no address of a store", None, _EXAMPLE)
    mode, tls = _SCHEMES[url.scheme]
    username, password, hosts = _who(url.netloc)
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    known = ("db",) if url.scheme == "unix" else _OPTIONS if tls else ()
    if unknown := [name for name in options if name not in known]:
        raise refuse(f"has an unknown option {unknown[0]}", None, f"known here: {', '.join(known) or 'none'}")
    if options.get("verify", "on") not in ("on", "off"):
        raise refuse("has verify neither on nor off", None, "write verify=off to trust any certificate")
    parts = [unquote(part) for part in url.path.split("/")[1:] if part]
    if url.scheme == "unix":
        if hosts or not parts:
            raise refuse("has no path of a socket", None, "write unix:///run/redis.sock")
        return StoreAddress(
            mode,
            socket=unquote(url.path),
            database=_database(options.get("db", "0")),
            username=username,
            password=password,
        )
    service, parts = (parts[0], parts[1:]) if mode == "sentinel" and parts else ("", parts)
    if mode == "sentinel" and not service:
        raise refuse(
            "does not say what Sentinels call it", None, "write redis+sentinel://host1,host2/mymaster/0"
        )
    if len(parts) > (0 if mode == "cluster" else 1):
        raise refuse(
            "has too long a path", None, "a cluster has no databases" if mode == "cluster" else _EXAMPLE
        )
    nodes = tuple(_node(each, _PORTS[mode]) for each in hosts.split(","))
    if mode == "single" and len(nodes) > 1:
        raise refuse("has several hosts", None, "write redis+sentinel:// or redis+cluster://")
    return StoreAddress(
        mode,
        nodes,
        database=_database(parts[0] if parts else "0"),
        service=service,
        username=username,
        password=password,
        tls=tls,
        ca=options.get("ca", ""),
        cert=options.get("cert", ""),
        key=options.get("key", ""),
        verify=options.get("verify", "on") == "on",
    )


def _who(netloc: str) -> tuple[str, str, str]:
    """User name, password, hosts. `redis://secret@host` is what some write for a password alone."""
    who, _, hosts = netloc.rpartition("@")
    username, colon, password = who.partition(":")
    if who and not colon:
        username, password = "", who
    return unquote(username), unquote(password), hosts


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise refuse("has no number of a database", None, "write it behind the host: redis://redis:6379/0")
    return int(text)


def _node(text: str, default: int) -> tuple[str, int]:
    host, port = text, ""
    if text.startswith("["):
        host, _, behind = text[1:].partition("]")
        port = behind.removeprefix(":")
    elif ":" in text:
        host, _, port = text.rpartition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise refuse("has a host or port that cannot be", None, _EXAMPLE)
    return host, int(port) if port else default


MEMORY = "memory"


def _store(value: object) -> StoreAddress | None:
    if value == MEMORY or value is None:
        return None
    if isinstance(value, StoreAddress):
        return value
    if not isinstance(value, str):
        raise refuse("is no address of a store", None, _EXAMPLE)
    return store_address(value)


def _show(address: StoreAddress | None, _info: Any = None) -> str:
    return MEMORY if address is None else str(address)


STORE_URL_SCHEMA = {
    "type": "string",
    "pattern": r"^(memory|unix:///.+|rediss?(\+sentinel|\+cluster)?://.+)$",
    "examples": ["memory", "redis://redis:6379/0"],
}

StoreUrl = Annotated[
    StoreAddress | None, PlainValidator(_store), PlainSerializer(_show), WithJsonSchema(STORE_URL_SCHEMA)
]
