"""`portico routes`."""

from pathlib import Path

from tests.unit.cli.command import portico


def test_the_table_in_match_order() -> None:
    done = portico("routes")
    assert (done.code, done.err) == (0, "")
    lines = done.rows
    assert lines[0] == "MATCH METHODS HOSTS SERVICE AUTHENTICATE STAGES WRITTEN AT"
    # The gateway's own endpoints come first, then a named host before any host; of paths, a literal comes before a
    # parameter, and that before the rest.
    places = [line.partition(" ")[0] for line in lines[1 : lines.index("")]]
    assert places[:6] == ["/live", "/health", "/ready", "/metrics", "/health/detailed", "/docs/**"]
    assert places.index("/tickets/mine") < places.index("/tickets/{id}/close") < places.index("/tickets/**")
    assert lines[6] == "/docs/** GET pages.example pages none - portico.yaml:18"
    assert "/health GET any - - answered by the gateway built in" in lines
    assert "/tickets/mine [x-mode: own] GET any tickets users - portico.yaml:16" in lines
    assert "/tickets/{id}/close POST any tickets users authorize portico.yaml:15" in lines
    assert done.out.endswith("On every route: metrics, access_log, security_headers.\n")


def test_a_script_reads_json() -> None:
    found = {row["name"]: row for row in portico("routes", "--json").data}
    assert found["close"] == {
        "name": "close",
        "match": "/tickets/{id}/close",
        "methods": ["POST"],
        "hosts": [],
        "order": 0,
        "service": "tickets",
        "authenticate": ["users"],
        "stages": ["metrics", "access_log", "security_headers", "authenticate", "authorize"],
        "origin": "portico.yaml:15",
    }
    assert found["GET pages.example/docs/**"]["authenticate"] == "none"
    assert found["health"]["origin"] == "built in"
    assert found["health"]["service"] is None


def test_a_gateway_without_routes(here: Path) -> None:
    (here / "portico.yaml").write_text("version: 1\ngateway: {endpoints: {metrics: off}}\n")
    done = portico("routes")
    assert done.code == 0
    assert "/metrics" not in done.out
    assert "On every route" not in done.out
