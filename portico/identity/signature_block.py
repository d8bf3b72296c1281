"""From a `signature:` block to its proof: its keys, and whether each can do what it is configured for.

A key knows what it can do from what it is, and from what its JWK says of it (`identity.keys`); of an RSA key both RSA
algorithms are possible, and the configuration chooses.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from portico.config.models.identity.http_signature import SignatureKeySettings, SignatureSettings
from portico.http.signature_algorithms import JOSE

from .http_signature import HttpSignatureProof, SignatureKey, SignatureRules
from .keys import Key, KeyRefusedError, public_keys
from .means import Means
from .partners import partner

_LIVING = 2


def signature_proof(name: str, settings: SignatureSettings, means: Means) -> HttpSignatureProof | None:
    """The proof of a block of kind `signature`, None when it was reported why there is none."""
    keys = {keyid: _key(name, keyid, held, means) for keyid, held in settings.keys.items()}
    usable = {keyid: key for keyid, key in keys.items() if key is not None}
    if len(usable) < len(keys):
        return None
    rules = SignatureRules(
        components=None if settings.components is None else frozenset(settings.components),
        tag=settings.tag,
        nonce=settings.nonce,
        window_s=settings.window,
    )
    return HttpSignatureProof(name, usable, rules, means, settings.body)


def _key(name: str, keyid: str, held: SignatureKeySettings, means: Means) -> SignatureKey | None:
    where = ("keys", keyid)
    if bool(held.secret) == (held.public_key is not None):
        means.problem("needs one of public_key and secret, and not both", *where)
        return None
    at = "secret" if held.secret else "public_key"
    try:
        loaded = _loaded(held)
        if len(loaded) > _LIVING:
            raise KeyRefusedError(f"holds {len(loaded)} keys: {_LIVING} are enough to exchange one")
    except KeyRefusedError as error:
        means.problem(str(error), *where, at)
        return None
    algorithm = held.algorithm or _own(loaded[0])
    if algorithm is None or not all(_able(key, algorithm) for key in loaded):
        what = f"is no key for {algorithm}" if algorithm else "is of a type that signs no messages"
        means.problem(what, *where, at)
        return None
    identity = partner(name, keyid, held)
    return SignatureKey(algorithm, tuple(key.material for key in loaded), identity)


def _loaded(held: SignatureKeySettings) -> list[Key]:
    if held.secret:
        return [Key.from_secret(secret.get_secret_value()) for secret in held.secret]
    return public_keys(held.public_key or "")


def _own(key: Key) -> str | None:
    """What a key signs with unless the configuration says otherwise: the first that it can."""
    if isinstance(key.material, rsa.RSAPublicKey):
        return "rsa-pss-sha512" if _able(key, "rsa-pss-sha512") else "rsa-v1_5-sha256"
    return next((algorithm for algorithm in JOSE if _able(key, algorithm)), None)


def _able(key: Key, algorithm: str) -> bool:
    if algorithm == "ed25519" and not isinstance(key.material, ed25519.Ed25519PublicKey):
        return False  # JOSE has one name for Ed25519 and Ed448
    return JOSE[algorithm] in key.algorithms
