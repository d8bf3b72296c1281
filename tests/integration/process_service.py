"""A service that is a process of its own, so that it can be killed: `python -m tests.integration.process_service PORT`.

It answers what is below /fail with 500 and everything else with 200, and says its port when it listens.
"""

from __future__ import annotations

import sys
import threading

from tests.integration.raw import Peer, RawService, answer, path_of


def serve(peer: Peer) -> None:
    """Answers by the path."""
    while head := peer.head():
        failing = path_of(head).startswith("/fail")
        peer.send(answer(b"500" if failing else b"200", "500 Internal Server Error" if failing else "200 OK"))


if __name__ == "__main__":
    sys.stdout.write(f"{RawService(serve, port=int(sys.argv[1])).port}\n")
    sys.stdout.flush()
    threading.Event().wait()
