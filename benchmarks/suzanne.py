"""Blender's Suzanne as a job's mesh: `blender-python benchmarks/suzanne.py FILE.npz`. Runs where bpy is.

Subdivided once, smoothed, and unwrapped with Smart UV Project: an object without a texture, with
concavities (eyes, ears, mouth) and many islands.
"""

from __future__ import annotations

import math
import sys

import bpy
import numpy as np


def main(path: str) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_monkey_add(calc_uvs=True)
    suzanne = bpy.context.object
    modifier = suzanne.modifiers.new("Subdivision", "SUBSURF")
    modifier.levels = 1
    bpy.ops.object.modifier_apply(modifier=modifier.name)
    bpy.ops.object.shade_smooth()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=math.radians(66), island_margin=0.005)
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh = suzanne.data
    mesh.calc_loop_triangles()
    loops = np.array([triangle.loops for triangle in mesh.loop_triangles])
    uvs = np.array([uv.vector for uv in mesh.uv_layers.active.uv], np.float32)
    normals = np.array([normal.vector for normal in mesh.corner_normals], np.float32)
    np.savez(
        path,
        vertices=np.array([vertex.co for vertex in mesh.vertices], np.float32),
        faces=np.array([triangle.vertices for triangle in mesh.loop_triangles], np.int32),
        uvs=uvs[loops],
        normals=normals[loops],
    )


if __name__ == "__main__":
    main(sys.argv[-1])
