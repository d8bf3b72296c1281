"""Files that a configuration names: public keys, certificates and their keys are read.

Their paths are relative to the file that names them. Goes over the plain tree, before validation, with the loader's
own source: models do no I/O.
"""

from __future__ import annotations

from portico.config.load import Written
from portico.config.values import Pem
from portico.config.walk import Found, walk

_KEYS = (
    "identity.*.jwt.public_key",
    "identity.*.jwt.issue.private_key",
    "identity.*.signature.keys.*.public_key",
)
_PEM = (
    "identity.*.introspection.client.key",
    "identity.*.session.openid.client.key",
    *(f"services.*.tls.{key}" for key in ("ca", "cert", "key")),
    "services.*.sign.key",
    *(f"gateway.listen[].tls.{key}" for key in ("cert", "key", "client.ca")),
    *(f"gateway.listen[].tls.certificates[].{key}" for key in ("cert", "key")),
)


def resolve_files(written: Written) -> None:
    """Put what is in a file in the place of its path."""
    for pattern in _KEYS:
        for found in walk(written, pattern):
            if isinstance(found.value, str) and not _is_key(found.value):
                _resolve(written, found, pem=False)
    for pattern in _PEM:
        for found in walk(written, pattern):
            if isinstance(found.value, str) and "-----BEGIN " not in found.value:
                _resolve(written, found, pem=True)


def _is_key(text: str) -> bool:
    return "-----BEGIN" in text or text.lstrip().startswith("{")


def _resolve(written: Written, found: Found, *, pem: bool) -> None:
    if not found.value or found.place.broken:
        return
    path = written.beside(found.place, found.value)
    try:
        text = written.source.read(path).decode()
        found.parent[found.key] = Pem(text, path) if pem else text
        return
    except UnicodeDecodeError:
        reason = "is not text"
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
    written.problems.add(
        found.path, f"cannot read the file {{written}}: {reason}", shown=f'"{path}"', foreign=False
    )
    found.place.broken = True
