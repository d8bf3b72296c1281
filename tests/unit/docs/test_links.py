"""Links between the pages lead somewhere: the file is there, and so is the heading."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs.pages import ROOT, Page, pages

PAGES = pages()


def test_there_are_pages() -> None:
    names = {one.name for one in PAGES}
    assert {"README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md"} <= names
    assert {"docs/features.md", "docs/operations.md", "docs/plugins.md", "docs/not.md"} <= names


@pytest.mark.parametrize("source", PAGES, ids=lambda one: one.name)
def test_every_relative_link_leads_somewhere(source: Page) -> None:
    broken = []
    for link in source.links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (source.path.parent / path).resolve() if path else source.path
        anchors = Page(target).anchors if target.suffix == ".md" and target.exists() else set()
        inside = target.exists() and target.is_relative_to(ROOT)
        if not inside or (anchor and anchor not in anchors):
            broken.append(link)
    assert broken == []


def test_every_page_of_docs_is_linked_from_another() -> None:
    linked = {
        (source.path.parent / link.partition("#")[0]).resolve()
        for source in PAGES
        for link in source.links
        if (source.path.parent / link.partition("#")[0]).resolve() != source.path
    }
    missing = [one.name for one in PAGES if one.path.parent == ROOT / "docs" and one.path not in linked]
    assert missing == []


@pytest.mark.parametrize("source", PAGES, ids=lambda one: one.name)
def test_no_page_has_an_open_block_of_code(source: Page) -> None:
    assert source.prose.count("```") == 0
