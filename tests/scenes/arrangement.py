"""The still life: Blender's primitives, turned and bent into things on a table, with light and a camera."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import bpy
import surfaces
from mathutils import Vector

EDGE = -2.2  # y at which the table ends
Profile = Sequence[tuple[float, float]]  # (radius, height) from the bottom's middle round to the top's


def build() -> list[bpy.types.Object]:
    """Make the scene; gives what is to be painted."""
    things = [*_room(), *_vessels(), *_fruit(), *_rest()]
    _light()
    _camera()
    for thing in things:
        if thing.name not in ("Table", "Book", "Board"):
            thing.data.polygons.foreach_set("use_smooth", [True] * len(thing.data.polygons))
    return things


def _room() -> list[bpy.types.Object]:
    wall = _named(bpy.ops.mesh.primitive_grid_add, "Wall", x_subdivisions=8, y_subdivisions=8, size=1)
    wall.scale, wall.location, wall.rotation_euler = (15, 8.5, 1), (0.6, 3.6, 3.2), (math.pi / 2, 0, 0)
    wall.data.materials.append(
        surfaces.noise(
            "Plaster", [(0.3, (0.045, 0.07, 0.085)), (0.7, (0.13, 0.16, 0.15))], 2.2, roughness=0.95
        )
    )
    table = _named(bpy.ops.mesh.primitive_grid_add, "Table", x_subdivisions=8, y_subdivisions=90, size=1)
    for vertex in table.data.vertices:
        y = vertex.co.y * 9.0 - 1.1
        vertex.co = (vertex.co.x * 13.5, max(y, EDGE), min(0.0, y - EDGE))
    table.data.materials.append(
        surfaces.waves("Wood", [(0, (0.09, 0.035, 0.015)), (1, (0.24, 0.11, 0.05))], 1.6, 5, (0, 0, 1.45))
    )
    _unit_scale(wall)
    cloth = _named(bpy.ops.mesh.primitive_grid_add, "Cloth", x_subdivisions=110, y_subdivisions=80, size=1)
    for vertex in cloth.data.vertices:
        vertex.co = _draped(vertex.co.x * 7.4 - 1.0, vertex.co.y * 5.6 - 1.45)
    cloth.data.materials.append(
        surfaces.waves(
            "Linen",
            [(0.0, (0.74, 0.71, 0.63)), (0.78, (0.74, 0.71, 0.63)), (0.84, (0.08, 0.13, 0.33))],
            0.55,
            0.3,
        )
    )
    return [wall, table, cloth]


def _draped(x: float, y: float) -> Vector:
    """A point of the cloth: over the table, folded a little, and down where the table ends."""
    fold = 0.05 * math.sin(2.1 * x + 0.8 * y) + 0.035 * math.sin(3.7 * x - 2.6 * y + 1)
    if y > EDGE:
        return Vector((x + 0.05 * math.sin(3 * y), y, 0.11 + fold))
    down = EDGE - y
    sway = 0.16 * math.sin(3.3 * x + 0.6) * min(1.0, 1.4 * down)
    return Vector(
        (x + 0.06 * down * math.sin(2 * x), EDGE - 0.32 - sway, 0.11 + fold * max(0.0, 1 - down) - down)
    )


def _vessels() -> list[bpy.types.Object]:
    bottle = lathe(
        "Bottle",
        [(0, 0), (0.52, 0), (0.56, 0.1), (0.56, 2.0), (0.5, 2.4), (0.22, 2.85), (0.18, 3.5)]
        + [(0.22, 3.55), (0.22, 3.7), (0.15, 3.7), (0, 3.66)],
        (-2.25, 1.1, 0.05),
    )
    bottle.data.materials.append(surfaces.plain("Green Glass", (0.012, 0.06, 0.03), roughness=0.12))
    jug = lathe(
        "Jug",
        [(0, 0), (0.6, 0), (0.66, 0.08), (0.95, 0.75), (0.92, 1.3), (0.55, 1.95), (0.5, 2.2)]
        + [(0.66, 2.5), (0.6, 2.5), (0.44, 2.2), (0.5, 1.9), (0.8, 1.2), (0.6, 0.3), (0, 0.2)],
        (2.5, 1.25, 0.0),
    )
    jug.data.materials.append(
        surfaces.by_height(
            "Faience",
            [(0.0, (0.05, 0.11, 0.36)), (0.2, (0.75, 0.74, 0.68)), (0.45, (0.75, 0.74, 0.68))]
            + [(0.52, (0.04, 0.1, 0.4)), (0.6, (0.75, 0.74, 0.68)), (1.0, (0.8, 0.78, 0.7))],
            0.0,
            2.5,
            roughness=0.2,
        )
    )
    handle = _named(
        bpy.ops.mesh.primitive_torus_add, "Handle", major_radius=0.58, minor_radius=0.095, generate_uvs=True
    )
    handle.location, handle.rotation_euler, handle.scale = (
        (3.32, 1.25, 1.5),
        (math.pi / 2, 0, 0),
        (0.85, 1.25, 1),
    )
    handle.data.materials.append(surfaces.plain("Glaze", (0.05, 0.11, 0.36), roughness=0.2))
    bowl = lathe(
        "Bowl",
        [(0, 0), (0.62, 0), (0.62, 0.12), (0.5, 0.2), (1.15, 0.45), (1.55, 0.9), (1.62, 1.02)]
        + [(1.54, 1.02), (1.45, 0.9), (1.05, 0.52), (0.4, 0.32), (0, 0.3)],
        (0.1, 0.15, 0.1),
    )
    bowl.data.materials.append(
        surfaces.waves(
            "Earthenware",
            [(0.0, (0.34, 0.12, 0.05)), (0.62, (0.42, 0.17, 0.07)), (0.7, (0.7, 0.55, 0.3))],
            1.5,
            1.5,
            (0, math.pi / 2, 0),
            roughness=0.35,
        )
    )
    cup = lathe(
        "Cup",
        [
            (0, 0),
            (0.3, 0),
            (0.34, 0.06),
            (0.46, 0.4),
            (0.5, 0.85),
            (0.45, 0.85),
            (0.4, 0.4),
            (0.2, 0.12),
            (0, 0.1),
        ],
        (-2.75, -1.15, 0.1),
    )
    cup.data.materials.append(surfaces.plain("Enamel", (0.62, 0.12, 0.08), roughness=0.25))
    return [bottle, jug, handle, bowl, cup]


APPLE = [
    (0, 0.1),
    (0.14, 0.02),
    (0.3, 0.04),
    (0.5, 0.3),
    (0.54, 0.6),
    (0.42, 0.88),
    (0.2, 0.94),
    (0.06, 0.86),
    (0, 0.8),
]
PEAR = [
    (0, 0.06),
    (0.14, 0.0),
    (0.4, 0.12),
    (0.52, 0.42),
    (0.42, 0.78),
    (0.26, 1.08),
    (0.22, 1.28),
    (0.12, 1.4),
    (0, 1.36),
]
LEMON = [
    (0, -0.1),
    (0.07, -0.02),
    (0.26, 0.1),
    (0.4, 0.42),
    (0.4, 0.56),
    (0.26, 0.88),
    (0.08, 1.0),
    (0, 1.08),
]


def _fruit() -> list[bpy.types.Object]:
    red = surfaces.by_height(
        "Red Apple", [(0.35, (0.5, 0.03, 0.02)), (1.0, (0.65, 0.4, 0.05))], 0, 1.15, roughness=0.3
    )
    green = surfaces.noise(
        "Green Apple", [(0.35, (0.25, 0.38, 0.04)), (0.7, (0.5, 0.5, 0.08))], 2, roughness=0.3
    )
    pear = surfaces.by_height(
        "Pear", [(0.1, (0.5, 0.2, 0.03)), (0.7, (0.42, 0.4, 0.06))], 0, 1.4, roughness=0.5
    )
    lemon = surfaces.noise("Lemon", [(0.3, (0.8, 0.5, 0.02)), (0.7, (0.85, 0.66, 0.06))], 6, roughness=0.4)
    peel = surfaces.cells("Orange", [(0.0, (0.75, 0.16, 0.01)), (0.5, (0.9, 0.28, 0.02))], 12, roughness=0.45)
    plum = surfaces.noise("Plum", [(0.35, (0.05, 0.01, 0.06)), (0.7, (0.2, 0.08, 0.22))], 2.5, roughness=0.5)
    found = []
    for name, profile, material, place, turn in (
        ("Apple in the Bowl", APPLE, red, (-0.55, 0.0, 0.62), (0.2, 0.3, 0)),
        ("Green Apple", APPLE, green, (0.72, 0.15, 0.66), (-0.3, 0.35, 0.5)),
        ("Pear", PEAR, pear, (0.12, 0.55, 0.68), (-0.25, 0.5, 0)),
        ("Apple", APPLE, red, (1.75, -1.3, 0.08), (0.15, -0.2, 2)),
        ("Lemon", LEMON, lemon, (-1.35, -1.3, 0.52), (math.pi / 2, 0.2, 0.9)),
    ):
        fruit = lathe(name, profile, place, turn)
        fruit.data.materials.append(material)
        found.append(fruit)
    for name, radius, material, place in (
        ("Orange", 0.52, peel, (0.05, -0.62, 1.12)),
        ("Orange on the Cloth", 0.52, peel, (0.55, -1.75, 0.62)),
        ("Plum", 0.33, plum, (-0.3, -1.85, 0.4)),
        ("Second Plum", 0.31, plum, (2.65, -1.0, 0.36)),
    ):
        ball = _named(bpy.ops.mesh.primitive_uv_sphere_add, name, radius=radius, calc_uvs=True)
        ball.location = place
        ball.data.materials.append(material)
        found.append(ball)
    return found


def _rest() -> list[bpy.types.Object]:
    book = _named(bpy.ops.mesh.primitive_cube_add, "Book", size=1)
    book.scale, book.location, book.rotation_euler = (1.9, 1.35, 0.38), (4.25, -0.55, 0.19), (0, 0, 0.42)
    book.data.materials.append(surfaces.plain("Leather", (0.22, 0.05, 0.035), roughness=0.5))
    _unit_scale(book)
    bread = _named(bpy.ops.mesh.primitive_uv_sphere_add, "Bread", radius=1, calc_uvs=True)
    bread.scale, bread.location, bread.rotation_euler = (1.35, 0.62, 0.5), (-4.3, -0.35, 0.42), (0, 0, -0.35)
    bread.data.materials.append(
        surfaces.noise(
            "Crust", [(0.3, (0.2, 0.08, 0.02)), (0.55, (0.5, 0.25, 0.08)), (0.75, (0.72, 0.5, 0.25))], 3
        )
    )
    _unit_scale(bread)
    stick = lathe(
        "Candlestick",
        [(0, 0), (0.6, 0), (0.62, 0.08), (0.2, 0.22), (0.12, 0.4), (0.22, 0.55), (0.11, 0.7), (0.11, 1.2)]
        + [(0.3, 1.35), (0.3, 1.42), (0.1, 1.42), (0, 1.4)],
        (-3.85, 1.2, 0.0),
    )
    stick.data.materials.append(surfaces.plain("Brass", (0.6, 0.36, 0.1), roughness=0.35))
    candle = _named(bpy.ops.mesh.primitive_cylinder_add, "Candle", radius=0.17, depth=1.5, vertices=32)
    candle.location = (-3.85, 1.2, 2.15)
    candle.data.materials.append(surfaces.plain("Wax", (0.82, 0.72, 0.5)))
    return [book, bread, stick, candle]


def lathe(
    name: str, profile: Profile, place: Sequence[float], turn: Sequence[float] = (0, 0, 0)
) -> bpy.types.Object:
    """A UV sphere whose rings take the radii and heights of `profile`, by its length."""
    obj = _named(
        bpy.ops.mesh.primitive_uv_sphere_add, name, segments=48, ring_count=56, radius=1, calc_uvs=True
    )
    points = [Vector(point) for point in profile]
    lengths = [(b - a).length for a, b in pairwise(points)]
    total = sum(lengths)
    for vertex in obj.data.vertices:
        way = (1 - math.acos(max(-1.0, min(1.0, vertex.co.z))) / math.pi) * total
        piece = 0
        while piece < len(lengths) - 1 and way > lengths[piece]:
            way -= lengths[piece]
            piece += 1
        radius, height = points[piece].lerp(points[piece + 1], min(1.0, way / lengths[piece]))
        around = math.atan2(vertex.co.y, vertex.co.x)
        vertex.co = (radius * math.cos(around), radius * math.sin(around), height)
    obj.location, obj.rotation_euler = place, turn
    return obj


def _named(add: Callable[..., object], name: str, **arguments: object) -> bpy.types.Object:
    add(**arguments)
    obj = bpy.context.object
    obj.name = obj.data.name = name
    return obj


def _unit_scale(*objects: bpy.types.Object) -> None:
    """Apply the scale, so that nodes that read object space see true sizes."""
    for obj in objects:
        size = obj.scale.copy()
        for vertex in obj.data.vertices:
            vertex.co *= size
        obj.scale = (1, 1, 1)


def _light() -> None:
    """A window on the left, a little sky."""
    data = bpy.data.lights.new("Window", "AREA")
    data.shape, data.size, data.size_y, data.energy, data.color = "RECTANGLE", 4, 5, 1500, (1, 0.93, 0.82)
    window = bpy.data.objects.new("Window", data)
    window.location = (-9, -4.5, 7)
    window.rotation_euler = (Vector((0, 0, 0.5)) - window.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(window)
    world = bpy.data.worlds.new("Sky")
    if bpy.app.version < (5, 0):
        world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.5, 0.6, 0.75, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.45
    bpy.context.scene.world = world


def _camera() -> None:
    data = bpy.data.cameras.new("Camera")
    data.lens = 58
    camera = bpy.data.objects.new("Camera", data)
    camera.location = (0.4, -16.5, 5.6)
    camera.rotation_euler = (Vector((0.05, 0, 0.95)) - camera.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
