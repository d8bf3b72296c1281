"""From the `openid:` part of a session's block to its sign-in, whose metadata and keys are fetched beside requests."""

from __future__ import annotations

from collections.abc import Sequence

from portico.config.models.identity.openid import OpenidSettings
from portico.config.models.identity.session import SessionSettings
from portico.config.remotes import parse_remote
from portico.observe.families import Metrics

from .id_token import TokenRules
from .introspection_block import client_credentials
from .jwks import IssuerCalls, KeysOf
from .jwt_block import KeyFetches
from .key_life import KeyRules
from .logins import Logins, Targets
from .means import Means
from .openid import Openid, Provider
from .remote_keys import RemoteKeys


def openid_of(name: str, session: SessionSettings, signing: Sequence[bytes], means: Means) -> Openid | None:
    """The sign-in of a block, None when it has none or it was reported why."""
    settings = session.openid
    if settings is None:
        return None
    credentials = client_credentials(settings.client, settings.issuer, means, "openid", "client")
    if credentials is None:
        return None
    where = parse_remote(settings.issuer)
    calls = IssuerCalls(means, where.origin, settings.service or where.origin)
    provider = _provider(name, settings, means)

    def hear(document: bytes) -> None:
        provider.hear(document, plain_http=settings.plain_http, userinfo=settings.userinfo)

    fetch = KeysOf(
        settings.issuer,
        where,
        calls.at,
        plain_http=settings.plain_http,
        timeout_s=settings.timeout,
        told=hear,
    )
    rules = KeyRules(timeout_s=settings.timeout)
    means.background("provider", lambda: provider.keys.keep(fetch, rules))
    return Openid(
        name,
        provider,
        TokenRules(settings.issuer, settings.client.id, frozenset(settings.algorithms), settings.leeway),
        calls,
        credentials,
        Logins(f"{name} {settings.issuer}", signing, settings.cookie, settings.patience),
        Targets([*session.origins, settings.callback.origin]),
        callback=str(settings.callback),
        scopes=settings.scopes,
        userinfo=settings.userinfo,
        timeout_s=settings.timeout,
    )


def _provider(name: str, settings: OpenidSettings, means: Means) -> Provider:
    # What was learned under other rules is not taken over.
    about = f"{settings.issuer} at {settings.service}, {settings.plain_http}, {settings.userinfo}"
    counts = KeyFetches(means.live("metrics", Metrics), name)
    return means.live(
        f"identity.{name} provider {about}",
        lambda: Provider(RemoteKeys(f"identity {name}", counts.count)),
    )
