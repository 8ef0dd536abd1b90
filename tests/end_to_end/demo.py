"""Paint the fox like The Starry Night as an artist would: install the extension, select, press the button.

    .env/blender/bin/python tests/end_to_end/demo.py [--out out/demo] [--zip dist/patina-*.zip] [--quality …]

Leaves in --out: fox_stylized.blend, fox_stylized.glb, texture.png, before_after.png and report.json.
PATINA_BACKEND names the backend's environment; .env/backend of this repository if unset.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import bpy

ROOT = Path(__file__).parents[2]
FOX = ROOT / "tests" / "assets" / "fox.gltf"
PACKAGE = "bl_ext.user_default.patina"


def main() -> None:
    arguments = read_arguments()
    start = time.perf_counter()
    os.environ.setdefault("PATINA_BACKEND", str(ROOT / ".env" / "backend"))
    with tempfile.TemporaryDirectory(prefix="patina-demo-", ignore_cleanup_errors=True) as user:
        os.environ["BLENDER_USER_RESOURCES"] = user  # read as bpy is imported
        with step("Install the extension"):
            install(arguments.zip)
        with step("Import the fox"):
            fox = import_fox()
        original = [slot.material for slot in fox.material_slots]
        print(f"Stylize: {arguments.style}, {arguments.quality}, {arguments.texture_size} px")
        folder = stylize(arguments)
        with step("Save"):
            save(fox, folder, arguments.out)
        with step("Render before and after"):
            stylized = [slot.material for slot in fox.material_slots]
            importlib.import_module("stage").before_and_after(
                fox, original, stylized, arguments.out / "before_after.png", width=arguments.width
            )
        module("jobs").stop()
    print(f"Done in {time.perf_counter() - start:.0f} s. See {arguments.out}:")
    for path in sorted(arguments.out.iterdir()):
        print(f"  {path.name:<22}{path.stat().st_size / 1024:>8.0f} kB")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "demo")
    parser.add_argument("--zip", type=Path, help="the extension; the newest in dist/ if not given")
    parser.add_argument("--style", default="starry_night", help="a shipped painting")
    parser.add_argument("--quality", default="standard", choices=("draft", "standard", "final"))
    parser.add_argument("--texture-size", default="1024")
    parser.add_argument("--steps", type=int, default=0, help="0: as many as the quality asks for")
    parser.add_argument("--width", type=int, default=1600, help="of before_after.png, in pixels")
    return parse(parser)


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments; the newest zip in dist/ where none is named; the folder --out is made."""
    arguments = parser.parse_args()
    if arguments.zip is None:
        built = sorted((ROOT / "dist").glob("patina-*.zip"), key=lambda path: path.stat().st_mtime)
        if not built:
            parser.error("there is no dist/patina-*.zip: run `make extension` first")
        arguments.zip = built[-1]
    arguments.out = arguments.out.resolve()
    arguments.out.mkdir(parents=True, exist_ok=True)
    return arguments


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, and how long it took; Blender's own lines are kept off the terminal."""
    print(f"{title} … ", end="", flush=True)
    start = time.perf_counter()
    with importlib.import_module("stage").quiet():
        yield
    print(f"{time.perf_counter() - start:.1f} s", flush=True)


def module(name: str) -> ModuleType:
    """A module of the installed add-on."""
    return importlib.import_module(f"{PACKAGE}.addon.{name}")


def install(archive: Path) -> None:
    """Install the extension as the preferences' "Install from Disk" does; Blender must have no objection."""
    import addon_utils
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo="user_default", enable_on_install=True
    )
    if not addon_utils.check(PACKAGE)[1]:
        sys.exit(f"{archive} was not installed.")
    warnings = addon_utils._extensions_warnings_get()
    if warnings:
        sys.exit(f"Blender objects to the extension: {warnings}")


def import_fox() -> bpy.types.Object:
    """Import the fox and select it alone."""
    import bpy

    bpy.ops.import_scene.gltf(filepath=str(FOX))
    bpy.ops.object.select_all(action="DESELECT")
    fox = bpy.data.objects["fox"]
    fox.select_set(True)
    bpy.context.view_layer.objects.active = fox
    return fox


def stylize(arguments: argparse.Namespace) -> Path:
    """Set the panel's properties and press its button; the folder of the finished job."""
    import bpy

    settings = bpy.context.scene.patina
    settings.style = arguments.style
    settings.quality = arguments.quality
    settings.texture_size = arguments.texture_size
    settings.steps = arguments.steps
    try:
        bpy.ops.patina.stylize()
    except RuntimeError as error:
        sys.exit(str(error))
    return module("jobs").ended[-1].folder


def save(fox: bpy.types.Object, folder: Path, out: Path) -> None:
    """Write the results: the job's own files, the scene, and the fox with its rig as GLB."""
    import bpy

    for name in ("texture.png", "report.json"):
        shutil.copyfile(folder / name, out / name)
    fox.parent.select_set(True)  # its rig
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                area.spaces[0].shading.type = "MATERIAL"
    bpy.ops.export_scene.gltf(filepath=str(out / "fox_stylized.glb"), use_selection=True)
    bpy.context.preferences.filepaths.save_version = 0  # a second run leaves no .blend1
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "fox_stylized.blend"), compress=True)


if __name__ == "__main__":
    main()
