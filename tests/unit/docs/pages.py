"""The repository's Markdown: its pages, their blocks of code, links, anchors and tables."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

_FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_TABLE_ROW = re.compile(r"^\| (.*) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code. `name` is the file that its first line says it is (`# beta.py`), or empty."""

    language: str
    text: str

    @property
    def name(self) -> str:
        found = re.match(r"# (\S+\.[a-z]+)\n", self.text)
        return found[1] if found is not None else ""


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def blocks(self) -> list[Block]:
        return [Block(language, text) for language, text in _FENCE.findall(self.text)]

    @property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return _FENCE.sub("", self.text)

    @property
    def spans(self) -> list[str]:
        """What stands in backticks."""
        return _CODE_SPAN.findall(self.prose)

    @property
    def links(self) -> list[str]:
        return _LINK.findall(_CODE_SPAN.sub("", self.prose))

    @property
    def anchors(self) -> set[str]:
        """Where a link with # can point, as the usual hosts of repositories name headings."""
        return {_anchor(heading) for heading in _HEADING.findall(self.prose)}

    def rows(self) -> Iterator[list[str]]:
        """The cells of every line of every table."""
        for row in _TABLE_ROW.findall(self.prose):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                yield cells


def page(name: str) -> Page:
    """The page with this path from the root of the repository."""
    return Page(ROOT / name)


def pages() -> list[Page]:
    """Every Markdown file that belongs to the repository, or is about to."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / line for line in listed.stdout.splitlines()]
    else:  # not a clone: a copy without history
        found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    return [Page(path) for path in sorted(found) if path.exists()]


def _anchor(heading: str) -> str:
    plain = _LINK.sub(lambda found: found[0][1 : found[0].index("]")], heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
