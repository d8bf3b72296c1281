"""Every complete configuration on the pages is loaded by what `portico check` loads with, and has no problem."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portico.gateway.check import load_offline
from tests.certificates import Authority
from tests.unit.docs.pages import ROOT, Block, pages
from tests.unit.identity.signing import private_key, public_pem

FOUND = {
    f"{page.path.stem}-{number}": block
    for page in pages()
    # docs/plugins.md needs its own stages: test_plugins_page.py.
    if re.fullmatch(r"docs/[a-z-]+\.md", page.name) and page.name != "docs/plugins.md"
    for number, block in enumerate(page.blocks)
    if block.language == "yaml" and re.match(r"(#.*\n)*version: 1\n", block.text)
}
A_SECRET = "a secret of the pages that is more than sixty-four bytes long, so that it fits all"
OURS = Authority("Ours")


def made(path: Path) -> str:
    """What stands in a file that an example names."""
    if path.name == "machine.pem":
        return public_pem(private_key("ES256"))
    issued = OURS.issue([f"{path.stem}.test"])
    return issued.key if path.suffix == ".key" else issued.cert


def test_there_are_examples() -> None:
    assert len(FOUND) > 5


@pytest.mark.parametrize("block", FOUND.values(), ids=FOUND)
def test_it_has_no_problem(block: Block, tmp_path: Path) -> None:
    for name in re.findall(r"[\w/.-]+\.(?:pem|key)\b", block.text):
        path = tmp_path / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made(path), "utf-8")
    file = tmp_path / (block.name or "portico.yaml")
    file.write_text(block.text, "utf-8")
    env = {name: f"{name}: {A_SECRET}" for name in re.findall(r"\$\{([A-Z_]+)\}", block.text)}
    load_offline(str(file), env)


def test_a_problem_would_be_seen(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="tikets"):
        test_it_has_no_problem(
            Block("yaml", "version: 1\nroutes: [{match: /a, service: tikets}]\n"), tmp_path
        )


def test_the_pages_of_methods_have_one_each() -> None:
    named = {name.rpartition("-")[0] for name in FOUND}
    for path in Path(ROOT, "docs").glob("authentication-*.md"):
        assert path.stem in named, f"{path.name} has no complete configuration"
