"""From an `introspection:` block to its proof: whom to ask, and how the gateway proves itself there."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from portico.config.models.identity.introspection import IntrospectionClientSettings, IntrospectionSettings
from portico.observe.families import Metrics

from .claims import ClaimRules
from .introspect import Credentials, Introspector, by_assertion, by_basic, by_post
from .introspection import IntrospectionProof
from .keys import RSA_ALGORITHMS, Key, KeyRefusedError
from .means import Means


def introspection_proof(
    name: str, settings: IntrospectionSettings, means: Means
) -> IntrospectionProof | None:
    """The proof of a block of kind `introspection`, None when it was reported why there is none."""
    url = settings.url
    target = url.target if url is not None else settings.path or "/"
    credentials = client_credentials(settings.client, str(url or target), means, "client")
    if credentials is None:
        return None
    call = means.call(url.origin if url is not None else settings.service or "")
    outcomes = means.live("metrics", Metrics).introspections

    def count(outcome: str) -> None:
        outcomes.labels(name, outcome).value += 1

    claims = settings.claims
    rules = ClaimRules(
        issuer=settings.issuer,
        audiences=frozenset(settings.audience) or None,
        leeway_s=settings.leeway,
        required=settings.require,
        subject=claims.subject,
        tenant=claims.tenant,
        role=claims.role,
        email=claims.email,
        venue=claims.venue,
        permissions=claims.permissions,
        scope=claims.scope,
        raw_mark=settings.raw_revocation,
    )
    return IntrospectionProof(
        name,
        Introspector(call, target, credentials, settings.hint, settings.timeout),
        rules,
        count,
        kept_s=settings.cache,
        refused_s=settings.cache_refused,
        field=settings.header.encode("ascii"),
    )


def client_credentials(
    client: IntrospectionClientSettings, audience: str, means: Means, *path: str
) -> Credentials | None:
    """How a client proves itself, None when it was reported at `path` why it cannot. An assertion is for `audience`,
    unless the client's settings say otherwise."""
    if client.secret is not None:
        secret = client.secret.get_secret_value()
        return by_basic(client.id, secret) if client.by == "basic" else by_post(client.id, secret)
    try:
        key = load_pem_private_key(client.key.text.encode() if client.key is not None else b"", password=None)
        able = Key.from_public(key.public_key()).algorithms
    except KeyRefusedError as error:
        means.problem(str(error), *path, "key")
        return None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        means.problem("is no private key in PEM form without password", *path, "key")
        return None
    usual = RSA_ALGORITHMS[0] if RSA_ALGORITHMS[0] in able else min(able)
    algorithm = client.algorithm or usual
    if algorithm not in able:
        means.problem(f"cannot sign with {algorithm}: it is for {', '.join(sorted(able))}", *path, "key")
        return None
    return by_assertion(client.id, key, algorithm, client.audience or audience)
