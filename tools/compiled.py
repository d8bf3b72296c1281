"""Compiles the road by mypyc when a wheel is built with PORTICO_COMPILED set; without it the wheel is plain Python.

Its value is the C compiler's level of optimisation: 3 to run it, 1 to test it sooner.

The source is the same either way, and the compiled modules lie beside it. Only modules that run for every request
are compiled: settings models are pydantic's, and what runs at load has no hurry (docs/adr/0008-compiled-road.md).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROAD = (
    "exchange/allowance",
    "exchange/clock",
    "exchange/exchange",
    "exchange/fields",
    "exchange/memory",
    "exchange/reply",
    "exchange/request",
    "gateway/bodies",
    "gateway/chain",
    "gateway/in_flight",
    "gateway/patience",
    "gateway/request_id",
    "gateway/road",
    "gateway/way_back",
    "gateway/way_in",
    "hooks/addresses",
    "hooks/authenticate",
    "hooks/authorize",
    "hooks/cors",
    "hooks/judge",
    "hooks/own_limits",
    "hooks/rate_limit",
    "http/channel",
    "http/client_side",
    "http/connection",
    "http/entrance",
    "http/forwarded",
    "http/framing",
    "http/listener",
    "http/phase",
    "http/pool",
    "http/reader",
    "http/reply_head",
    "http/reserved",
    "http/tunnel",
    "http/unsent",
    "http/wire",
    "identity/bound",
    "identity/jwt",
    "observe/access_lines",
    "observe/access_log",
    "observe/metrics",
    "observe/redaction",
    "observe/writer",
    "routing/normal",
    "routing/pattern",
    "routing/predicates",
    "routing/table",
    "routing/trie",
    "rules/balancer",
    "rules/breaker",
    "rules/keytable",
    "rules/limiter",
    "rules/networks",
    "rules/origins",
    "rules/rolling",
    "services/attempt",
    "services/forward",
    "services/instance",
    "services/service",
    "stages/metrics",
    "stores/batches",
    "stores/counted",
)


class CompiledRoad(BuildHookInterface[Any]):
    """Hatch's build hook: adds the compiled modules to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is put together. Raises what the compiler says."""
        if version == "editable" or not os.environ.get("PORTICO_COMPILED"):
            return
        self._folder = tempfile.TemporaryDirectory(prefix="portico-compiled-")
        for module in _compile(Path(self.root), Path(self._folder.name)):
            build_data["force_include"][str(module)] = str(module.relative_to(self._folder.name))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is written."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def _compile(root: Path, to: Path) -> list[Path]:
    """Compile the road of the tree at `root`; the modules as files below `to`."""
    from mypyc.build import mypycify  # only a compiled build needs a compiler
    from setuptools import Distribution

    before = Path.cwd()
    os.chdir(root)
    try:
        files = [f"portico/{name}.py" for name in ROAD]
        extensions = mypycify(
            ["--config-file=pyproject.toml", *files],
            opt_level=os.environ["PORTICO_COMPILED"],
            debug_level="0",
            target_dir=str(to / "c"),
        )
        command = Distribution({"name": "portico", "ext_modules": extensions}).get_command_obj("build_ext")
        command.build_lib, command.build_temp = str(to), str(to / "o")
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
    return sorted(to.rglob("*.so"))
