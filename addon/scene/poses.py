"""Where a job's surface is over the scene's frames: what an armature, shape keys or a simulation make of it.

The frames are evaluated in a copy of the scene. So what the artist has set and not keyed, a bone that is
turned, stays as it is, and there is nothing to put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np

from . import mesh

COUNT = 8  # frames that are looked at, the scene's first and last among them
LEAST = 1e-3  # of an object's size, that some of its vertices move by where it changes


def read(
    objects: Sequence[bpy.types.Object], vertices: np.ndarray, depsgraph: bpy.types.Depsgraph, stay: bool
) -> tuple[np.ndarray | None, list[str]]:
    """Read where the `vertices` (V, 3) of a job for `objects` are at frames of the scene: (K, V, 3).

    stay: each object itself stays where it is now, as it is looked at alone. None where nothing changes its
    form; and what the artist should know: which objects are painted as they stand, and why.
    """
    scene, layer = depsgraph.scene, depsgraph.view_layer.name
    frames = np.unique(np.linspace(scene.frame_start, scene.frame_end, COUNT).round().astype(int))
    found = np.repeat(vertices[None], len(frames), 0)
    now = [_surface(obj, depsgraph) for obj in objects]
    ends = np.cumsum([len(places) for places, _, _ in now])
    parts = [slice(end - len(places), end) for end, (places, _, _) in zip(ends, now, strict=True)]
    why: dict[int, str] = {}
    with _copied(scene) as copy:
        for pose, frame in zip(found, frames.tolist(), strict=True):
            copy.frame_set(frame)
            then = copy.view_layers[layer].depsgraph
            for number, (obj, part, (_, corners, world)) in enumerate(zip(objects, parts, now, strict=True)):
                if number not in why:
                    there, others, moved = _surface(obj, then)
                    if not np.array_equal(corners, others) or len(there) != part.stop - part.start:
                        why[number] = f"has other vertices at frame {frame} than now"
                    elif not (np.abs(there) < mesh.MAX_COORDINATE).all():  # NaN is not
                        why[number] = f"has vertices that are not finite at frame {frame}"
                    else:
                        turn = world if stay else moved
                        pose[part] = there @ turn[:3, :3].T + turn[:3, 3]
    for number, part in enumerate(parts):
        size = float(np.linalg.norm(np.ptp(vertices[part], axis=0)))
        if number in why:
            found[:, part] = vertices[part]
        elif np.abs(found[:, part] - vertices[part]).max() < LEAST * size:
            why[number] = "does not change over the scene's frames"
    notes = [
        f"{objects[number].name} {reason}: it is painted as it stands." for number, reason in why.items()
    ]
    return (found if len(why) < len(objects) else None), notes


def _surface(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The vertices (V, 3) of `obj` in its own space, the vertices of its corners, and its place (4, 4)."""
    evaluated = obj.evaluated_get(depsgraph)
    try:
        data = evaluated.to_mesh()
        places = mesh.get(data.vertices, "co", np.float32, (len(data.vertices), 3))
        corners = mesh.get(data.loops, "vertex_index", np.int32, (len(data.loops),))
        return places, corners, np.array(evaluated.matrix_world)
    finally:
        evaluated.to_mesh_clear()


@contextmanager
def _copied(scene: bpy.types.Scene) -> Iterator[bpy.types.Scene]:
    copy = scene.copy()
    try:
        yield copy
    finally:
        bpy.data.scenes.remove(copy)
