"""Files that a configuration names: a public key is read, certificates only looked at.

Their paths are relative to the file that names them. Goes over the plain tree, before validation, with the loader's
own source: models do no I/O.
"""

from __future__ import annotations

from portico.config.load import Written
from portico.config.walk import Found, walk

_READ = ("identity.*.jwt.public_key",)
_NAMED = ("services.*.tls.ca", "services.*.tls.cert", "services.*.tls.key")


def resolve_files(written: Written) -> None:
    """Put a public key's text in the place of its file's path, and full paths in the place of others."""
    for pattern in _READ:
        for found in walk(written, pattern):
            if isinstance(found.value, str) and not _is_key(found.value):
                _resolve(written, found, inline=True)
    for pattern in _NAMED:
        for found in walk(written, pattern):
            if isinstance(found.value, str):
                _resolve(written, found, inline=False)


def _is_key(text: str) -> bool:
    return "-----BEGIN" in text or text.lstrip().startswith("{")


def _resolve(written: Written, found: Found, *, inline: bool) -> None:
    if not found.value or found.place.broken:
        return
    path = written.beside(found.place, found.value)
    try:
        content = written.source.read(path)
        found.parent[found.key] = content.decode() if inline else path
        return
    except UnicodeDecodeError:
        reason = "is not text"
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
    written.problems.add(
        found.path, f"cannot read the file {{written}}: {reason}", shown=f'"{path}"', foreign=False
    )
    found.place.broken = True
