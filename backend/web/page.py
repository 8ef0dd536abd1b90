"""Pages that are one file: everything that they need is in them, and they open without a network.

Standard library only: the add-on makes pages, too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..writing import write_bytes

HERE = Path(__file__).parent
VIEWER = HERE / "vendor" / "model-viewer.min.js"  # put there by `make viewer`
NO_VIEWER = "/* `make viewer` was not run: there is no viewer. */"


def has_viewer() -> bool:
    """Whether pages can turn models around."""
    return VIEWER.is_file()


def data_uri(data: bytes, kind: str) -> str:
    """Write `data`, of the MIME type `kind`, as an address that needs no file."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def script_of(name: str, model: bytes) -> str:
    """Write the GLB `model` as a script: pages that were opened as files may load those, and nothing else."""
    return f"patinaModel({json.dumps(name)}, {json.dumps(data_uri(model, 'model/gltf-binary'))});\n"


def write(template: str, data: Mapping[str, Any] | Sequence[Any], target: Path) -> None:
    """Write the page `template` (a file beside this one), with `data` in it. Raises OSError."""
    viewer = VIEWER.read_text(encoding="utf-8") if has_viewer() else NO_VIEWER
    # What ends a script must not stand in one.
    held = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    page = (HERE / template).read_text(encoding="utf-8")
    page = page.replace("/*DATA*/null", held, 1).replace(
        "/*VIEWER*/", viewer.replace("</script", "<\\/script"), 1
    )
    write_bytes(target, page.encode())
