"""A horizontal bar chart as SVG, by hand: readable on light and on dark pages, without a library or a font file.

Colours come from one style sheet inside, which asks the reader's colour scheme; the background is transparent. Each
bar shows its median, its figure, and the spread as a thin line.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from .results import Bar, Chart

WIDTH = 760
_LABELS, _FIGURES = 250, 80
_ROW, _BAR = 26, 16
_TOP, _HEADING, _BOTTOM = 58, 30, 34

_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .quiet { font-size: 12px; fill: #59636e }
  .heading { font-weight: 600; fill: #59636e }
  .bar { fill: #8c959f }
  .marked { fill: #0969da }
  .spread { stroke: #24292f; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet, .heading { fill: #9198a1 }
    .bar { fill: #6e7681 }
    .marked { fill: #4493f8 }
    .spread { stroke: #e6edf3 }
  }
"""


def svg(chart: Chart, footer: str) -> str:
    """The chart as a document. The longest spread fills the width; the footer says when and on what."""
    most = max((bar.high for bar in chart.bars), default=0) or 1
    scale = (WIDTH - _LABELS - _FIGURES) / most
    lines: list[str] = []
    y, group = _TOP, ""
    for bar in chart.bars:
        if bar.group != group:
            group = bar.group
            lines.append(f'<text class="heading" x="0" y="{y + 18}">{escape(group.capitalize())}</text>')
            y += _HEADING
        lines += _row(bar, y, scale)
        y += _ROW
    height = y + _BOTTOM
    told = ", ".join(f"{bar.label} {bar.group}: {bar.value:,.0f}" for bar in chart.bars)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'height="{height}" role="img" aria-labelledby="title told">',
            f'<title id="title">{escape(chart.title)}, {escape(chart.unit)}</title>',
            f'<desc id="told">{escape(told)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="0" y="18">{escape(chart.title)}: {escape(chart.unit)}</text>',
            f'<text class="quiet" x="0" y="38">{escape(chart.caption)}</text>',
            *lines,
            f'<text class="quiet" x="0" y="{height - 8}">{escape(footer)}</text>',
            "</svg>\n",
        ]
    )


def _row(bar: Bar, y: int, scale: float) -> list[str]:
    """Label, bar, spread and figure."""
    middle = y + _BAR / 2
    baseline = middle + 4.5
    end = _LABELS + bar.value * scale
    low, high = _LABELS + bar.low * scale, _LABELS + bar.high * scale
    colour = "bar marked" if bar.marked else "bar"
    return [
        f'<text x="{_LABELS - 10}" y="{baseline:.1f}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{colour}" x="{_LABELS}" y="{y}" width="{max(end - _LABELS, 1):.1f}" height="{_BAR}" rx="2"/>',
        f'<line class="spread" x1="{low:.1f}" y1="{middle:.1f}" x2="{high:.1f}" y2="{middle:.1f}"/>',
        f'<text x="{max(end, high) + 8:.1f}" y="{baseline:.1f}">{bar.value:,.0f}</text>',
    ]
