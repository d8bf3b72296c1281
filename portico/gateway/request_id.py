"""Request ids: the client's own where it is well formed, else one of ours (requirements 1.8)."""

from __future__ import annotations

import os
import re

from portico.exchange.request import Request

# A request id from outside is believed when it can go into a log line and a header as it is.
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._~+/=-]{8,128}").fullmatch

# The last two digits of a request id.
_LAST_DIGITS = tuple(b"%02x" % number for number in range(256))


class RequestIds:
    """Those of one worker. Ours count up from a random beginning: unique, not secret."""

    def __init__(self) -> None:
        self._prefix = b"req_" + os.urandom(6).hex().encode()
        self._block = b""  # all but the last two digits, which count from 0 to 255
        self._count = 0

    def of(self, request: Request) -> bytes:
        """The id of a request that has just begun."""
        told = request.told_id
        if told and _WELL_FORMED(told):
            return told
        count = self._count
        self._count = count + 1
        last = count & 255
        if last == 0:
            self._block = b"%b%04x" % (self._prefix, count >> 8)
        return self._block + _LAST_DIGITS[last]

    def __repr__(self) -> str:
        return f"<RequestIds {self._count} given>"
