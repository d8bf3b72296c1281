"""The metrics of one worker: every family that the gateway shows, with its name, labels, buckets and merge rule.

Names, labels and buckets of the `http_`, `authentication_` and `circuit_breaker_` families are requirement 12.1's;
`process_` and `python_` are Prometheus' conventional names. Label values come from the configuration and from
fixed sets only, never raw from a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import portico

from . import vitals
from .metrics import BUDGET, Number, Registry
from .snapshot import Merge

SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2, 5)
STORE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
BYTES = (100, 1000, 10000, 100000, 1000000)


class Metrics:
    """The registry of one worker and its families. Plug-in stages make their own on `registry`.

    Families that end in a comment "sampled" are filled by whoever owns the figures: `registry.sample(family, ...)`.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        registry = self.registry = Registry(budget)
        self.durations = registry.histogram(
            "http_request_duration_seconds",
            "Time from a request's complete head to the end of its reply.",
            ["method", "route", "status_code"],
            bounds=SECONDS,
            counted_as=("http_requests_total", "Requests that have ended; 499 when the client went away."),
        )
        self.in_progress = registry.gauge(  # sampled
            "http_requests_in_progress", "Requests that have begun and not ended."
        )
        self.request_sizes = registry.histogram(
            "http_request_size_bytes", "Size of request bodies.", ["method", "route"], bounds=BYTES
        )
        self.reply_sizes = registry.histogram(
            "http_response_size_bytes", "Size of reply bodies.", ["method", "route"], bounds=BYTES
        )
        attempts = registry.counter(
            "authentication_attempts_total", "Requests that had to prove who they are.", ["status"]
        )
        self.authentication_success: Number = attempts.labels("success")
        self.authentication_failure: Number = attempts.labels("failure")
        self.key_fetches = registry.counter(
            "portico_identity_key_fetches_total",
            "Fetches of an issuer's keys, by outcome: fetched or failed.",
            ["identity", "outcome"],
        )
        self.introspections = registry.counter(
            "portico_identity_introspections_total",
            "Questions to an issuer about a token, by outcome: active, inactive or failed.",
            ["identity", "outcome"],
        )
        self.limits_exceeded = registry.counter(
            "rate_limit_exceeded_total",
            "Requests beyond a limit; enforced is false where the limit only reports.",
            ["limit", "route", "enforced"],
        )
        self.limit_keys = registry.gauge(  # sampled
            "portico_rate_limit_keys", "Callers that limits remember."
        )
        self.limit_keys_forgotten = registry.counter(  # sampled
            "portico_rate_limit_keys_forgotten_total", "Callers forgotten because there were too many."
        )
        self.breaker_state = registry.gauge(  # sampled
            "circuit_breaker_state", "0 closed, 1 open, 2 half-open.", ["service"], "breaker"
        )
        self.breaker_events = registry.counter(  # sampled
            "circuit_breaker_events_total",
            "What breakers saw and did: success, failure, timeout, reject, open, halfOpen, close.",
            ["service", "event"],
        )
        self.client_connections = registry.gauge(  # sampled
            "portico_client_connections", "Open connections of clients, by state.", ["state"]
        )
        self.connections_refused = registry.counter(  # sampled
            "portico_client_connections_refused_total", "Connections of clients beyond the limit."
        )
        self.handshakes = registry.counter(  # sampled
            "portico_tls_handshakes_total",
            "TLS handshakes with clients that are over: done, failed, late, or dropped because there were too many.",
            ["outcome"],
        )
        self.certificate_ends = registry.gauge(  # sampled
            "portico_certificate_expires_timestamp_seconds",
            "When a certificate that is shown to clients expires, wall time.",
            ["address", "names"],
            "min",
        )
        self.pool_connections = registry.gauge(  # sampled
            "portico_pool_connections", "Open connections to services, by state.", ["service", "state"]
        )
        self.pool_waiting = registry.gauge(  # sampled
            "portico_pool_waiting_requests", "Requests that wait for a connection to a service.", ["service"]
        )
        self.pool_connects = registry.counter(  # sampled
            "portico_pool_connects_total",
            "Connections opened to services, by outcome.",
            ["service", "outcome"],
        )
        self.store = StoreFigures(registry)
        self.memory_reserved = registry.gauge(  # sampled
            "portico_memory_reserved_bytes", "Bytes of the buffer budget that are in use."
        )
        self.memory_refusals = registry.counter(  # sampled
            "portico_memory_refusals_total", "Times that the buffer budget was spent."
        )
        self.log_lines_dropped = registry.counter(
            "portico_log_lines_dropped_total", "Log lines that could not be written.", ["log"]
        )
        self.stalls = registry.counter(
            "portico_loop_stalls_total", "Times that something blocked the loop.", ["stage"]
        )
        _describe_process(registry)


class StoreFigures:
    """How the store outside this process does. One in this process is always up, and not counted."""

    def __init__(self, registry: Registry) -> None:
        up = registry.gauge(
            "portico_store_up", "Whether the store can be asked, by the worst worker.", merge="min"
        )
        self._up = up.labels()
        self._up.value = 1
        questions = registry.counter(
            "portico_store_questions_total",
            "Questions to a store outside the worker: answered, failed, or not asked because it was away.",
            ["outcome"],
        )
        self._answered = questions.labels("answered")
        self._failed = questions.labels("failed")
        self._unasked = questions.labels("away")
        self._seconds = registry.histogram(
            "portico_store_seconds", "Time from a question to the store's answer.", bounds=STORE_SECONDS
        ).labels()

    def answered(self, seconds: float) -> None:
        """A question was answered."""
        self._answered.value += 1
        self._seconds.observe(seconds)

    def failed(self) -> None:
        """A question was asked in vain."""
        self._failed.value += 1

    def unasked(self) -> None:
        """A question was not asked."""
        self._unasked.value += 1

    def is_up(self, up: bool) -> None:
        """The store can be asked from now on, or cannot."""
        self._up.value = int(up)


def _describe_process(registry: Registry) -> None:
    def gauge(name: str, text: str, merge: Merge, figure: Callable[[], float | None]) -> None:
        registry.sample(registry.gauge(name, text, merge=merge), _one(figure))

    def resident() -> int | None:
        sizes = vitals.memory_bytes()
        return None if sizes is None else sizes[0]

    def virtual() -> int | None:
        sizes = vitals.memory_bytes()
        return None if sizes is None else sizes[1]

    gauge("process_resident_memory_bytes", "Resident memory, all workers.", "sum", resident)
    gauge("process_virtual_memory_bytes", "Virtual memory, all workers.", "sum", virtual)
    # Limits hold per process: the worker that is nearest to its limit is the one to know of.
    gauge("process_open_fds", "Open file descriptors, the worker with most.", "max", vitals.open_files)
    gauge("process_max_fds", "File descriptors that a worker may open.", "min", vitals.file_limit)
    gauge("process_start_time_seconds", "Start of the oldest worker, wall time.", "min", vitals.started_s)
    cpu = registry.counter("process_cpu_seconds_total", "CPU time in user and system mode, all workers.")
    registry.sample(cpu, _one(vitals.cpu_s))
    for name, text, samples in (
        ("python_gc_collections_total", "Runs of the garbage collector.", vitals.collections),
        ("python_gc_objects_collected_total", "Objects that the collector freed.", vitals.collected),
        ("python_gc_objects_uncollectable_total", "Objects it could not free.", vitals.uncollectable),
    ):
        registry.sample(registry.counter(name, text, ["generation"]), samples)
    implementation, version = vitals.python_version()
    info = registry.gauge("python_info", "The Python that runs.", ["implementation", "version"], "max")
    info.labels(implementation, version).value = 1
    build = registry.gauge("portico_build_info", "The Portico that runs.", ["version"], "max")
    build.labels(portico.__version__).value = 1


def _one(figure: Callable[[], float | None]) -> Callable[[], Iterator[tuple[Sequence[str], float]]]:
    def samples() -> Iterator[tuple[Sequence[str], float]]:
        value = figure()
        if value is not None:
            yield (), value

    return samples
