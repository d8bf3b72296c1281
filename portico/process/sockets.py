"""Listen addresses → listening sockets, one per address and worker slot, held by the supervisor.

Decides which interfaces an address means, and puts every refusal of the kernel into one line that says what to do.
SO_REUSEPORT spreads connections over the workers, but it would also let a second gateway of the same user share the
port in silence: a probe without it is bound first.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable, Collection, Iterable, Sequence

from portico.config.addresses import Listen

BACKLOG = 4096  # clients that wait while a worker is replaced; the kernel cuts it to net.core.somaxconn

# Port 0 with several addresses: how often to ask for a port that is free on all of them.
_PORT_TRIES = 20


class ListenError(Exception):
    """Addresses that cannot be listened on; `reasons` has one line for each, fit to be shown to a person."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(self.reasons)

    def __str__(self) -> str:
        return "\n".join(self.reasons)


class Sockets:
    """Every listening socket of the gateway. `slots[n]` are worker n's; `addresses` the real ones, for people.

    `entries` says of each socket of a slot which of the addresses that were asked for it belongs to.

    TCP sockets are one per slot; a Unix socket is one for all slots, since the kernel cannot spread those.
    """

    def __init__(
        self, slots: list[list[socket.socket]], addresses: tuple[str, ...], paths: list[str]
    ) -> None:
        self.slots = slots
        self.addresses = addresses
        self.paths = paths
        self.entries: list[int] = []

    def release(self) -> None:
        """Close them here. Workers that have them accept on; when they stop too, clients are refused at once."""
        for slot in self.slots:
            for opened in slot:
                opened.close()

    def close(self) -> None:
        """Close them all, and remove the files of Unix sockets."""
        self.release()
        for path in self.paths:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass

    def __repr__(self) -> str:
        return f"<Sockets {' '.join(self.addresses)} × {len(self.slots)}>"


def bind(listen: Sequence[Listen], slots: int, secure: Collection[int] = ()) -> Sockets:
    """Listen on every address, once per slot; `secure` are the places of those that are shown as https.

    Raises `ListenError` with a line per address that failed.
    """
    sockets = Sockets([[] for _ in range(slots)], (), [])
    shown: list[str] = []
    reasons: list[str] = []
    for number, address in enumerate(listen):
        scheme = "https" if number in secure else "http"
        try:
            opened = _bind_unix(address, sockets) if address.unix else _bind_tcp(address, sockets, scheme)
        except ListenError as error:
            reasons += error.reasons
        else:
            shown += opened
            sockets.entries += [number] * len(opened)
    if reasons:
        sockets.close()
        raise ListenError(reasons)
    sockets.addresses = tuple(shown)
    return sockets


def _bind_tcp(address: Listen, sockets: Sockets, scheme: str) -> list[str]:
    places = _resolve(address)
    for tries in range(_PORT_TRIES, 0, -1):
        port = address.port
        opened: list[list[socket.socket]] = []
        try:
            for family, host in places:
                try:
                    port = _probe(family, host, port)
                    opened.append([])
                    for _ in sockets.slots:
                        opened[-1].append(_listen(family, host, port))
                except OSError as error:
                    # A machine without IPv6 still serves ":3000" and "localhost:3000" on IPv4.
                    if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) and len(places) > 1:
                        continue
                    raise
            if not opened:  # cannot happen on a machine that has a loopback interface
                raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        except OSError as error:
            for each in (one for row in opened for one in row):
                each.close()
            if error.errno == errno.EADDRINUSE and address.port == 0 and tries > 1:
                continue
            raise ListenError([_explain(address, error)]) from None
        for row in opened:
            for slot, one in zip(sockets.slots, row, strict=True):
                slot.append(one)
        return [_show(row[0], scheme) for row in opened]
    raise AssertionError("unreachable: the last try returns or raises")


def _resolve(address: Listen) -> list[tuple[int, str]]:
    """The families and numeric hosts to bind. Every interface is IPv4 and IPv6 apart, never one dual-stack socket:
    that would show IPv4 clients as ::ffff:a.b.c.d, which no CIDR of a list of trusted proxies would match."""
    if not address.host:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104 - what ":port" asks for
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        raise ListenError(
            [f'cannot listen on {address}: "{address.host}" is no name of this machine']
        ) from None
    return list(dict.fromkeys((int(family), str(place[0])) for family, _, _, _, place in found))


def _open(family: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    # Connections of a former gateway that are still closing must not keep the port from its successor.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return opened


def _probe(family: int, host: str, port: int) -> int:
    """The port, when nobody else listens on it; a free one for 0."""
    with _open(family) as probe:
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def _listen(family: int, host: str, port: int) -> socket.socket:
    opened = _open(family)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.setblocking(False)
        opened.bind((host, port))
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def _bind_unix(address: Listen, sockets: Sockets) -> list[str]:
    try:
        unlink_stale(address.unix)
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            opened.setblocking(False)
            with_short_path(address.unix, opened.bind)
            opened.listen(BACKLOG)
        except OSError:
            opened.close()
            raise
    except OSError as error:
        raise ListenError([_explain(address, error)]) from None
    for slot in sockets.slots:
        slot.append(opened)
    sockets.paths.append(address.unix)
    return [f"unix:{address.unix}"]


def unlink_stale(path: str) -> None:
    """Remove the file of a Unix socket that nobody listens on. Raises EADDRINUSE when somebody does."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, "a file that is no socket is in the way")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            with_short_path(path, client.connect)
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        os.unlink(path)
        return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def with_short_path(path: str, use: Callable[[str], object]) -> None:
    """Call `use` with a name of `path` that fits into a socket address (107 bytes), however deep its folder is."""
    if len(os.fsencode(path)) < 108:
        use(path)
        return
    folder = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY)
    try:
        use(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
    finally:
        os.close(folder)


def _show(listening: socket.socket, scheme: str) -> str:
    host, port = listening.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _explain(address: Listen, error: OSError) -> str:
    """One line for a person: what was refused, and what to do."""
    start = f"cannot listen on {address}: "
    if address.unix:
        folder = os.path.dirname(os.path.abspath(address.unix))
        return start + {
            errno.EADDRINUSE: "another process listens there; stop it, or write another path",
            errno.EEXIST: "there is a file of that name that is no socket; remove it, or write another path",
            errno.ENOENT: f"the folder {folder} does not exist; create it",
            errno.EACCES: f"the folder {folder} is not writable; change its owner or write another path",
        }.get(error.errno or 0, str(error.strerror or error))
    return start + {
        errno.EADDRINUSE: f"port {address.port} is taken by another process; stop it (ss -ltnp 'sport = "
        f":{address.port}' names it), or write another port under gateway.listen",
        errno.EACCES: f"port {address.port} is reserved for privileged processes; write a port above 1023, or grant "
        "CAP_NET_BIND_SERVICE",
        errno.EADDRNOTAVAIL: f'this machine has no address "{address.host}"; write one that it has, or :{address.port}'
        " for all of them",
    }.get(error.errno or 0, str(error.strerror or error))
