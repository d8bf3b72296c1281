"""litmus on WsgiDAV: WebDAV's methods, Destination, Depth, If, Lock-Token and Expect through each proxy."""

from __future__ import annotations

import re
import subprocess

from portico.testing.running import free_port

from .ground import Ground
from .score import Score

NAME = "litmus"
RUNS = 3

_WSGIDAV = """
host: 127.0.0.1
port: {port}
provider_mapping: {{"/": "{root}"}}
simple_dc: {{user_mapping: {{"*": true}}}}
http_authenticator: {{domain_controller: null}}
property_manager: true
lock_storage: true
verbose: 1
server: gunicorn
"""
_SUMMARY = re.compile(r"summary for `(\w+)': of (\d+) tests run: (\d+) passed")
_CASE = re.compile(r"^\s*\d+\. (\w+)\.+ (FAIL|WARNING|SKIPPED)(.*)$", re.MULTILINE)


def run(ground: Ground) -> list[Score]:
    """Each peer gets an empty folder behind a server of its own."""
    program = ground.tools.program("litmus", "litmus")
    ground.tools.bring_python()
    scores = []
    for peer in ground.peers:
        service = free_port()
        root = ground.sub("dav")
        file = root.with_suffix(".yaml")
        file.write_text(_WSGIDAV.format(port=service, root=root))
        command = [str(ground.tools.python.with_name("wsgidav")), f"--config={file}"]
        with ground.server(command, service), ground.peer(peer, service) as port:
            done = subprocess.run(
                [program, "-k", f"http://127.0.0.1:{port}/"],
                capture_output=True, encoding="latin-1", check=False, cwd=ground.sub("litmus"),
            )  # fmt: skip
        parts = [(int(total), int(passed)) for _, total, passed in _SUMMARY.findall(done.stdout)]
        cases = [f"{name}: {word}{text}".strip() for name, word, text in _CASE.findall(done.stdout)]
        skipped = sum(": SKIPPED" in case for case in cases)
        total, passed = sum(one[0] for one in parts), sum(one[1] for one in parts)
        scores.append(Score(NAME, peer, passed, total, skipped, cases))
    return scores
