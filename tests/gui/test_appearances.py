"""The panel in the states and shapes that a scene, a window and the preferences bring it into.

The scene is set from outside here, not by clicks. The pictures are for people to look at; what is tested
is that drawing complains of nothing, and that the panel says what to do.
"""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from cage import DESK, Cage
from conftest import TRIXIE, Story
from screen import wait_for
from window import USER

HELPERS = """
def select(*names):
    for obj in bpy.context.scene.objects:
        obj.select_set(obj.name in names)
    bpy.context.view_layer.objects.active = bpy.data.objects[names[-1]] if names else None

def link():
    monkey = bpy.data.objects["Suzanne"]
    bpy.data.libraries.write("/desk/library.blend", {monkey})
    with bpy.data.libraries.load("/desk/library.blend", link=True) as (_, wanted):
        wanted.objects = ["Suzanne"]
    linked = wanted.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    select()
    linked.select_set(True)
    bpy.context.view_layer.objects.active = linked
"""

# What is done to the scene, one after the other, and what the panel then says.
STATES = (
    ("nothing-selected", "select()", "Select a mesh"),
    ("camera-selected", "select('Camera')", "Camera"),
    ("two-selected", "bpy.ops.mesh.primitive_monkey_add(); select('Cube', 'Suzanne')", "2 objects"),
    ("no-uv-map", "bpy.ops.mesh.primitive_monkey_add(calc_uvs=False); select('Suzanne.001')", "no UV map"),
    ("edit-mode", "select('Suzanne'); bpy.ops.object.mode_set(mode='EDIT')", "Stylize"),
    ("linked", "bpy.ops.object.mode_set(mode='OBJECT'); link()", "linked from"),
)

LIGHT = """
theme = next(Path(folder) / "Blender_Light.xml" for folder in bpy.utils.preset_paths("interface_theme"))
bpy.ops.script.execute_preset(filepath=str(theme), menu_idname="USERPREF_MT_interface_theme_presets")
"""


def test_states(tab: Story):
    window = tab.window
    window.do(HELPERS)
    for name, statements, says in STATES:
        window.do(statements)
        tab.step(name, window.region())
        assert window.find(says), f"{name}: the panel does not say {says!r}"


def test_modes(tab: Story):
    window = tab.window
    settings = "bpy.context.scene.patina"
    modes = window.ask(f"[item.name for item in {settings}.bl_rna.properties['mode'].enum_items]")
    for before, mode in itertools.pairwise([*modes, modes[0]]):
        heading = window.find("Presets")
        window.click(before, window.region()._replace(top=heading.bottom, bottom=heading.bottom + 40))
        window.click(mode, window.screen.popup())
        assert window.ask(f"{settings}.mode") == mode.lower()
        tab.step(f"mode-{mode.lower()}", window.region())
    window.click("Advanced")
    tab.step("advanced", window.region())


def test_shapes(tab: Story):
    window, screen = tab.window, tab.window.screen
    window.do("bpy.context.preferences.view.ui_scale = 2")
    tab.step("twice-the-size")
    window.do("bpy.context.preferences.view.ui_scale = 1")
    window.do("from pathlib import Path" + LIGHT)
    tab.step("light-theme")
    window.do("bpy.ops.preferences.reset_default_theme()")
    window.settle()
    left, top = window.region()[:2]
    row, goal = top + 100, left + 118

    def drag() -> bool:
        """Drag the panels' edge to `goal`; a busy Blender may lose hold of it."""
        edge = window.region().left + 8
        screen.move(edge, row)
        screen.press("mousedown", 1, "sleep", 0.4, "mousemove", goal - 10, row, "sleep", 0.4)
        screen.press("mousemove", goal, row, "sleep", 0.4, "mouseup", 1, "sleep", 0.5)
        return window.region().left > left + 90

    wait_for(drag, "a narrower sidebar", 60)
    tab.step("narrow")


@pytest.mark.parametrize("story", [Path("/nowhere")], indirect=True)
def test_without_a_backend(tab: Story):
    window = tab.window
    window.click("Stylize", window.below("Seed"))
    wait_for(lambda: window.find("not set up yet"), "what is missing")
    tab.step("no-backend")
    window.click("Allow Online Access")
    assert window.ask("bpy.app.online_access")
    tab.step("online")
    window.do("bpy.ops.preferences.addon_show(module='bl_ext.user_default.patina')")
    tab.step("preferences")


@pytest.fixture
def cage(resources: Path, tmp_path: Path) -> Cage:
    """For a Blender without a window that has the extension."""
    desk = tmp_path / "desk"
    desk.mkdir(mode=0o700)
    shutil.copytree(resources, desk / USER)
    cage = Cage(TRIXIE.resolve(), desk)
    cage.environment["BLENDER_USER_RESOURCES"] = f"{DESK}/{USER}"
    return cage


def test_switched_on_by_the_command_line_it_has_no_preferences_and_works(cage: Cage):
    """Render farms and templates: installed, not switched on, and named on the command line."""
    (cage.desk / USER / "config" / "userpref.blend").unlink()
    ask = (
        "import bpy; name = 'bl_ext.user_default.patina';"
        "print(name in bpy.context.preferences.addons, hasattr(bpy.types.Scene, 'patina'));"
        "from bl_ext.user_default.patina.addon import job_fields as j;"
        "print(j.device(), bpy.ops.patina.set_up.poll(), bpy.ops.patina.stylize.poll())"
    )
    on = ("--addons", "bl_ext.user_default.patina")
    said = cage.run("blender", "--background", *on, "--python-expr", ask).decode()
    assert "False True\nauto " in said
    said = cage.run("blender", "--background", "--python-expr", ask.partition("from")[0]).decode()
    assert "False False" in said  # it was the command line that switched it on


def test_offline_mode_is_told_and_cannot_be_changed(cage: Cage):
    """Where Blender's command line forbids to go online, no switch in Blender allows it."""
    ask = (
        "from bl_ext.user_default.patina.addon import installation as i;"
        "print(i.may_allow(), i.may_begin('install'))"
    )
    said = {
        mode: cage.run("blender", "--background", mode, "--python-expr", ask).decode()
        for mode in ("--offline-mode", "--online-mode")
    }
    assert "False Blender was started with --offline-mode" in said["--offline-mode"]
    assert "--offline-mode" not in said["--online-mode"]
