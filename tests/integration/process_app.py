"""An ASGI application for a service beside the gateway: it tells who it is, and that it has stopped in good order."""

import json
import os
from pathlib import Path
from typing import Any


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                Path(os.environ["STOPPED"]).write_text("in good order")
                return
    body = json.dumps({"pid": os.getpid(), "greeting": os.environ["GREETING"]}).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    )
    await send({"type": "http.response.body", "body": body})


async def no_lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
