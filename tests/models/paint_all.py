"""Paint every model of the world by the command line, for Blender to look at: paint_all.py OUT [FOLDER …].

With strength 0, when the result must look as the source does, and at 0.5. In FOLDERs are models of others.
Writes OUT/painted.json: lists of name, model, what it must look like, and the results or what was said.

"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "backend")]

from world_models import make  # noqa: E402

from backend.__main__ import main  # noqa: E402
from backend.protocol.events import FINISHED  # noqa: E402
from backend.result import report  # noqa: E402

report.VIEWS = 2  # what is measured is not looked at

KINDS = (".glb", ".gltf", ".obj", ".ply")
STYLE = ROOT / "addon" / "styles" / "starry_night.jpg"
QUICK = ["--quality", "draft", "--steps", "3", "--device", "cpu", "--network", "alexnet"]


def paint(path: Path, out: Path, strength: float, size: int) -> str:
    """The path of the painted model, or what the command said."""
    words = ["stylize", str(path), "--style", str(STYLE), "--out", str(out), "--strength", str(strength)]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main([*words, "--texture-size", str(size), *QUICK])
    return str(out / "model.glb") if code == FINISHED else said.getvalue()


def paint_all(out: Path, folders: list[Path]) -> None:
    """See above."""
    (out / "sources").mkdir(parents=True)
    sources = make(out / "sources")
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in KINDS:
                sources[str(path.relative_to(folder.parent))] = path, path
    found = []
    for index, (name, (path, like)) in enumerate(sources.items()):
        results = [
            paint(path, out / f"{index}_{strength}", strength, size)
            for strength, size in ((0, 512), (0.5, 128))
        ]
        found.append([name, str(path), str(like), *results])
        print(name, *(Path(result).parent.name for result in results), flush=True)
    (out / "painted.json").write_text(json.dumps(found))


if __name__ == "__main__":
    paint_all(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
