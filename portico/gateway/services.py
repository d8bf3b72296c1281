"""From the settings of services to services around what of them is live: breakers by name, pools by place.

It opens no connection. What is new is kept aside until `LiveServices.commit` takes it; what is wrong with a service
becomes a problem at its line.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from portico.config.addresses import Address as Written
from portico.config.models.service import BreakerSettings, ServiceSettings
from portico.config.problems import Problems
from portico.http.certificates import CertificateError
from portico.http.pool import Address, Pool
from portico.http.tls import service_context
from portico.rules import Breaker, BreakerRule, Transition
from portico.services.instance import Instance
from portico.services.service import LiveServices, Service

from .signing import signer_of


class ServiceCompiler:
    """Compiles the services of one configuration. `children`: service → Unix socket; `breakers` and `pools` are what
    they use, new or live."""

    def __init__(
        self,
        live: LiveServices,
        children: Mapping[str, str],
        moved: Callable[[str, Transition], None],
        problems: Problems,
    ) -> None:
        self._live = live
        self._children = children
        self._moved = moved
        self._problems = problems
        self.breakers: dict[str, Breaker] = {}
        self.pools: dict[tuple[Any, ...], Pool] = {}

    def compile(self, name: str, written: ServiceSettings) -> Service:
        """A service around its live state. What cannot be used becomes a problem at its line."""
        breaker: Breaker | None = None
        failing = bytes(600)
        if written.breaker is not None:
            try:
                rule = breaker_rule(written.breaker)
            except ValueError as error:
                self._problems.add(("services", name, "breaker"), str(error))
            else:
                breaker = self._live.breaker(name, rule, lambda: Breaker(rule, partial(self._moved, name)))
                self.breakers[name] = breaker
                failing = bytes(status in written.breaker.statuses for status in range(600))
        instances = tuple(self._instance(name, written, address) for address in written.addresses)
        return Service(
            name,
            instances,
            breaker,
            failing,
            own_host=written.host == "service",
            timeout_s=written.timeout,
            idle_s=written.idle,
            signer=signer_of(written.sign, self._problems, ("services", name, "sign")),
        )

    def _instance(self, name: str, written: ServiceSettings, address: Written) -> Instance:
        tls = written.tls
        settings = written.pool
        socket = self._children.get(name, "") if address.scheme == "asgi" else address.socket
        key = (str(address), socket, tls, settings, written.connect)

        def build() -> Pool:
            context: ssl.SSLContext | None = None
            if address.scheme == "https":
                try:
                    context = service_context(tls)
                except CertificateError as error:
                    self._problems.add(("services", name, "tls", error.part), str(error))
            where = Address(
                address.host,
                address.port,
                socket,
                context,
                (tls.server_name or "") if tls is not None else "",
            )
            return Pool(
                where,
                size=settings.connections,
                queue=settings.queue,
                idle_s=settings.idle,
                connect_s=written.connect,
            )

        pool = self.pools.get(key)
        if pool is None:
            pool = self.pools[key] = self._live.pool(key, build)
        return Instance(address, pool)


def breaker_rule(written: BreakerSettings) -> BreakerRule:
    """The breaker's rule as `rules.breaker` takes it."""
    return BreakerRule(
        errors=written.errors,
        volume=written.volume,
        window_s=written.window,
        reset_s=written.reset,
        consecutive=written.consecutive,
        probes=written.probes,
    )
