"""The text format: what a scrape reads."""

from __future__ import annotations

import math
import shutil
import subprocess

import pytest

from portico.observe.exposition import render
from portico.observe.families import Metrics
from portico.observe.metrics import Registry
from portico.observe.snapshot import merge


def test_a_histogram_is_cumulative_and_has_inf_sum_and_count() -> None:
    registry = Registry()
    child = registry.histogram("age_seconds", "Age.", ["by"], bounds=[0.5, 1]).labels("x")
    for value in (0.25, 0.75, 9):
        child.observe(value)
    assert render(registry.snapshot()).decode() == (
        "# HELP age_seconds Age.\n"
        "# TYPE age_seconds histogram\n"
        'age_seconds_bucket{by="x",le="0.5"} 1\n'
        'age_seconds_bucket{by="x",le="1"} 2\n'
        'age_seconds_bucket{by="x",le="+Inf"} 3\n'
        'age_seconds_sum{by="x"} 10\n'
        'age_seconds_count{by="x"} 3\n'
    )


def test_a_histogram_shows_its_counts_as_a_counter() -> None:
    registry = Registry()
    family = registry.histogram("age_seconds", "Age.", ["by"], bounds=[1], counted_as=("ages_total", "Ages."))
    family.labels("x").observe(0.5)
    family.labels("x").observe(7)
    page = render(merge([registry.snapshot(), registry.snapshot()])).decode()
    assert '# TYPE ages_total counter\nages_total{by="x"} 4\n' in page


def test_texts_and_labels_are_escaped() -> None:
    registry = Registry()
    registry.gauge("depth", "a\\b\nc", ["of"]).labels('q"\\\n').value = 1
    page = render(registry.snapshot()).decode()
    assert "# HELP depth a\\\\b\\nc\n" in page
    assert 'depth{of="q\\"\\\\\\n"} 1\n' in page


def test_figures_are_written_as_prometheus_reads_them() -> None:
    registry = Registry()
    family = registry.gauge("depth", "x", ["of"])
    for name, value in {"a": 2.0, "b": 0.1, "c": math.inf, "d": -math.inf, "e": math.nan, "f": 2**60}.items():
        family.labels(name).value = value
    lines = render(registry.snapshot()).decode().splitlines()[2:]
    assert [line.split(" ")[1] for line in lines] == ["2", "0.1", "+Inf", "-Inf", "NaN", str(2**60)]


def test_families_without_a_child_are_left_out() -> None:
    registry = Registry()
    registry.counter("tries_total", "Tries.", ["by"])
    assert render(registry.snapshot()) == b""


def filled() -> Metrics:
    metrics = Metrics()
    metrics.durations.labels("GET", '/a"\\\n/{id}', "200").observe(0.02)
    metrics.request_sizes.labels("GET", "/a").observe(3)
    metrics.reply_sizes.labels("GET", "/a").observe(3)
    metrics.log_lines_dropped.labels("access").value += 1
    metrics.stalls.labels("gateway").value += 1
    registry = metrics.registry
    registry.sample(metrics.in_progress, lambda: [((), 2)])
    registry.sample(metrics.breaker_events, lambda: [(("tickets", "open"), 1)])
    registry.sample(metrics.connections_refused, lambda: [((), 1)])
    registry.sample(metrics.pool_connects, lambda: [(("tickets", "opened"), 1)])
    registry.sample(metrics.breaker_state, lambda: [(("tickets",), 1)])
    registry.sample(metrics.client_connections, lambda: [(("idle",), 7)])
    registry.sample(metrics.pool_connections, lambda: [(("tickets", "idle"), 3)])
    registry.sample(metrics.pool_waiting, lambda: [(("tickets",), 0)])
    registry.sample(metrics.memory_reserved, lambda: [((), 4096)])
    registry.sample(metrics.memory_refusals, lambda: [((), 1)])
    return metrics


def test_a_whole_page_has_every_family_of_the_requirement() -> None:
    page = render(filled().registry.snapshot()).decode()
    for line in (
        'http_request_duration_seconds_bucket{method="GET",route="/a\\"\\\\\\n/{id}",status_code="200",le="0.05"} 1',
        'http_requests_total{method="GET",route="/a\\"\\\\\\n/{id}",status_code="200"} 1',
        "http_requests_in_progress 2",
        'http_request_size_bytes_bucket{method="GET",route="/a",le="1000000"} 1',
        'http_response_size_bytes_sum{method="GET",route="/a"} 3',
        'authentication_attempts_total{status="success"} 0',
        'authentication_attempts_total{status="failure"} 0',
        'circuit_breaker_state{service="tickets"} 1',
        'circuit_breaker_events_total{service="tickets",event="open"} 1',
    ):
        assert line in page
    for name in (
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_start_time_seconds",
        'python_gc_collections_total{generation="2"}',
        "portico_build_info{version=",
    ):
        assert f"\n{name}" in page


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian package prometheus) is missing"
)
def test_promtool_accepts_the_page() -> None:
    page = render(merge([filled().registry.snapshot(), filled().registry.snapshot()]))
    told = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert (told.returncode, told.stdout + told.stderr) == (0, b"")
