"""The store process: `python -m portico.process.store_child`, started by the supervisor with its listening socket.

Keeps counts in memory and facts in SQLite, and answers the workers' questions until the supervisor lets go.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence

import uvloop

from portico.observe.log import Log, take_over
from portico.process.store import READY
from portico.rules import Limits
from portico.services.child import die_with_parent, end_by
from portico.stores.opening import Persistent
from portico.stores.server import StoreServer

SWEEP_S = 0.1


async def _run(options: argparse.Namespace) -> None:
    listening = socket.socket(fileno=options.listen)
    lifeline = socket.socket(fileno=options.lifeline)
    for each in (listening, lifeline):
        os.set_inheritable(each.fileno(), False)
        each.setblocking(False)
    limits = Limits(options.keys)
    store = Persistent(limits, options.data)
    server = StoreServer(store)
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    loop.add_reader(lifeline, done.set)  # the supervisor says nothing: what there is to read is its end
    await server.serve(listening)
    sweeping = loop.create_task(_sweep(limits, store))
    lifeline.send(READY)
    await done.wait()
    end_by(5)
    loop.remove_reader(lifeline)
    sweeping.cancel()
    await server.close()
    lifeline.close()
    await asyncio.sleep(0)  # the server's end is a matter of the loop
    listening.close()


async def _sweep(limits: Limits, store: Persistent) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        limits.sweep(time.monotonic(), time.perf_counter)
        store.sweep()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the store until its supervisor lets go."""
    die_with_parent(signal.SIGTERM)
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload by name (pkill -HUP) is for the supervisor
    parser = argparse.ArgumentParser(prog="portico.process.store_child")
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--keys", type=int, required=True)
    take_over(Log())
    gc.set_threshold(50_000, 20, 50)  # as a worker's: what comes and goes here are no cycles
    uvloop.run(_run(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
