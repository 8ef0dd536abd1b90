"""Where the artist looks from, so that the side that they see is painted first."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
from mathutils import Matrix, Vector

Direction = tuple[float, float, float]


def looked_from(context: bpy.types.Context, objects: Sequence[bpy.types.Object]) -> Direction | None:
    """The way from `objects` to who looks at them in the viewport of `context`; None where there is none."""
    region = getattr(context, "region_data", None)
    if region is None:
        return None
    corners = [obj.matrix_world @ Vector(corner) for obj in objects for corner in obj.bound_box]
    middle = sum(corners, Vector()) / len(corners)
    return toward(region.view_matrix, region.is_perspective, middle)


def toward(view: Matrix, is_perspective: bool, point: Vector) -> Direction | None:
    """The way, of length 1, from `point` to the viewer whose `view` matrix moves the world before the eye."""
    eye = view.inverted_safe()
    way = eye.translation - point if is_perspective else eye.col[2].xyz
    way.normalize()
    return (round(way.x, 5), round(way.y, 5), round(way.z, 5)) if any(way) else None
