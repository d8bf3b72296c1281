"""Vectors of others, read where they lie: nothing of them is part of this repository.

`PORTICO_VECTORS` names the folder; without it `../shared/vectors` beside the checkout is looked at. Without the
folder the tests that need it are skipped, and say so: the project's own tables stand without them.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from portico.testing import Client, Malformed, Message, TookTooLong

_ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("PORTICO_VECTORS", _ROOT.parent / "shared" / "vectors"))


def needs(name: str) -> Path:
    """The folder of one set, or the test module is skipped."""
    folder = FOLDER / name
    if not folder.is_dir():
        pytest.skip(
            f"no vectors in {folder}: set PORTICO_VECTORS to a folder with {name}", allow_module_level=True
        )
    return folder


@dataclass(frozen=True)
class Vector:
    """`id` is file and number. `expected` is one of the words of the set."""

    id: str
    data: bytes
    expected: str
    target: bytes = b""


# -- llhttp: strict cases of its test suite, in Markdown

_CASE = re.compile(r"<!-- meta=(\{.*?\}) -->\s*```http\n(.*?)```.*?```log\n(.*?)```", re.DOTALL)
# Errors that are no refusal: a pause for an upgrade, and bytes behind a request that announced the end.
_NO_REFUSAL = {"5", "22", "23"}


def llhttp(folder: Path, kind: str) -> Iterator[Vector]:
    """The strict cases of a kind (request, response): `refused`, `accepted`, or `unfinished`."""
    for path in sorted((folder / kind).glob("*.md")):
        for number, found in enumerate(_CASE.finditer(path.read_text("utf-8")), 1):
            meta, text, log = found.groups()
            if f'"type": "{kind}"' not in meta and f'"type": "{kind}-finish"' not in meta:
                continue  # a lenient mode, which Portico never turns on
            if '"skipBody"' in meta:
                continue  # the caller tells the parser that there is no body
            error = re.search(r"error code=(\d+)", log)
            if error is not None and error[1] not in _NO_REFUSAL:
                expected = "refused"
            elif _complete(kind, log):
                expected = "accepted"
            else:
                expected = "unfinished"
            yield Vector(f"{path.stem}-{number}", _unescaped(text), expected)


def _complete(kind: str, log: str) -> bool:
    """Whether the log shows a whole first request, or a whole first final reply."""
    if kind == "request":
        return "message complete" in log
    final = re.search(r"headers complete status=[2-9](.*?)(?:message begin|\Z)", log, re.DOTALL)
    if final is None:
        return "status=101" in log and "message complete" in log
    # Or a body that ends with its connection.
    return "message complete" in final[1] or ("content_length=0" in final[1] and "flags=208" not in final[1])


def _unescaped(text: str) -> bytes:
    text = text.removesuffix("\n")
    text = re.sub(r"\\\n", "", text)
    text = re.sub(r"\r\n|\r|\n", "\r\n", text)
    for escaped, plain in ((r"\r", "\r"), (r"\n", "\n"), (r"\t", "\t"), (r"\f", "\f")):
        text = text.replace(escaped, plain)
    text = re.sub(r"\\x([0-9a-fA-F]+)", lambda found: chr(int(found[1], 16)), text)
    text = re.sub(r"\\([0-7]{1,3})", lambda found: chr(int(found[1], 8) & 255), text)
    return b"".join(one.encode("latin-1") if ord(one) < 256 else one.encode() for one in text)


def with_host(data: bytes) -> bytes:
    """With a Host where the message has none, since we refuse its absence before anything else is looked at."""
    start = len(data) - len(data.lstrip(b"\r\n"))
    end = data.find(b"\r\n", start)
    if end < 0 or re.search(rb"(?im)^host *:", data):
        return data
    return b"%b\r\nHost: vector.test%b" % (data[:end], data[end:])


# -- http-desync-guardian: requests as YAML, in four tiers


def desync(folder: Path) -> Iterator[Vector]:
    """Every request with its tier."""
    for path in sorted(folder.glob("tests/*.yaml")):
        for number, case in enumerate(yaml.safe_load(path.read_text("utf-8")) or (), 1):
            data, target = _rendered(case)
            yield Vector(f"{path.stem}-{number}", data, case["expected"]["tier"].lower(), target)


def _rendered(case: dict[str, Any]) -> tuple[bytes, bytes]:
    fields = [(str(one["name"]), str(one["value"])) for one in case["headers"] or ()]
    lines = [f"{name}:{value}\r\n" for name, value in fields]
    names = {name.strip().lower(): value.strip() for name, value in fields}
    if "host" not in names:
        lines.insert(0, "Host: vector.test\r\n")
    head = f"{case['method']} {case['uri']} {case['version']}\r\n{''.join(lines)}\r\n".encode(
        "latin-1", "replace"
    )
    body = b""
    if names.get("transfer-encoding", "").lower().endswith("chunked"):
        body = b"0\r\n\r\n"
    elif (
        (length := names.get("content-length", "")).isascii() and length.isdigit() and int(length) < 5_000_000
    ):
        body = b"x" * int(length)
    return head + body, str(case["uri"]).encode("latin-1", "replace")


# -- what came of it


async def outcome(port: int, data: bytes, patience_s: float = 0.3) -> tuple[str, Message | None]:
    """What a client gets for these bytes, if it comes within `patience_s`.

    `accepted`: the service's reply. `refused`: the gateway's. `cut`: the beginning of a reply, then the end.
    `unfinished`: nothing.
    """
    method = data.split(b" ", 1)[0]
    async with await Client.connect(port) as client:
        client.send(data)
        try:
            reply = await client.reply(method, patience_s=patience_s)
            while reply.status < 200 and reply.status != 101:
                reply = await client.reply(method, patience_s=patience_s)
        except TookTooLong:
            return "unfinished", None
        except Malformed:
            return "cut", None
        own = b"urn:portico:error" in reply.body or (method == b"HEAD" and reply.status >= 400)
        return ("refused" if own else "accepted"), reply
