"""What the Makefile's scripts tell a person whose machine lacks something: one line, and an exit code."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The commands without the product: what a clone has, and one empty profile."""
    root = tmp_path / "clone"
    for folder in ("tools", "requirements"):
        shutil.copytree(ROOT / folder, root / folder)
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / file, root)
    (root / "profiles").mkdir()
    (root / "profiles" / "tiny.yaml").touch()
    return root


def make(tree: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        ["make", *arguments], cwd=tree, env=keep | variables, check=False, capture_output=True, text=True
    )


def stand_in(folder: Path, *, says: str, fails_on: str) -> str:
    """A python that fails when it is handed code with `fails_on` in it. Returns its path."""
    script = folder / "python-stand-in"
    script.write_text(f'#!/bin/sh\ncase "$*" in *{fails_on}*) exit 1 ;; *--version*) echo "{says}" ;; esac\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def test_make_alone_lists_every_target(tree: Path) -> None:
    listed = make(tree).stdout
    (phony,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:")]
    for target in phony.split()[1:]:
        assert f"make {target} " in listed


def test_a_missing_python_is_named(tree: Path) -> None:
    done = make(tree, "check", PYTHON="python3.99")
    assert done.returncode != 0
    assert "portico: python3.99 is missing. Install Python 3.11 or newer" in done.stderr


def test_an_old_python_is_refused(tree: Path) -> None:
    done = make(tree, "check", PYTHON=stand_in(tree, says="Python 3.9.2", fails_on="version_info"))
    assert done.returncode != 0
    assert "Python 3.9.2 is too old: Portico needs 3.11 or newer" in done.stderr


def test_a_missing_venv_module_is_named_with_its_package(tree: Path) -> None:
    done = make(tree, "check", PYTHON=stand_in(tree, says="Python 3.11.2", fails_on="ensurepip"))
    assert done.returncode != 0
    assert "has no venv module. Install it: apt-get install python3-venv" in done.stderr
    assert not (tree / ".venv").exists()


def test_an_unknown_profile_is_told_with_those_that_exist(tree: Path) -> None:
    done = make(tree, "run", "PROFILE=tyni")
    assert done.returncode != 0
    assert "there is no profiles/tyni.yaml. Profiles: tiny" in done.stderr


@pytest.fixture
def ready(tree: Path) -> Path:
    """A tree whose environment is in place, with a gateway that only tells what it was given."""
    bin_folder = tree / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    # A wrapper, not a link: a link would take this folder for a virtual environment without packages.
    (bin_folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (bin_folder / "portico").write_text(
        '#!/bin/sh\necho "$* with $JWT_SECRET for $DEMO_USER $DEMO_PASSWORD"\nexit 7\n'
    )
    for script in bin_folder.iterdir():
        script.chmod(0o755)
    fingerprint = subprocess.run(
        "cat requirements/run.txt pyproject.toml | cksum",
        shell=True,
        cwd=tree,
        check=True,
        capture_output=True,
    )
    (tree / ".venv" / "lock-run").write_bytes(fingerprint.stdout)
    return tree


def test_the_first_run_makes_private_secrets_and_the_next_keeps_them(ready: Path) -> None:
    first = make(ready, "run", "PROFILE=tiny")
    assert first.returncode != 0, "the gateway's own exit code counts"
    files = [ready / "var" / name for name in ("jwt-secret", "demo-password")]
    secret, password = (file.read_text().strip() for file in files)
    assert len(secret) >= 64
    assert len(password) >= 16
    assert first.stdout == f"run profiles/tiny.yaml with {secret} for demo@tiny.example {password}\n"
    assert stat.S_IMODE((ready / "var").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    again = make(ready, "run", "PROFILE=tiny")
    assert again.stdout == first.stdout


def test_what_the_environment_says_is_kept(ready: Path) -> None:
    own = {"JWT_SECRET": "my own", "DEMO_USER": "me@example.org", "DEMO_PASSWORD": "known"}
    done = make(ready, "run", "PROFILE=tiny", **own)
    assert done.stdout == "run profiles/tiny.yaml with my own for me@example.org known\n"
    assert list((ready / "var").iterdir()) == []


def test_a_data_folder_that_cannot_be_made_is_one_line(ready: Path) -> None:
    (ready / "var").write_text("a file where the folder should be")
    done = make(ready, "run", "PROFILE=tiny")
    assert done.returncode != 0
    assert "portico: cannot make the folder var in" in done.stderr
