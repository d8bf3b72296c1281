"""A packaged profile, by its name, from any folder: what a stranger types first, and pastes next."""

from pathlib import Path

from tests.integration.cli_gateway import Portico, pasted


def test_the_psa_profile_runs_anywhere_and_its_curl_lines_work(tmp_path: Path) -> None:
    portico = Portico(tmp_path, {"JWT_SECRET": "x" * 40, "PORT": "0"})
    try:
        lines = portico.run("psa")
        assert [line for line in lines if "runs beside it" in line] == [
            "  service auth runs beside it",
            "  service tickets runs beside it",
            "  service crm runs beside it",
        ]
        curls = [line.strip() for line in lines if line.startswith("  curl ")]
        assert len(curls) == 4
        replies = [pasted(line) for line in curls]
        assert all(200 <= status < 300 for status, _ in replies), replies
        assert portico("stop").returncode == 0
        assert portico.wait() == 0
    finally:
        portico.end()
