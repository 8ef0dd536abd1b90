"""The fox at times of its run: the glTF's skin and animation, worked out."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.models import gltf
from backend.models.gltf import Gltf

Numbers = NDArray[np.float64]

REST = {"translation": (0.0, 0.0, 0.0), "rotation": (0.0, 0.0, 0.0, 1.0), "scale": (1.0, 1.0, 1.0)}


def write_run(source: Path, count: int, folder: Path) -> list[Path]:
    """Write `count` models into `folder`: that in `source`, at even times of a round of its run."""
    model, paths = gltf.read(source), []
    (animation,) = (one for one in model.tree["animations"] if one["name"] == "Run")
    end = max(float(gltf.accessor(model, one["input"]).max()) for one in animation["samplers"])
    for k in range(count):
        posed = copy.deepcopy(model)
        (primitive,) = posed.tree["meshes"][0]["primitives"]
        places = _skinned(model, animation, end * k / count).astype(np.float32)
        primitive["attributes"]["POSITION"] = gltf.add_accessor(posed, places, "VEC3")
        paths.append(folder / f"run_{k}.glb")
        paths[-1].write_bytes(gltf.write(posed))
    return paths


def _skinned(model: Gltf, animation: dict[str, Any], time: float) -> Numbers:
    """The vertices (V, 3) of the first mesh as its bones move them (glTF 2.0, section 3.7.3)."""
    tree = model.tree
    local = [{part: np.array(node.get(part, rest)) for part, rest in REST.items()} for node in tree["nodes"]]
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        times, values = (gltf.accessor(model, sampler[end]) for end in ("input", "output"))
        target = channel["target"]
        local[target["node"]][target["path"]] = _between(times[:, 0], values, time)
    parents = {child: k for k, node in enumerate(tree["nodes"]) for child in node.get("children", ())}
    matrices = [_matrix(one) for one in local]

    def world(node: int) -> Numbers:
        return world(parents[node]) @ matrices[node] if node in parents else matrices[node]

    skin, (primitive,) = tree["skins"][0], tree["meshes"][0]["primitives"]
    inverse = gltf.accessor(model, skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    bones = np.stack([world(joint) for joint in skin["joints"]]) @ inverse
    places, joints, weights = (
        gltf.accessor(model, primitive["attributes"][name]) for name in ("POSITION", "JOINTS_0", "WEIGHTS_0")
    )
    at = np.concatenate([places, np.ones((len(places), 1))], 1)
    moved: Numbers = np.einsum("vj,vjab,vb->va", weights, bones[joints], at)
    return moved[:, :3] / weights.sum(1, keepdims=True)


def _between(times: NDArray[Any], values: NDArray[Any], time: float) -> Numbers:
    """The value of an animation at a `time`, straight between two of its own; quaternions the shorter way."""
    after = int(np.searchsorted(times, time, "right").clip(1, len(times) - 1))
    one, other = values[after - 1].astype(float), values[after].astype(float)
    share = np.clip((time - times[after - 1]) / (times[after] - times[after - 1]), 0, 1)
    if len(one) == 4 and one @ other < 0:
        other = -other
    found: Numbers = one + share * (other - one)
    return found / np.linalg.norm(found) if len(found) == 4 else found


def _matrix(local: dict[str, Numbers]) -> Numbers:
    """The matrix (4, 4) of a node's translation, rotation and scale."""
    x, y, z, w = local["rotation"]
    turned = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    found = np.eye(4)
    found[:3, :3], found[:3, 3] = turned * local["scale"], local["translation"]
    return found
