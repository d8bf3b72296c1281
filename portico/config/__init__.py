"""What a person wrote: reads configuration files and turns them into settings that are known to be right.

Nothing here acts on settings. The only I/O is in ``load``. Everything wrong is reported at once, with file and line.
"""

from portico.config.load import Written, load_file, load_text
from portico.config.loaded import REQUIRED, Loaded, check_written, load_settings, load_settings_text
from portico.config.marks import Mark, Marks, Path
from portico.config.models.settings import Settings
from portico.config.problems import ConfigurationError, Problem

__all__ = [
    "REQUIRED",
    "ConfigurationError",
    "Loaded",
    "Mark",
    "Marks",
    "Path",
    "Problem",
    "Settings",
    "Written",
    "check_written",
    "load_file",
    "load_settings",
    "load_settings_text",
    "load_text",
]
