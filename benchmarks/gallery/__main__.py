"""Make the gallery: `python -m benchmarks.gallery [ROW …]` (all rows by default), then docs/gallery.md.

Every row runs on real weights, writes a figure into docs/gallery/ and its numbers into
docs/gallery/numbers.json; the page is put together from these.
"""

from __future__ import annotations

import json
import sys
import time

from .flat_rows import (
    aligned_interpolation,
    class_dreams,
    cppn_morph,
    decorrelation,
    deep_dream,
    feature_visualization,
    parameterizations,
    style_transfer,
    texture_synthesis,
    transparency,
    unchosen_classes,
)
from .mesh_rows import mesh_classes, mesh_dreams, mesh_frames, mesh_relief, mesh_style
from .moving_rows import ROWS as MOVING_ROWS
from .page import write_page
from .workshop import FIGURES

ROWS = {
    row.__name__: row
    for row in (
        feature_visualization,
        class_dreams,
        unchosen_classes,
        deep_dream,
        aligned_interpolation,
        style_transfer,
        decorrelation,
        parameterizations,
        cppn_morph,
        transparency,
        texture_synthesis,
        mesh_classes,
        mesh_dreams,
        mesh_frames,
        mesh_style,
        mesh_relief,
        *MOVING_ROWS,
    )
}


def main(names: list[str]) -> None:
    """Make the rows called `names`, all if none is, and the page."""
    if unknown := set(names) - set(ROWS):
        sys.exit(f"There is no row {unknown.pop()}. Rows: {', '.join(ROWS)}.")
    path = FIGURES / "numbers.json"
    for name in names or ROWS:
        start = time.process_time()
        numbers = ROWS[name]() | {"processor seconds": 0}
        numbers["processor seconds"] = round(time.process_time() - start)
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(
            json.dumps(known | {name: numbers}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        print(f"{name}: {json.dumps(numbers, ensure_ascii=False)}", flush=True)
    write_page(json.loads(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main(sys.argv[1:])
