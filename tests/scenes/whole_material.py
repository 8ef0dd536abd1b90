"""Paint four materials as colour alone, then whole, and show both below what they were, under a low sun.

    .env/blender/bin/python tests/scenes/whole_material.py [--out out/whole_material] …

Leaves whole_material.jpg in --out. PATINA_BACKEND names the backend's environment; .env/backend of this
repository if unset.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import bpy

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "end_to_end"))
STYLES = ("starry_night", "summertime", "great_wave", "village_street_in_auvers")  # by column
ROWS = ("before", "colour", "whole")
APART, BELOW = 2.9, 2.4  # columns and rows


def main() -> None:
    arguments = read_arguments()
    os.environ.setdefault("PATINA_BACKEND", str(ROOT / ".env" / "backend"))
    with tempfile.TemporaryDirectory(prefix="patina-material-", ignore_cleanup_errors=True) as user:
        os.environ["BLENDER_USER_RESOURCES"] = user  # read as bpy is imported
        demo = importlib.import_module("demo")
        with demo.step("Install the extension"):
            demo.install(arguments.zip)
        with demo.step("Set the scene"):
            rows = [figures(place) for place in range(len(ROWS))]
            light()
            camera()
        for name, row in zip(ROWS[1:], rows[1:], strict=True):
            with demo.step(f"Paint, {name}"):
                for figure, style in zip(row, STYLES, strict=True):
                    paint(figure, style, name == "whole", arguments)
        with demo.step("Render"):
            importlib.import_module("still_life").render(arguments.out / "whole_material.jpg", arguments)
        demo.module("jobs").stop()


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "whole_material")
    parser.add_argument("--zip", type=Path, help="the extension; the newest in dist/ if not given")
    parser.add_argument("--quality", default="draft", choices=("sketch", "draft", "standard", "final"))
    parser.add_argument("--texture-size", default="512")
    parser.add_argument("--width", type=int, default=1024, help="of the picture, in pixels")
    parser.add_argument("--samples", type=int, default=24, help="of Cycles, for each pixel")
    arguments: argparse.Namespace = importlib.import_module("demo").parse(parser)
    return arguments


def figures(row: int) -> list[bpy.types.Object]:
    """A stone, plastic, hammered brass and skin with pores, each on an object of its own."""
    import bpy

    arrangement, surfaces = (importlib.import_module(name) for name in ("arrangement", "surfaces"))
    found = [
        arrangement.lathe(
            "Stone", [(0, -1), (0.3, -1), (0.55, -0.5), (0.62, 0.1), (0.7, 0.6), (0.5, 1), (0, 1)], (0, 0, 0)
        )
    ]
    bpy.ops.mesh.primitive_monkey_add(size=1.9)
    found.append(bpy.context.object)
    bpy.ops.mesh.primitive_torus_add(
        major_radius=0.8, minor_radius=0.38, major_segments=64, minor_segments=24, rotation=(0.45, 0, 0)
    )
    found.append(bpy.context.object)
    bpy.ops.mesh.primitive_monkey_add(size=1.9)
    found.append(bpy.context.object)
    stone = [(0.35, (0.09, 0.06, 0.04)), (0.55, (0.2, 0.14, 0.09)), (0.68, (0.13, 0.2, 0.06))]
    materials = (
        bumpy(surfaces.noise("Stone", stone, 2.5, roughness=0.9), "ShaderNodeTexNoise", 9.0, 0.9),
        surfaces.plain("Plastic", (0.62, 0.03, 0.02), roughness=0.15),
        bumpy(
            surfaces.plain("Brass", (0.75, 0.42, 0.1), roughness=0.25, metallic=1.0),
            "ShaderNodeTexVoronoi",
            9.0,
            0.5,
        ),
        bumpy(surfaces.plain("Skin", (0.6, 0.3, 0.22), roughness=0.5), "ShaderNodeTexVoronoi", 26.0, 0.4),
    )
    for column, (figure, material) in enumerate(zip(found, materials, strict=True)):
        if figure.data.name.startswith("Suzanne"):
            figure.modifiers.new("Subdivision", "SUBSURF").levels = 2
            bpy.context.view_layer.objects.active = figure
            bpy.ops.object.modifier_apply(modifier="Subdivision")
        figure.data.polygons.foreach_set("use_smooth", [True] * len(figure.data.polygons))
        figure.data.materials.append(material)
        figure.location = (APART * column, 0, -BELOW * row)
        figure.rotation_euler.z = 0.35
    return found


def bumpy(material: bpy.types.Material, kind: str, scale: float, strength: float) -> bpy.types.Material:
    """Give `material` the bumps of a texture node of that `kind`."""
    tree = material.node_tree
    place, texture, bump = (tree.nodes.new(k) for k in ("ShaderNodeTexCoord", kind, "ShaderNodeBump"))
    texture.inputs["Scale"].default_value = scale
    bump.inputs["Strength"].default_value = strength
    bump.inputs["Distance"].default_value = 0.1
    tree.links.new(place.outputs["Object"], texture.inputs["Vector"])
    height = "Fac" if kind == "ShaderNodeTexNoise" else "Distance"
    tree.links.new(texture.outputs[height], bump.inputs["Height"])
    principled = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    tree.links.new(bump.outputs["Normal"], principled.inputs["Normal"])
    return material


def paint(figure: bpy.types.Object, style: str, whole: bool, arguments: argparse.Namespace) -> None:
    """Select `figure` alone, set the panel's properties and press its button."""
    import bpy

    bpy.ops.object.select_all(action="DESELECT")
    figure.select_set(True)
    bpy.context.view_layer.objects.active = figure
    settings = bpy.context.scene.patina
    settings.style, settings.material = style, whole
    settings.quality, settings.texture_size = arguments.quality, arguments.texture_size
    try:
        bpy.ops.patina.stylize()
    except RuntimeError as error:
        sys.exit(str(error))


def light() -> None:
    """A low sun from the left, and a grey sky."""
    import bpy
    from mathutils import Vector

    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = 4.0, math.radians(4)
    sun.rotation_euler = Vector((0.85, 0.75, -0.5)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(sun)
    world = bpy.data.worlds.new("Sky")
    if bpy.app.version < (5, 0):
        world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.13, 0.14, 0.16, 1)
    bpy.context.scene.world = world


def camera() -> None:
    """Look at all of them, a little from above, without perspective."""
    import bpy
    from mathutils import Vector

    data = bpy.data.cameras.new("Camera")
    data.type, data.ortho_scale = "ORTHO", 12.0
    eye = bpy.data.objects.new("Camera", data)
    middle = Vector((1.5 * APART, 0, -BELOW))
    eye.location = middle + Vector((0, -20, 3))
    eye.rotation_euler = (middle - eye.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(eye)
    bpy.context.scene.camera = eye


if __name__ == "__main__":
    main()
