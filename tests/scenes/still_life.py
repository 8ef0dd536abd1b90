"""Paint a still life as an artist would: select everything, choose a painting, press the button once.

    .env/blender/bin/python tests/scenes/still_life.py [--out out/still_life] [--zip dist/patina-*.zip] …

Leaves in --out: before.jpg, after.jpg, still_life.blend and report.json. PATINA_BACKEND names the
backend's environment; .env/backend of this repository if unset.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "end_to_end"))


def main() -> None:
    arguments = read_arguments()
    os.environ.setdefault("PATINA_BACKEND", str(ROOT / ".env" / "backend"))
    with tempfile.TemporaryDirectory(prefix="patina-still-life-", ignore_cleanup_errors=True) as user:
        os.environ["BLENDER_USER_RESOURCES"] = user  # read as bpy is imported
        demo = importlib.import_module("demo")
        with demo.step("Install the extension"):
            demo.install(arguments.zip)
        with demo.step("Set the table"):
            things = importlib.import_module("arrangement").build()
        if not arguments.only_after:
            with demo.step("Render before"):
                render(arguments.out / "before.jpg", arguments)
        folder = stylize(things, arguments)
        shutil.copyfile(folder / "report.json", arguments.out / "report.json")
        with demo.step("Render after"):
            render(arguments.out / "after.jpg", arguments)
        save(arguments.out)
        demo.module("jobs").stop()
    tell(arguments.out / "report.json")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "still_life")
    parser.add_argument("--zip", type=Path, help="the extension; the newest in dist/ if not given")
    parser.add_argument("--style", default="village_street_in_auvers", help="a shipped painting")
    parser.add_argument("--colors", type=float, default=0.0, help="0: the painting's, 1: the objects' own")
    parser.add_argument("--quality", default="standard", choices=("sketch", "draft", "standard", "final"))
    parser.add_argument("--strength", type=float, default=0.6)
    parser.add_argument("--texture-size", default="512")
    parser.add_argument("--style-size", type=float, default=8.0, help="the painting's height in the scene")
    parser.add_argument("--steps", type=int, default=0, help="0: as many as the quality asks for")
    parser.add_argument("--width", type=int, default=960, help="of the pictures, in pixels")
    parser.add_argument("--samples", type=int, default=12, help="of Cycles, for each pixel")
    parser.add_argument("--only-after", action="store_true", help="leave out the picture before")
    arguments: argparse.Namespace = importlib.import_module("demo").parse(parser)
    return arguments


def stylize(things: list[object], arguments: argparse.Namespace) -> Path:
    """Select all, set the panel's properties and press its button; the folder of the finished job."""
    import bpy

    bpy.ops.object.select_all(action="DESELECT")
    for thing in things:
        thing.select_set(True)
    bpy.context.view_layer.objects.active = things[0]
    settings = bpy.context.scene.patina
    settings.style, settings.palette = arguments.style, arguments.colors
    settings.quality, settings.steps = arguments.quality, arguments.steps
    settings.texture_size, settings.style_size = arguments.texture_size, arguments.style_size
    settings.strength = arguments.strength
    started = time.perf_counter()
    try:
        bpy.ops.patina.stylize()
    except RuntimeError as error:
        sys.exit(str(error))
    print(f"{len(things)} objects painted in {time.perf_counter() - started:.0f} s")
    return importlib.import_module("bl_ext.user_default.patina.addon.jobs").ended[-1].folder


def render(path: Path, arguments: argparse.Namespace) -> None:
    """Render the scene's camera into a JPEG."""
    import bpy

    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = arguments.samples
    scene.cycles.max_bounces = 4
    scene.cycles.use_denoising = True  # guided by albedo and normals: the texture stays sharp
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y = arguments.width, arguments.width * 5 // 8
    scene.render.image_settings.file_format = "JPEG"
    scene.render.image_settings.quality = 88
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def save(out: Path) -> None:
    import bpy

    bpy.context.preferences.filepaths.save_version = 0  # a second run leaves no .blend1
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "still_life.blend"), compress=True)


def tell(path: Path) -> None:
    """Print the report's numbers for each object."""
    report = json.loads(path.read_text(encoding="utf-8"))
    print(f"style distance {report['style_distance_before']} → {report['style_distance']}")
    for tile in report["tiles"]:
        print(f"  {tile['name']:<24}coverage {tile['coverage']}, style distance {tile['style_distance']}")


if __name__ == "__main__":
    main()
