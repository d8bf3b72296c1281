"""What a person can put right: said in plain lines on standard error, with an exit code, never as a traceback.

0: fine. 1: trouble (a port that is taken, no gateway that runs, a file that is in the way). 2: the configuration
cannot be used, or the command was given wrongly.
"""

from __future__ import annotations

TROUBLE, CONFIGURATION = 1, 2


class Trouble(Exception):
    """The command cannot do what was asked. Each of `lines` is one thing to put right."""

    def __init__(self, *lines: str, code: int = TROUBLE) -> None:
        super().__init__(*lines)
        self.lines = lines
        self.code = code
