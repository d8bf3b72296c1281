"""What the repository promises of itself: locks that name no place, and a page that names every dependency."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCKS = sorted(file.stem for file in (ROOT / "requirements").glob("*.txt"))


def locked(kind: str) -> dict[str, str]:
    """Package and version by the lock file of that kind."""
    text = (ROOT / "requirements" / f"{kind}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


def direct() -> dict[str, set[str]]:
    """The packages that pyproject.toml names, in lower case, by extra; the gateway's own under the empty name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    names = {
        extra: {re.split(r"[\[>=<~!; ]", wanted)[0].lower() for wanted in some}
        for extra, some in lists.items()
    }
    assert names.pop("all") == {project["name"]}, "the extra `all` is made of the others"
    return names


@pytest.mark.parametrize("kind", LOCKS)
def test_a_lock_names_no_place_and_hashes_everything(kind: str) -> None:
    text = (ROOT / "requirements" / f"{kind}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE), "an option of pip's"
    blocks = re.split(r"^(?=[a-z0-9.-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(locked(kind))
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_working_on_it_installs_the_versions_that_run() -> None:
    assert locked("run").items() <= locked("dev").items()


def test_what_is_declared_is_locked() -> None:
    declared = direct()
    to_work = declared.pop("dev")
    assert set().union(*declared.values()) <= locked("run").keys()
    assert to_work <= locked("dev").keys()


def test_every_direct_dependency_has_a_row() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text().lower()
    cells = " ".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| "))
    named = set(re.findall(r"[a-z][a-z0-9-]*", cells))
    assert set().union(*direct().values()) - named == set()
