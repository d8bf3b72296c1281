"""The wheel runs the platform by itself: gateway, profile and samples, from nothing but what it installs."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built wheel in it, installed as pip does, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--target", folder / "site", wheel, cwd=folder)
    return folder / "site"


@pytest.fixture
def environment(site: Path) -> dict[str, str]:
    """The wheel's modules before the checkout's; a secret and a port for the profile."""
    return os.environ | {"PYTHONPATH": str(site), "JWT_SECRET": "of this test alone, " * 4, "PORT": "0"}


def test_the_wheel_holds_what_the_repository_promises(site: Path) -> None:
    assert (site / "portico" / "py.typed").is_file()
    assert (site / "profiles" / "psa.yaml").is_file()
    assert (site / "samples" / "tickets").is_dir()
    (metadata,) = site.glob("portico_gateway-*.dist-info")
    assert (metadata / "licenses" / "LICENSE").is_file()
    assert not (site / "tests").exists()
    assert not (site / "tools").exists()


def test_the_wheel_is_what_is_tested_here(site: Path, environment: dict[str, str], tmp_path: Path) -> None:
    show = "import portico, profiles, samples; print(portico.__file__, profiles.__file__, samples.__file__)"
    files = run(sys.executable, "-c", show, cwd=tmp_path, env=environment).split()
    assert [Path(file).is_relative_to(site) for file in files] == [True] * 3


@pytest.fixture
def gateway(site: Path, environment: dict[str, str], tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """`portico run` of the wheel's own profile, in a folder that has nothing to do with the checkout."""
    profile = site / "profiles" / "psa.yaml"
    process = subprocess.Popen(
        [sys.executable, "-m", "portico", "run", profile],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield process
        process.kill()


def test_the_wheel_serves_its_profile(gateway: "subprocess.Popen[str]", tmp_path: Path) -> None:
    assert gateway.stdout is not None
    said = ""
    for line in gateway.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    address = re.search(r"serves on (http://[\d.]+:\d+)", said)
    token = re.search(r"^ +(ey\S+)$", said, re.MULTILINE)
    assert address, said
    assert token, said
    request = urllib.request.Request(
        address[1] + "/api/v1/tickets", headers={"Authorization": f"Bearer {token[1]}"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status == 200
        assert reply.read().startswith(b'{"data":[]')
    assert (tmp_path / "var" / "tickets.db").is_file()
    gateway.send_signal(signal.SIGINT)
    assert gateway.wait(timeout=60) == 0
