"""docs/benchmarks/results.json, or a graphics card's beside it.

Written section by section, so that an interrupted run loses nothing.
"""

from __future__ import annotations

import json
from typing import Any

from .subjects import DEVICE, FIGURES, machine

PATH = FIGURES / ("results.json" if DEVICE.type == "cpu" else f"results_{DEVICE.type}.json")


def known() -> dict[str, Any]:
    """All sections so far."""
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    return found


def record(section: str, numbers: dict[str, Any]) -> None:
    """Put `numbers`, and the machine that they are of, into `section`; its other entries stay, but a note."""
    sections = known()
    before = {key: value for key, value in sections.get(section, {}).items() if key != "note"}
    sections[section] = before | numbers | {"machine": machine()}
    FIGURES.mkdir(parents=True, exist_ok=True)
    part = PATH.with_suffix(".part")
    text = json.dumps(dict(sorted(sections.items())), indent=1, ensure_ascii=False)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(PATH)
    print(f"{section}: {json.dumps(numbers, ensure_ascii=False)}", flush=True)
