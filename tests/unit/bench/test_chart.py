"""The chart is a document that any reader can show: well-formed, in proportion, for light and dark pages."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bench.chart import WIDTH, svg
from bench.results import Bar, Chart

SVG = "{http://www.w3.org/2000/svg}"
BARS = [
    Bar("Ours & theirs <1>", 2000, 1500, 2500, marked=True, group="everything on"),
    Bar("Envoy", 1000, 900, 1100, group="everything on"),
    Bar("nginx", 4000, 3000, 5000, group="nothing on"),
]


def drawn(*bars: Bar) -> ElementTree.Element:
    return ElementTree.fromstring(
        svg(Chart("Small GET", "requests/s", list(bars), "5 rounds"), "today · here")
    )


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_names_figures_conditions_and_machine_are_on_it() -> None:
    root = drawn(*BARS)
    assert texts(root) == [
        *("Small GET: requests/s", "5 rounds", "Everything on", "Ours & theirs <1>", "2,000"),
        *("Envoy", "1,000", "Nothing on", "nginx", "4,000", "today · here"),
    ]
    described = root.find(f"{SVG}desc")
    assert described is not None
    assert "nginx nothing on: 4,000" in (described.text or ""), "for those who do not see it"


def test_bars_are_in_proportion_and_spreads_stay_inside() -> None:
    root = drawn(*BARS)
    widths = [float(bar.attrib["width"]) for bar in root.iter(f"{SVG}rect")]
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.01)
    assert widths[2] / widths[1] == pytest.approx(4, rel=0.01)
    spreads = [(float(line.attrib["x1"]), float(line.attrib["x2"])) for line in root.iter(f"{SVG}line")]
    assert all(low < high < WIDTH for low, high in spreads)
    height = float(root.attrib["height"])
    assert all(float(text.attrib["y"]) < height for text in root.iter(f"{SVG}text"))


def test_only_ours_are_marked_and_dark_pages_have_colours_of_their_own() -> None:
    root = drawn(*BARS)
    assert [bar.attrib["class"] for bar in root.iter(f"{SVG}rect")] == ["bar marked", "bar", "bar"]
    style = root.find(f"{SVG}style")
    assert style is not None
    light, _, dark = (style.text or "").partition("prefers-color-scheme: dark")
    for kind in ("text", ".bar", ".marked", ".spread"):
        assert kind in light
        assert kind in dark


def test_a_chart_of_nothing_is_a_chart() -> None:
    assert list(drawn().iter(f"{SVG}rect")) == []
