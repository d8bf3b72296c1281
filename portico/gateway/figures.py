"""The worker's own figures for the metrics: taken when somebody asks, never counted along the road."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from portico.http.phase import Phase
from portico.rules import State

from .entrances import shown_certificates

if TYPE_CHECKING:
    from .gateway import Gateway

Sample = tuple[Sequence[str], float]

# Requirements 12.1.
_STATES = {State.CLOSED: 0, State.OPEN: 1, State.HALF_OPEN: 2}


def sample_figures(gateway: Gateway) -> None:
    """Fill the sampled families of `gateway.metrics` from its live state."""
    metrics = gateway.metrics
    registry = metrics.registry

    def in_progress() -> Iterator[Sample]:
        yield (), len(gateway.road.active)

    def breaker_states() -> Iterator[Sample]:
        now = monotonic()
        for name, breaker in gateway.services.breakers.items():
            yield (name,), _STATES[breaker.state(now)]

    def breaker_events() -> Iterator[Sample]:
        for name, breaker in gateway.services.breakers.items():
            for event, count in breaker.events().items():
                yield (name, event), count

    def clients() -> Iterator[Sample]:
        if gateway.listener is not None:
            states = Counter(
                Phase(connection.phase).name.lower() for connection in gateway.listener.connections
            )
            for state, count in states.items():
                yield (state,), count
            yield ("handshake",), len(gateway.listener.handshakes)

    def refused() -> Iterator[Sample]:
        yield (), 0 if gateway.listener is None else gateway.listener.refused

    def handshakes() -> Iterator[Sample]:
        if gateway.listener is not None:
            for outcome, count in gateway.listener.handshakes.outcomes.items():
                yield (outcome,), count

    def certificate_ends() -> Iterator[Sample]:
        if gateway.listener is not None:
            listen = gateway.road.runtime.settings.gateway.listen
            for address, certificate in shown_certificates(listen, gateway.listener.entrances):
                yield (address, " ".join(certificate.names)), certificate.ends

    def pool_connections() -> Iterator[Sample]:
        for service, stats in gateway.pool_stats().items():
            yield (service, "idle"), stats["idle"]
            yield (service, "busy"), stats["open"] - stats["idle"]

    def pool_waiting() -> Iterator[Sample]:
        for service, stats in gateway.pool_stats().items():
            yield (service,), stats["waiting"]

    def reserved() -> Iterator[Sample]:
        yield (), gateway.memory.used

    def refusals() -> Iterator[Sample]:
        yield (), gateway.memory.refusals

    def limit_keys() -> Iterator[Sample]:
        yield (), gateway.limits.room.used

    def limit_keys_forgotten() -> Iterator[Sample]:
        yield (), gateway.limits.room.forgotten

    def pool_connects() -> Iterator[Sample]:
        for service, stats in gateway.pool_stats().items():
            yield (service, "opened"), stats["connects"]
            yield (service, "failed"), stats["connect_failures"]

    registry.sample(metrics.in_progress, in_progress)
    registry.sample(metrics.breaker_state, breaker_states)
    registry.sample(metrics.breaker_events, breaker_events)
    registry.sample(metrics.client_connections, clients)
    registry.sample(metrics.connections_refused, refused)
    registry.sample(metrics.handshakes, handshakes)
    registry.sample(metrics.certificate_ends, certificate_ends)
    registry.sample(metrics.pool_connections, pool_connections)
    registry.sample(metrics.pool_waiting, pool_waiting)
    registry.sample(metrics.memory_reserved, reserved)
    registry.sample(metrics.memory_refusals, refusals)
    registry.sample(metrics.pool_connects, pool_connects)
    registry.sample(metrics.limit_keys, limit_keys)
    registry.sample(metrics.limit_keys_forgotten, limit_keys_forgotten)
