"""`portico check`."""

import re
from pathlib import Path

from tests.certificates import Authority
from tests.unit.cli.command import CONFIGURATION, SECRET, portico


def test_a_good_file_and_its_public_routes() -> None:
    done = portico("check")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "portico.yaml: good, with 4 routes",
        "public routes (authenticate: none)",
        "  GET pages.example/docs/**  pages  portico.yaml:18",
    ]


def test_all_problems_of_all_files(here: Path) -> None:
    (here / "one.yaml").write_text(
        CONFIGURATION.replace("url:", "urk:").replace("version: 1", "version: one")
    )
    (here / "two.yaml").write_text(CONFIGURATION.replace("service: pages,", ""))
    done = portico("check", "one.yaml", "portico.yaml", "two.yaml", "three.yaml")
    assert done.code == 2
    assert "one.yaml:1:10: version: must be 1" in done.err
    assert 'unknown key "urk" – did you mean "url"?' in done.err
    assert "two.yaml:18:" in done.err
    assert "there is no file three.yaml" in done.err
    assert "portico.yaml: good" in done.out


def test_problems_that_only_the_compiler_finds(here: Path) -> None:
    broken = CONFIGURATION.replace("listen:", 'health: {body: {who: "{nobody}"}}, listen:')
    (here / "portico.yaml").write_text(broken)
    done = portico("check")
    assert done.code == 2
    assert "gateway.health.body: the template names {nobody}, which nothing fills" in done.err
    assert done.err.endswith("portico.yaml: 1 problem\n")


def test_routes_that_no_request_reaches_are_warnings(here: Path) -> None:
    (here / "portico.yaml").write_text(
        CONFIGURATION.replace(
            "development:",
            "  - {match: /tickets/**, service: pages}\n"
            "  - {match: /health, service: pages}\n"
            "  - {match: DELETE /tickets/**, service: pages, order: 7}\n"
            "development:",
        )
    )
    done = portico("check")
    assert done.code == 0
    assert done.err.splitlines() == [
        "portico.yaml:19:5: warning: routes[4]: asks for the same as another route: /tickets/** (portico.yaml:14) "
        "takes all of its requests – remove one of them",
        "portico.yaml:21:5: warning: routes[6]: can never match: /tickets/** (portico.yaml:14) takes all of its "
        "requests – remove it, or give it a lower order",
    ]
    (here / "portico.yaml").write_text(
        CONFIGURATION.replace("development:", "  - {match: GET /health, service: pages}\ndevelopment:")
    )
    assert (
        "move the gateway's own path under gateway.endpoints, or switch it off there" in portico("check").err
    )


def test_certificates_and_their_end(here: Path) -> None:
    ours = Authority()
    ours.issue(["shop.example", "*.shop.example"], days=(-1, 400)).write(here, "shop")
    ours.issue(["old.example"], days=(-9, -2)).write(here, "old")
    served = "[{port: 3443, tls: {certificates: [{cert: shop.pem, key: shop.key}, {cert: old.pem, key: old.key}]}}]"
    (here / "portico.yaml").write_text(CONFIGURATION.replace('listen: ["127.0.0.1:0"]', f"listen: {served}"))
    done = portico("check")
    assert done.code == 0
    assert re.search(
        r"portico\.yaml:\d+:\d+: warning: gateway\.listen\[0\]\.tls\.certificates\[1\]\.cert: \S*old\.pem: "
        r"the certificate has expired on \d{4}-\d\d-\d\d \d\d:\d\d UTC: clients will refuse it",
        done.err,
    )
    assert re.search(r"(?m)^  :3443  shop\.example \*\.shop\.example +until \d{4}-\d\d-\d\d", done.out)
    (found,) = portico("check", "--json").data["files"]
    assert [one["names"] for one in found["certificates"]] == [
        ["shop.example", "*.shop.example"],
        ["old.example"],
    ]


def test_a_script_reads_json(here: Path) -> None:
    (here / "bad.yaml").write_text(CONFIGURATION.replace("service: pages,", "service: page,"))
    done = portico("check", "--json", "portico.yaml", "bad.yaml", "none.yaml")
    assert done.code == 2
    assert done.err == ""
    good, bad, none = done.data["files"]
    assert done.data["ok"] is False
    assert good == {
        "file": "portico.yaml",
        "ok": True,
        "trouble": [],
        "problems": [],
        "certificates": [],
        "public": [
            {
                "match": "/docs/**",
                "methods": ["GET"],
                "hosts": ["pages.example"],
                "service": "pages",
                "origin": "portico.yaml:18",
            }
        ],
    }
    assert bad["ok"] is False
    assert bad["problems"][0]["suggestion"] == 'did you mean "pages"?'
    assert none["trouble"]


def test_no_secret_is_told(here: Path) -> None:
    short = portico("check", env={"CLI_SECRET": "hunter2-hunter2"})
    assert short.code == 2
    assert "hunter2" not in short.err
    assert "the secret has 15 bytes" in short.err
    assert SECRET not in portico("check").out


def test_a_missing_variable_is_named() -> None:
    done = portico("check", env={"CLI_SECRET": None})
    assert done.code == 2
    assert "portico.yaml:4:25: the environment variable CLI_SECRET is not set" in done.err


def test_stages_beside_the_file_are_found(here: Path) -> None:
    (here / "cli_stage_here.py").write_text("class Nothing: pass\n")
    (here / "portico.yaml").write_text(
        f'{CONFIGURATION}stages: ["cli_stage_here:Nothing", "cli_stage_gone:It"]\n'
    )
    done = portico("check")
    assert done.code == 2
    assert "cli_stage_here:Nothing is no stage" in done.err
    assert "there is no module cli_stage_gone" in done.err
