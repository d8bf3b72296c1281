"""A client of large bodies: one connection, one transfer after the other, with as little work of its own as it can.

Every transfer is checked: 200, all bytes, and the right last bytes; with --whole also the CRC-32 of all of them.
Prints the seconds that all transfers took together.

    python -m bench.transfer down|up --port 8080 --path /x --bytes 1048576 [--count 200] [--whole] [--token T]
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

BLOCK = random.Random(7).randbytes(1 << 20)
_TAIL = 64


def blocks(length: int) -> Iterator[bytes]:
    """The body of this many bytes, in pieces."""
    whole, rest = divmod(length, len(BLOCK))
    for _ in range(whole):
        yield BLOCK
    if rest:
        yield BLOCK[:rest]


def tail(length: int) -> bytes:
    """Its last bytes."""
    end = length % len(BLOCK) or len(BLOCK)
    return (BLOCK + BLOCK[:end])[-min(_TAIL, length) :]


def crc(length: int) -> int:
    """Its CRC-32."""
    found = 0
    for block in blocks(length):
        found = zlib.crc32(block, found)
    return found


def write_body(file: Path, length: int) -> None:
    """The body, as a file for the service behind the peers."""
    with file.open("wb") as out:
        for block in blocks(length):
            out.write(block)


class Wrong(Exception):
    """An answer is not what it must be."""


def down(
    connection: http.client.HTTPConnection, path: str, length: int, fields: dict[str, str], whole: bool
) -> None:
    """Get the body. Raises `Wrong`."""
    connection.request("GET", path, headers=fields)
    reply = connection.getresponse()
    if reply.status != 200:
        raise Wrong(f"{reply.status}: {reply.read(200)!r}")
    room = memoryview(bytearray(1 << 20))
    got = found = 0
    last = b""
    while count := reply.readinto(room):
        got += count
        last = (last + bytes(room[max(0, count - _TAIL) : count]))[-_TAIL:]
        if whole:
            found = zlib.crc32(room[:count], found)
    if got != length or last != tail(length):
        raise Wrong(f"{got} of {length} bytes came, or others than were sent")
    if whole and found != crc(length):
        raise Wrong("the body was changed on its way")


def up(
    connection: http.client.HTTPConnection, path: str, length: int, fields: dict[str, str], whole: bool
) -> None:
    """Send the body. Raises `Wrong`."""
    fields = {**fields, "Content-Length": str(length), "Content-Type": "application/octet-stream"}
    connection.request("POST", path + ("/whole" if whole else ""), body=blocks(length), headers=fields)
    reply = connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        raise Wrong(f"{reply.status}: {text[:200]!r}")
    told = json.loads(text)
    if told["bytes"] != length or told["tail"] != tail(length).hex():
        raise Wrong(f"the service got {told['bytes']} of {length} bytes, or others than were sent")
    if whole and told["crc"] != crc(length):
        raise Wrong("the body was changed on its way")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1, with the reason, when an answer was wrong."""
    parser = argparse.ArgumentParser(prog="bench.transfer", description="Large bodies, one after the other.")
    parser.add_argument("way", choices=("down", "up"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--bytes", type=int, required=True)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--token", default="")
    options = parser.parse_args(arguments)
    connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=60)
    transfer = {"down": down, "up": up}[options.way]
    fields = {"Authorization": f"Bearer {options.token}"}
    begin = time.perf_counter()
    try:
        for _ in range(options.count):
            transfer(connection, options.path, options.bytes, fields, options.whole)
    except (Wrong, OSError, http.client.HTTPException) as error:
        print(f"{options.way} {options.path}: {error!r}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    print(time.perf_counter() - begin)
    return 0


if __name__ == "__main__":
    sys.exit(main())
