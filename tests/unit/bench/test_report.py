"""Results as a page and as figures: nothing that was measured, left out or broken is lost."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from bench.machine import Machine, this_machine
from bench.peers import Running, Setup, chosen
from bench.report import Report, markdown
from bench.results import Bar, Chart, Result, Table
from bench.throughput import Turns, report

MACHINE = Machine("2026-11-22", "A Processor", 2, 24, "A System", "3.11.7", "4.1.0", 0.2)


def turns(name: str, rates: list[float], cpu_us: list[float]) -> Turns:
    (peer,) = chosen([name])
    running = Running(peer, f"{name} 1.2.3, with more on something", Setup(Path(), 1, 2), 1)
    return Turns(running, rates, cpu_us, [1.0 for _ in rates])


def test_the_table_has_medians_spread_and_ratios() -> None:
    result = Result("get", "Small GET")
    report(
        [
            turns("nginx", [100.0, 400.0, 200.0], [20.0, 10.0, 30.0]),
            turns("portico-bare", [90.0, 100.0, 110.0], [50.0, 50.0, 50.0]),
        ],
        result,
        "one round",
    )
    (table,) = result.tables
    assert table.rows == [
        ("nginx, nothing on", "200 (100–400)", "1.00", "20.0", "1.00", "100%"),
        ("Portico, nothing on", "100 (90–110)", "0.50", "50.0", "2.50", "100%"),
    ]
    assert result.measured["portico-bare"]["requests_per_s"] == [90.0, 100.0, 110.0]


def test_without_nginx_there_is_no_ratio() -> None:
    result = Result("get", "Small GET")
    report([turns("portico-bare", [100.0], [50.0])], result, "one round")
    assert result.tables[0].rows[0][2:5] == ("–", "50.0", "–")


def test_the_chart_starts_with_everything_on_and_goes_from_fast_to_slow() -> None:
    result = Result("get", "Small GET")
    measured = [
        ("nginx", 400.0),
        ("portico-bare", 200.0),
        ("portico-everything", 100.0),
        ("envoy-everything", 150.0),
    ]
    report([turns(name, [rate], [1.0]) for name, rate in measured], result, "one round")
    bars = result.charts[0].bars
    assert [bar.value for bar in bars] == [150.0, 100.0, 400.0, 200.0]
    assert [bar.label for bar in bars][:2] == ["envoy-everything 1.2.3", "portico-everything 1.2.3"]
    assert [bar.marked for bar in bars] == [False, True, False, True]


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert markdown(Table(("a",), [("x|y",)], "T")) == "**T**\n\n| a |\n| --- |\n| x\\|y |"


def test_what_was_left_out_or_failed_is_named(tmp_path: Path) -> None:
    result = Result("get", "Small GET", [Table(("a", "b"), [("1", "2")])], notes=["A note."])
    result.failed["caddy"] = "answered with 502"
    result.charts = [Chart("Small GET", "requests/s", [Bar("x", 1, 1, 1)]), Chart("Again", "MB/s", [])]
    result.measured = {"nginx": [1, 2]}
    Report(MACHINE, {"nginx": "nginx 1.22"}, {"envoy-bare": "no wheel"}, 5, 4, [result]).write(tmp_path)
    page = (tmp_path / "results.md").read_text()
    for part in (
        "| 1 | 2 |",
        "A note.",
        "**caddy failed:** answered with 502",
        "- envoy-bare: no wheel",
        "nginx 1.22",
    ):
        assert part in page
    assert "2026-11-22" in page
    assert "not a quiet machine" not in page
    for chart in ("get.svg", "get-2.svg"):
        assert f"]({chart})" in page
        ElementTree.parse(tmp_path / chart)
    figures = json.loads((tmp_path / "results.json").read_text())
    assert figures["scenarios"]["get"]["measured"] == {"nginx": [1, 2]}
    assert figures["scenarios"]["get"]["failed"] == {"caddy": "answered with 502"}
    assert figures["left_out"] == {"envoy-bare": "no wheel"}
    assert figures["machine"]["processor"] == "A Processor"


def test_a_busy_machine_is_called_that() -> None:
    busy = Machine("2026-11-22", "A Processor", 2, 24, "A System", "3.11.7", "4.1.0", 3.0)
    assert "not a quiet machine" in busy.sentence()


def test_this_machine_is_described_without_its_name() -> None:
    import platform

    sentence = this_machine().sentence()
    assert platform.python_version() in sentence
    assert f" {platform.node()} " not in sentence
