"""The pictures of Blender's window in docs/: `blender-python tests/gui/panel_pictures.py [NAME …]`.

As make test-gui, it needs .env/trixie, .env/backend and dist/patina-*.zip. The scenes are set from outside,
the jobs are started by the button.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from cage import Cage
from conftest import BACKEND, OUT, ROOT, TRIXIE
from PIL import Image
from screen import Screen, wait_for
from test_click_through import QUEUE
from window import TAB_WIDTH, USER, Window, install, lent_paths

DOCS = ROOT / "docs"
JOB = "__import__('sys').modules['bl_ext.user_default.patina.addon.jobs'].queue[0]"
WORN = "bpy.data.objects['fox'].material_slots[0].material.name"
MODES = ("style", "dream", "texture", "animate")
PATIENCE = 900.0  # seconds that a job may take

SUZANNE = """
bpy.ops.mesh.primitive_monkey_add(size={0}, location={1}, rotation=(0, 0, {2}))
bpy.context.object.modifiers.new("Subdivision", "SUBSURF").levels = 2
bpy.ops.object.modifier_apply(modifier="Subdivision")
bpy.ops.object.shade_smooth()
"""
FOX = """
bpy.ops.import_scene.gltf(filepath="/desk/fox.gltf")
for obj in list(bpy.data.objects):
    if obj.type == "ARMATURE":
        obj.scale *= 0.025
        obj.hide_set(True)
    elif obj.type in ("LIGHT", "CAMERA") or obj.name == "Cube":
        bpy.data.objects.remove(obj)
bpy.ops.object.select_all(action="DESELECT")
fox = next(obj for obj in bpy.context.view_layer.objects if obj.type == "MESH" and obj.name == "fox")
fox.select_set(True)
bpy.context.view_layer.objects.active = fox
"""
LOOK = """
import mathutils
bpy.context.preferences.view.smooth_view = 0
area = next(area for area in bpy.context.screen.areas if area.type == "VIEW_3D")
view = area.spaces.active.region_3d
view.view_rotation = mathutils.Vector({0}).to_track_quat("Z", "Y")
with bpy.context.temp_override(area=area, region=next(r for r in area.regions if r.type == "WINDOW")):
    bpy.ops.view3d.view_all() if {1} else bpy.ops.view3d.view_selected()
view.view_distance *= {2}
"""


def painting(window: Window) -> None:
    """docs/panel-painting.jpg: Suzanne half painted, the panel with the progress and the time left."""
    window.do("bpy.data.objects.remove(bpy.data.objects['Cube'])" + SUZANNE.format(2, (0, 0, 0), 0))
    window.do("bpy.context.scene.patina.style = 'great_wave'")
    window.do(LOOK.format((0.5, -1.0, 0.35), False, 1.3))
    press(window)
    window.wait(f"{JOB}.progress.fraction > 0.5", PATIENCE)
    shoot(window).resize((1280, 800), Image.Resampling.LANCZOS).save(DOCS / "panel-painting.jpg", quality=88)


def modes(window: Window) -> None:
    """docs/panel-modes.png: the sidebar in each of four modes."""
    found = []
    for mode in MODES:
        window.do(f"bpy.context.scene.patina.mode = {mode!r}")
        box = window.region()
        found.append(shoot(window).crop(box._replace(right=box.right - TAB_WIDTH)))
    page = Image.new("RGB", (sum(one.width for one in found), found[0].height))
    for place, one in enumerate(found):
        page.paste(one, (place * one.width, 0))
    page.quantize(256, dither=Image.Dither.NONE).save(DOCS / "panel-modes.png", optimize=True)


def preview(window: Window) -> None:
    """docs/jobs_preview.jpg: a fox that wears the first preview of its texture, and a monkey that waits."""
    window.do(FOX)
    window.do(LOOK.format((0.7, -1.0, 0.5), False, 1.25))
    press(window)
    window.do(SUZANNE.format(1.3, (1.7, 0.5, 0.6), 0.6))
    window.do(LOOK.format((0.7, -1.0, 0.5), True, 0.9))
    press(window)
    window.wait(f"({JOB}.folder / 'preview.png').exists()", PATIENCE)
    left, top, _, bottom = window.region("WINDOW")
    shoot(window).crop((left + 120, top + 220, window.region().left, bottom - 120)).save(
        DOCS / "jobs_preview.jpg", quality=88
    )


def split(window: Window) -> None:
    """docs/jobs_split.jpg: the fox in Material Preview, its left half as it was, its right half painted."""
    window.do(FOX)
    window.do(LOOK.format((0.9, -1.0, 0.45), False, 0.95))
    press(window)
    window.wait(f"{QUEUE} == 0", PATIENCE)
    window.settle()  # the buttons are where the progress was
    window.click("Split")
    wait_for(lambda: "Split" in window.ask(WORN), "the split", 120)
    window.do("area.spaces.active.shading.type = 'MATERIAL'")
    box = window.region("WINDOW")
    shoot(window).crop(box).save(DOCS / "jobs_split.jpg", quality=88)


PICTURES = {one.__name__: one for one in (painting, modes, preview, split)}


def press(window: Window) -> None:
    """Press the button, and wait until the queue has one more."""
    before = window.ask(QUEUE)
    window.click("Stylize", window.below("Seed"))
    window.wait(f"{QUEUE} == {before + 1}", 60)


def shoot(window: Window) -> Image.Image:
    """The screen, once nothing but paint moves, the mouse out of the way."""
    window.screen.move(10, 990)
    window.settle()
    return window.screen.picture()


def main(names: list[str]) -> None:
    """Take those called `names`, all if none is, each of a Blender of its own."""
    OUT.mkdir(parents=True, exist_ok=True)
    (extension,) = (ROOT / "dist").glob("patina-*.zip")
    with tempfile.TemporaryDirectory() as folder:
        install(Cage(TRIXIE.resolve(), Path(folder)), extension)
        for name in names or PICTURES:
            desk = Path(folder) / name
            desk.mkdir(mode=0o700)
            shutil.copytree(Path(folder) / USER, desk / USER)
            shutil.copy(ROOT / "tests" / "assets" / "fox.gltf", desk)
            cage = Cage(TRIXIE.resolve(), desk, lent_paths(BACKEND))
            screen = Screen(cage, OUT / f"{name}-screen.log")
            window = Window(cage, screen, BACKEND, OUT / f"{name}-blender.log")
            try:
                screen.move(*window.region("WINDOW").middle)
                screen.press("key", "n", "sleep", 0.5)
                window.click_tab("Patina")
                PICTURES[name](window)
            except Exception:
                screen.picture().save(OUT / f"{name}-failed.png")
                raise
            finally:
                window.close()
                screen.close()


if __name__ == "__main__":
    main(sys.argv[1:])
