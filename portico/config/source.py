"""Where the text of a configuration comes from: the disk, or a few texts held in memory (tests, previews)."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Protocol

_LARGEST_FILE_BYTES = 32 * 1024 * 1024


class Source(Protocol):
    """Reads files by path. ``read`` raises ``OSError``, or ``ValueError`` for a file that no one can mean."""

    def read(self, path: str) -> bytes: ...

    def glob(self, pattern: str) -> list[str]: ...


class Disk:
    """The file system; relative paths are relative to the working directory."""

    def read(self, path: str) -> bytes:
        file = Path(path)
        # A directory or a FIFO opens, and the second would wait for ever.
        if file.exists() and not file.is_file():
            raise OSError(errno.EINVAL, "not a regular file")
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_FILE_BYTES + 1)
        if len(content) > _LARGEST_FILE_BYTES:
            raise ValueError(f"it is larger than {_LARGEST_FILE_BYTES // 1024 // 1024} MiB")
        return content

    def glob(self, pattern: str) -> list[str]:
        return sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))


class Texts:
    """Files that exist only in memory, by path."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {os.path.normpath(path): text for path, text in texts.items()}

    def read(self, path: str) -> bytes:
        try:
            return self._texts[os.path.normpath(path)].encode(errors="surrogatepass")
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None

    def glob(self, pattern: str) -> list[str]:
        """Files whose path fits, part by part; ``**`` is not known here."""
        wanted = PurePath(os.path.normpath(pattern)).parts
        return sorted(path for path in self._texts if _fits(PurePath(path).parts, wanted))


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
