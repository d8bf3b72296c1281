"""What tests of the gateway and of its plug-ins are made of: promised to authors of stages, as `portico.plugin` is.

`gateway` runs a gateway on port 0 in the test's own loop and fails the test if it leaks; `running` runs a real
process. `Upstream` is a service that behaves as badly as its script says; `echo` is one that behaves. `Client`
sends exact bytes and reads replies with a parser of its own, so that a fault in the gateway's cannot hide itself.
"""

from .client import Client, Ending
from .gateway import Leak, OneWorker, RunningGateway, gateway
from .message import Malformed, Message, read_reply, read_request
from .running import RunningProcess, free_port, running
from .upstream import Link, Script, Upstream
from .waiting import TookTooLong, until

__all__ = [
    "Client",
    "Ending",
    "Leak",
    "Link",
    "Malformed",
    "Message",
    "OneWorker",
    "RunningGateway",
    "RunningProcess",
    "Script",
    "TookTooLong",
    "Upstream",
    "free_port",
    "gateway",
    "read_reply",
    "read_request",
    "running",
    "until",
]
