"""Ordinary input of every kind, many times over: `python tests/faults/sturdy.py SEED COUNT`.

Each case is a job that some artist may well ask for: any strength, stroke size, network, style loss and
quality, on surfaces from one face to hundreds, with styles from 16 pixels on. Whatever a job accepts ends
with a whole picture; what it refuses, it refuses with a cure. Prints a line of JSON for all, as hostile.py.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "backend")]

from meshes import sphere, write_npz  # noqa: E402

from backend import run  # noqa: E402
from backend.errors import PatinaError  # noqa: E402
from backend.protocol.choices import PARAMETERIZATIONS, QUALITIES, STYLE_LOSSES  # noqa: E402
from backend.protocol.events import FINISHED, Event  # noqa: E402
from backend.protocol.job import Job  # noqa: E402
from backend.protocol.job_file import write_job  # noqa: E402
from backend.protocol.parts import Style, Target  # noqa: E402
from backend.rendering.mesh import Mesh, build_mesh  # noqa: E402
from backend.result import report  # noqa: E402

report.VIEWS = 2
Random = np.random.Generator


def face() -> Mesh:
    """One triangle that has the texture's lower half."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    return build_mesh(corners, np.array([[0, 1, 2]]), corners[None, :, :2] * 0.9 + 0.05)


def fan() -> Mesh:
    """A cube whose sides have further corners on their edges, cut into fans: slivers on every side."""
    box = trimesh.creation.box()
    points = {tuple(np.round(p, 6)): i for i, p in enumerate(box.vertices)}
    vertices, faces, uvs = [tuple(p) for p in box.vertices], [], []

    def at(point: np.ndarray) -> int:
        key = tuple(np.round(point, 6))
        if key not in points:
            points[key] = len(vertices)
            vertices.append(tuple(point))
        return points[key]

    for axis in range(3):
        for end in (-0.5, 0.5):
            ring = []
            for start, stop in ((0, 1), (1, 2), (2, 3), (3, 0)):
                square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
                ring += [square[start] + (square[stop] - square[start]) * k / 3 for k in range(3)]
            corners = [at(np.insert(place, axis, end)) for place in ring]
            for k in range(1, len(corners) - 1):  # the first ones lie on a line
                three = (0, k, k + 1)
                faces.append([corners[i] for i in three])
                cell = np.array([axis, end > 0], float)
                uvs.append([(cell + 0.5 + 0.9 * ring[i]) / (3, 2) for i in three])
    return build_mesh(np.array(vertices, np.float32), np.array(faces), np.array(uvs, np.float32))


def strip(random: Random) -> Mesh:
    """A quad, longer than wide by up to a thousand, and its UVs, by up to thirty."""
    length, stretch = 10 ** random.uniform(0, 3), 10 ** random.uniform(0, 1.5)
    corners = np.array([[0, 0, 0], [length, 0, 0], [length, 1, 0], [0, 1, 0]], np.float32)
    uvs = np.array([[0, 0], [1, 0], [1, 1 / stretch], [0, 1 / stretch]], np.float32)
    index = np.array([[0, 1, 2], [0, 2, 3]])
    return build_mesh(corners, index, uvs[index])


def surface(random: Random) -> Mesh:
    kind = random.integers(0, 5)
    return face() if kind == 0 else fan() if kind == 1 else strip(random) if kind == 2 else sphere(kind - 2)


def picture(folder: Path, name: str, random: Random) -> None:
    """A picture of 16 pixels a side or more: one colour, noise, or a ramp; grey, RGB or with alpha."""
    height, width = (int(2 ** random.uniform(4, 8)) for _ in range(2))
    kind = random.integers(0, 4)
    pixels = np.full((height, width, 3), random.integers(0, 256, 3), np.uint8)
    if kind == 1:
        pixels = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    elif kind > 1:
        pixels = (np.linspace(0, 255, width)[None, :, None] * np.ones((height, 1, 3))).astype(np.uint8)
    mode = str(random.choice(["RGB", "RGB", "L", "RGBA", "P", "1"]))
    Image.fromarray(pixels).convert(mode).save(folder / name)


def job(random: Random) -> Job:
    """Raises PatinaError for what no job may be."""
    fields = {
        "mesh": "mesh.npz",
        "content": "content.png" if random.random() < 0.6 else None,
        "styles": tuple(Style(f"style{k}.png", float(10 ** random.uniform(-3, 3))) for k in range(2))[
            : random.integers(1, 3)
        ],
        "texture_size": int(random.choice([64, 64, 128, 256])),
        "quality": str(random.choice(QUALITIES)),
        "strength": float(random.choice([0, 1e-6, 0.3, 0.5, 1])),
        "colors": float(random.choice([0, 0, 1e-3, 0.5, 1])),
        "motifs": bool(random.random() < 0.8),
        "follow_shape": [None, None, 0.0, 0.5, 1.0][random.integers(0, 5)],
        "style_loss": str(random.choice(STYLE_LOSSES)),
        "style_size": [None, None, float(10 ** random.uniform(-3, 3))][random.integers(0, 3)],
        "seed": int(random.integers(0, 2**32)),
        "network": str(random.choice(["vgg16", "alexnet", "squeezenet"])),
        "steps": int(random.integers(1, 4)),
        "views": [None, 1, 3][random.integers(0, 3)],
        "framing": str(random.choice(["surface", "surface", "bounding_box"])),
        "device": "cpu",
        "image_size": int(random.choice([32, 33, 64, 100])),
    }
    way = random.random()
    if way < 0.15:
        fields |= {"parameterization": str(random.choice(PARAMETERIZATIONS)), "network": "alexnet"}
    elif way < 0.22:
        fields |= {"relief": True}
    elif way < 0.3:
        fields |= {"mesh": None, "content": "content.png", "follow_shape": None, "motifs": True}
    elif way < 0.38:
        flat = bool(random.random() < 0.5)
        fields |= {
            "task": "synthesize",
            "content": None,
            "tileable": flat,
            "scales": int(random.integers(1, 6)),
            "parameterization": str(random.choice(["pieces", "pyramid"])),
        }
        fields |= {
            "mesh": None if flat else "mesh.npz",
            "follow_shape": None,
            "motifs": True,
            "network": "alexnet",
        }
    elif way < 0.45:
        target = Target("channel", layer="conv2", channel=int(random.integers(0, 64)))
        fields |= {"task": "dream", "styles": (), "targets": (target,), "network": "alexnet", "content": None}
        fields |= {
            "mesh": None,
            "follow_shape": None,
            "motifs": True,
            "transparent": bool(random.random() < 0.3),
        }
        fields["parameterization"] = "fourier"
    if fields["mesh"] is None:
        fields["style_size"] = None
    return Job(name="ball", **fields)  # type: ignore[arg-type]


def attempt(folder: Path, random: Random) -> tuple[str, str]:
    """How one job ended (read, refused or wrong), and what was said."""
    try:
        wanted = job(random)
    except PatinaError as error:
        return ("refused", str(error)) if error.cure else ("wrong", f"no cure: {error.message}")
    write_npz(surface(random), folder / "mesh.npz")
    for name in ("content.png", "style0.png", "style1.png"):
        picture(folder, name, random)
    write_job(folder, wanted)
    events: list[Event] = []
    code = run.do_job(folder, events.append, lambda: False)
    last = events[-1]
    if code != FINISHED:
        foreseen = last.cure and "stumbled" not in last.message
        return ("refused" if foreseen else "wrong"), f"{last.message} {last.cure}"
    shown = np.asarray(Image.open(folder / last.path).convert("RGB"))
    side = wanted.texture_size if wanted.mesh else None
    if side and shown.shape != (side, side, 3):
        return "wrong", f"a picture of {shown.shape}"
    told = json.loads((folder / "report.json").read_text()) if last.report else {}
    if not np.isfinite([value for value in told.values() if isinstance(value, float)]).all():
        return "wrong", f"measures {told}"
    lost = [event.message for event in events if "could not" in event.message]
    return ("wrong", " ".join(lost)) if lost else ("read", "")


def main(seed: int, count: int) -> dict[str, object]:
    """Try `count` jobs; what came of them."""
    ended = {"read": 0, "refused": 0, "wrong": 0}
    wrong, refusals = [], {}
    for case in range(count):
        with tempfile.TemporaryDirectory() as name:
            end, said = attempt(Path(name), np.random.default_rng((seed, case)))
        ended[end] += 1
        if end == "wrong":
            wrong.append({"case": case, "what": said})
        elif end == "refused":
            refusals[said[:60]] = refusals.get(said[:60], 0) + 1
    return {"seed": seed, "cases": count, **ended, "wrong": wrong, "refusals": refusals}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
