"""From a service's `sign:` to its signer: whether the key can sign, and whether what is to be signed can be."""

from __future__ import annotations

from portico.config.marks import Path
from portico.config.models.signing import SignSettings
from portico.config.problems import Problems
from portico.exchange.fields import HOP_BY_HOP
from portico.services.signing import Signer, SigningKey, SigningKeyError, private_key, secret_key

# What is written for the connection, or behind the signature.
_UNSIGNED = frozenset(
    {
        *(name.decode() for name in HOP_BY_HOP),
        *("host", "via", "expect", "forwarded", "x-real-ip", "x-original-ip"),
        *("x-request-deadline", "x-gateway-forwarded", "signature", "signature-input"),
    }
)


def signer_of(written: SignSettings | None, problems: Problems, path: Path) -> Signer | None:
    """The signer, None where nothing is signed or where it was reported why it cannot be."""
    if written is None:
        return None
    for index, name in enumerate(written.components):
        if name in _UNSIGNED or name.startswith("x-forwarded-"):
            problems.add(
                (*path, "components", index),
                f"{name} cannot be signed: it is written for the connection, or after the signature",
            )
    key = _key(written, problems, path)
    if key is None:
        return None
    return Signer(
        key,
        written.keyid,
        written.components,
        label=written.label,
        tag=written.tag,
        expires_s=written.expires,
    )


def _key(written: SignSettings, problems: Problems, path: Path) -> SigningKey | None:
    if (written.key is None) == (written.secret is None):
        problems.add(path, "needs one of key and secret, and not both")
        return None
    at = "secret" if written.secret is not None else "key"
    try:
        if written.secret is not None:
            return secret_key(written.secret.get_secret_value(), written.algorithm)
        return private_key(written.key.text if written.key is not None else "", written.algorithm)
    except SigningKeyError as error:
        problems.add((*path, at), str(error))
        return None
