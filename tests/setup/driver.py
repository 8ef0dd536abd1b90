"""A set-up in a process of its own, to be killed: prints each state that it enters, then how it ended."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from small_index import VARIANT

from addon.setup import machine
from addon.setup.errors import SetupError
from addon.setup.plan import Plan

given = json.loads(sys.argv[1])
plan = Plan(
    Path(given["folder"]),
    replace(VARIANT, download=given["bytes"][0], disk=given["bytes"][1]),
    Path(sys.executable),
    Path(given["wheelhouse"]) if given["wheelhouse"] else None,
    given["index"],
    sets=Path(given["sets"]),
    check=tuple(given["check"]),
)
try:
    machine.set_up(plan, lambda progress: print(progress.state, flush=True))
except SetupError as error:
    print(f"error: {error}")
    sys.exit(1)
