"""The process of a service that runs beside the gateway: `asgi://package.module:app` on a Unix socket, by uvicorn.

Started by the supervisor, never imported by the data path: the gateway reaches it through the ordinary pool. It tells
the supervisor over its lifeline when it is ready or why it cannot be, and stops in good order when the lifeline ends
or on SIGTERM. It refuses applications that do not speak the ASGI lifespan protocol: their start could not be judged.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import faulthandler
import importlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

READY = b"ready\n"
FAILED = b"failed "

# Longer than the pool keeps an idle connection, so that it is never the service that closes first.
_KEEP_ALIVE_S = 75
_PR_SET_PDEATHSIG = 1


class AppError(Exception):
    """The application cannot be had. The text is one line for a person."""


def die_with_parent(number: signal.Signals) -> None:
    """Have the kernel send us `number` when the thread that started us is gone, however it ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def end_by(seconds: float) -> None:
    """End this process after so long whatever it does: a C thread that needs neither the loop nor the GIL."""
    faulthandler.dump_traceback_later(seconds, exit=True)


def import_from_here() -> None:
    """Let modules in the working folder be imported: applications and plug-ins are often not installed.

    Only from here on: started with -P, this interpreter has imported its own modules by now, and no `logging.py` that
    happens to lie in the folder has taken the place of one of them.
    """
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)


def load_app(target: str) -> Any:
    """The application `package.module:name`. Raises `AppError`."""
    module, _, name = target.partition(":")
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        # The place in the application's own code, when it got so far, is what its author needs.
        last = traceback.extract_tb(error.__traceback__)[-1]
        own = not last.filename.startswith("<frozen") and last.filename != importlib.__file__
        place = f" ({last.filename}:{last.lineno})" if own and last.filename != __file__ else ""
        reason = str(error) or type(error).__name__
        kind = "" if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: "
        raise AppError(f"cannot import {target}: {kind}{reason}{place}") from error
    return found


class _Lifeline:
    """The supervisor's socket: what we tell it, and its end."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)

    def tell(self, line: bytes) -> None:
        try:
            self._socket.send(line)
        except OSError:
            pass  # the supervisor is gone; its end is noticed on reading

    def close(self) -> None:
        self._socket.close()

    def failed(self, reason: str) -> None:
        self.tell(FAILED + reason.replace("\n", " ").encode()[:2000] + b"\n")

    def on_end(self, stop: Any) -> None:
        asyncio.get_running_loop().add_reader(self._socket, self._read, stop)

    def _read(self, stop: Any) -> None:
        try:
            gone = not self._socket.recv(64)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            asyncio.get_running_loop().remove_reader(self._socket)
            stop()


async def _serve(app: Any, listening: socket.socket, path: str, lifeline: _Lifeline, grace_s: float) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                lifeline.tell(READY)

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn would raise the signal again at the end, and its death by signal would look like a crash.
            yield

    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips="*",  # only the gateway can reach the socket, and it writes these fields itself
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(grace_s)),
    )
    server = Server(config)

    def stop() -> None:
        end_by(grace_s + 5)
        server.should_exit = True

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop()

    signal.signal(signal.SIGTERM, on_signal)
    lifeline.on_end(stop)
    supervisor = os.getppid()
    try:
        await server.serve(sockets=[listening])
    finally:
        listening.close()
        if os.getppid() != supervisor:
            # Nobody else will clear up. The folder goes with the last of its services.
            with contextlib.suppress(OSError):
                os.unlink(path)
                os.rmdir(os.path.dirname(path))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one service until its supervisor lets go. Exit code 0 after a good stop, 1 when it could not serve."""
    die_with_parent(signal.SIGTERM)
    faulthandler.enable()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload by name (pkill -HUP) must not kill services
    parser = argparse.ArgumentParser(prog="portico.services.child")
    parser.add_argument("--service", required=True)
    parser.add_argument("--app", required=True)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--grace", type=float, required=True)
    options = parser.parse_args(arguments)
    lifeline = _Lifeline(options.lifeline)
    listening = socket.socket(fileno=options.listen)
    for descriptor in (options.lifeline, options.listen):
        os.set_inheritable(descriptor, False)
    import_from_here()
    try:
        app = load_app(options.app)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(app, listening, options.socket, lifeline, options.grace))
    except AppError as error:
        lifeline.failed(str(error))
        return 1
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        lifeline.failed("uvicorn is not installed; it comes with portico-gateway[asgi]")
        return 1
    except SystemExit:
        lifeline.failed(f"{options.app} did not start: its lifespan failed")
        return 1
    finally:
        lifeline.close()
    return 0


def _loop_factory() -> Any:
    import uvloop

    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
