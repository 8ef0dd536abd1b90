"""Blind comparisons: sheets whose rows a coin has named, and what judges said of them.

`python -m benchmarks.blind sheet DIR JOB PAINTING NEW.png OLD.png` adds a sheet to DIR: the mesh of a job's
folder in two textures, the painting beside it; which row is which, only DIR/key.json knows. With a number at
the end two sides are seen, so many times as close as shows them whole. Judges look at
DIR without that file, and write {"01": {"choice": "A" or "B", "sure": .5 to 1, "A": [painterly, clean,
colour, landmarks], "B": […], "why": …}, …}. `python -m benchmarks.blind count DIR VOTES.json OF NEW OLD` adds
that to docs/benchmarks/votes.json; judges of the same are numbered.
"""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.pictures.images import read_image, to_pillow
from backend.rendering.mesh import Mesh, read_mesh

from . import pictures
from .beside import SIDES, window
from .subjects import FIGURES

VOTES = FIGURES / "votes.json"
SIDE = 380  # pixels of each view
CLOSE = 540  # the same where an object is seen close
WINDOW = 1.9  # what a picture spans, in units of a mesh whose diagonal is 2
AROUND = ((0.6, -1.0, 0.35), (-0.6, -1.0, 0.35), (-0.6, 1.0, 0.35), (0.6, 1.0, 0.35))


def sheet(
    folder: Path, mesh: Mesh, name: str, painting: Path, new: Path, old: Path, close: float | None = None
) -> str:
    """Add a sheet of `mesh` in two textures to `folder`, and tell its number.

    close: how many times as close as shows two sides of it whole; None: four sides, from further off.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = _read(folder / "key.json", {})
    number, new_first = f"{len(key) + 1:02}", secrets.randbelow(2) == 0
    both = (new, old) if new_first else (old, new)
    textures = [read_image(path, "texture", "content") for path in both]
    if close is None:
        side, stands = SIDE, [(away, WINDOW) for away in AROUND]
    else:
        side, stands = CLOSE, [(away, window(mesh.vertices, away) / close) for away in SIDES]
    rows = [torch.cat([pictures.portrait(mesh, one, side, stand) for stand in stands], 2) for one in textures]
    to_pillow(torch.cat(rows, 1)).save(folder / f"{number}.png")
    to_pillow(read_image(painting, "painting", "styles")).save(folder / f"{number}_painting.png")
    key[number] = {"pair": f"{name} with {painting.stem}", "A": "new" if new_first else "old"}
    (folder / "key.json").write_text(json.dumps(key, indent=1), encoding="utf-8")
    return number


def counted(
    key: dict[str, dict[str, str]], votes: dict[str, dict[str, Any]], of: str, new: str, old: str, judge: int
) -> dict[str, Any]:
    """Undo the coin: for whom a judge was, how sure, and what scores both got."""
    found = []
    for number, vote in sorted(votes.items()):
        is_new = {"A": key[number]["A"] == "new", "B": key[number]["A"] != "new"}
        scores = {"new" if is_new[row] else "old": vote[row] for row in "AB"}
        chosen = "new" if is_new[vote["choice"]] else "old"
        found.append({"pair": key[number]["pair"], "for": chosen, "sure": vote["sure"], **scores})
    return {"of": of, "new": new, "old": old, "judge": judge, "votes": found}


def known() -> list[dict[str, Any]]:
    """All comparisons so far."""
    return list(_read(VOTES, []))


def row(comparison: dict[str, Any]) -> list[str]:
    """Sum a comparison up: what was compared, by which judge, won how often, how sure, the mean scores."""
    votes = comparison["votes"]
    won = [vote["sure"] for vote in votes if vote["for"] == "new"]
    means = [np.mean([vote[k] for vote in votes], 0) for k in ("new", "old")]
    scores = [" ".join(f"{x:.1f}" for x in mean) for mean in means] if means[0].size else ["–"]
    return [
        f"{comparison['new']} against {comparison['old']}",
        comparison["of"],
        str(comparison["judge"]),
        f"{len(won)} of {len(votes)}",
        f"{min(won):.2f} to {max(won):.2f}" if won else "–",
        " against ".join(scores),
    ]


def _read(path: Path, otherwise: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else otherwise


def main(words: list[str]) -> None:
    """Do what the module's text says."""
    what, folder, *rest = words
    if what == "sheet":
        job, painting, new, old = map(Path, rest[:4])
        mesh, close = read_mesh(job / "mesh.npz", job.name), float(rest[4]) if rest[4:] else None
        print(sheet(Path(folder), mesh, job.name, painting, new, old, close))
        return
    votes, of, new_name, old_name = rest
    key = _read(Path(folder) / "key.json", {})
    before = [one for one in known() if (one["of"], one["new"], one["old"]) == (of, new_name, old_name)]
    said = _read(Path(votes), {})
    all_of_them = [*known(), counted(key, said, of, new_name, old_name, len(before) + 1)]
    VOTES.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in all_of_them)
    VOTES.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
