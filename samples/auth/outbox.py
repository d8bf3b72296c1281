"""Messages for people: one file each (RFC 5322) in a folder from which a mail sender takes them.

They hold live tokens, so folder and files are for the service's own user only. A file appears under its
`.eml` name when it is whole.
"""

from __future__ import annotations

import asyncio
import os
import time
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

from samples.platform.settings import SettingsError


class Outbox:
    """The folder of messages that wait for their sender."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise SettingsError(f"AUTH_OUTBOX: cannot make the folder {folder}: {problem.strerror}") from None

    async def put(self, to: str, subject: str, text: str) -> None:
        """Leaves one message."""
        message = EmailMessage()
        message["To"] = to
        message["Subject"] = subject
        message.set_content(text)
        await asyncio.to_thread(self._write, bytes(message))

    def _write(self, content: bytes) -> None:
        name = f"{time.time_ns()}-{uuid4().hex}"
        unfinished = self._folder / f"{name}.part"
        with open(unfinished, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(content)
        unfinished.rename(self._folder / f"{name}.eml")
