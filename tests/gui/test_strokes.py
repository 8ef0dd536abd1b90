"""A job that ends while the artist's mouse button is down."""

from __future__ import annotations

import pytest
from conftest import Story
from test_click_through import QUEUE

JOBS = "__import__('sys').modules['bl_ext.user_default.patina.addon.jobs']"
# The job is for the cube, the stroke on the monkey beside it.
SCENE = """
bpy.ops.mesh.primitive_monkey_add(location=(0, 0, 0), size=4)
monkey, cube = bpy.context.object, bpy.data.objects["Cube"]
cube.location.z = -5
monkey.select_set(False)
cube.select_set(True)
bpy.context.view_layer.objects.active = cube
settings = bpy.context.scene.patina
settings.quality, settings.texture_size, settings.steps = "draft", "256", 30
bpy.ops.ed.undo_push(message="Scene")
"""
STROKE_ON = """
cube.select_set(False)
monkey.select_set(True)
bpy.context.view_layer.objects.active = monkey
bpy.ops.object.mode_set(mode="{0}")
if "{0}" != "OBJECT":  # Debian's Blender comes without brushes
    brush = bpy.data.brushes.new("Brush", mode="{0}")
    brush.color = 1, 0, 0
    bpy.context.tool_settings.unified_paint_settings.use_unified_color = False
    brush.asset_mark()
    path = "Brush/Brush"
    bpy.ops.brush.asset_activate(asset_library_type="LOCAL", relative_asset_identifier=path)
bpy.ops.ed.undo_push(message="Before the stroke")
"""
CANVAS = """
paint = bpy.data.materials.new("Paint")
paint.use_nodes = True
monkey.data.materials.append(paint)
canvas = paint.node_tree.nodes.new("ShaderNodeTexImage")
canvas.image = bpy.data.images.new("Canvas", 256, 256)
paint.node_tree.nodes.active = canvas
monkey.active_material_index = 0
"""
# What runs for ever, or long: another add-on's operator, and a render.
ENDLESS = """
class OTHERS_OT_watch(bpy.types.Operator):
    bl_idname, bl_label = "others.watch", "Watch"
    def invoke(self, context, event):
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}
    def modal(self, context, event):
        return {"PASS_THROUGH"}
bpy.utils.register_class(OTHERS_OT_watch)
bpy.ops.others.watch("INVOKE_DEFAULT")
"""
RENDER = """
scene = bpy.context.scene
scene.render.engine, scene.cycles.samples = "CYCLES", 1_000_000
scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
scene.render.resolution_x = scene.render.resolution_y = 64
scene.render.threads_mode, scene.render.threads = "FIXED", 1  # the job has a core, too
bpy.context.preferences.view.render_display_type = "NONE"
bpy.ops.render.render("INVOKE_DEFAULT")
"""
SURFACE = "sum(abs(v) for vertex in bpy.data.objects['Suzanne'].data.vertices for v in vertex.co)"
PAINT = "sum(bpy.data.images['Canvas'].pixels[:])"
PLACE = "list(bpy.data.objects['Suzanne'].location)"
STROKE = "[operator.bl_idname for operator in bpy.context.window.modal_operators]"
RUNNING = "[op.bl_idname for w in bpy.context.window_manager.windows for op in w.modal_operators]"
WORN = "[slot.material.name for slot in bpy.data.objects['Cube'].material_slots]"


def start(story: Story, preparation: str) -> tuple[int, int]:
    """A job for the cube, and the mouse over the monkey; its place."""
    window = story.window
    window.do(SCENE + preparation)
    window.click("Stylize", window.below("Seed"))
    window.wait(f"{QUEUE} == 1")
    place = window.region("WINDOW").middle
    window.screen.move(*place)
    return place


def wait_for_the_end(story: Story, step: str) -> None:
    window = story.window
    window.wait(f"[run.state for run in {JOBS}.queue] == ['painted']", 300)
    story.step(step)
    assert window.find("waiting for you")
    assert "Stylized" not in str(window.ask(WORN))


@pytest.mark.parametrize(
    ("mode", "changed", "preparation"),
    [("SCULPT", SURFACE, ""), ("TEXTURE_PAINT", PAINT, CANVAS)],
    ids=["sculpt", "texture paint"],
)
def test_a_job_that_ends_during_a_stroke_waits_for_it(tab: Story, mode, changed, preparation):
    window, screen = tab.window, tab.window.screen
    x, y = start(tab, preparation)
    window.do(STROKE_ON.format(mode))
    before = window.ask(changed)
    screen.press("mousedown", 1, "sleep", 0.2, "mousemove", x + 20, y + 5, "sleep", 0.2)
    screen.press("mousemove", x + 40, y + 10, "sleep", 0.2)
    assert window.ask(STROKE)
    wait_for_the_end(tab, f"ends-during-{mode.lower()}")
    screen.press("mousemove", x + 60, y + 20, "sleep", 0.2, "mouseup", 1, "sleep", 1)
    window.wait(f"{QUEUE} == 0")
    after = window.ask(changed)
    assert after != before
    assert "Stylized" in str(window.ask(WORN))
    tab.step(f"after-{mode.lower()}")
    screen.press("key", "ctrl+z", "sleep", 1)  # the result
    assert window.ask(changed) == pytest.approx(after)
    assert "Stylized" not in str(window.ask(WORN))
    if mode == "SCULPT":  # a step that says what all else was
        screen.press("key", "ctrl+z", "sleep", 1)
        assert window.ask(changed) == pytest.approx(after)
    screen.press("key", "ctrl+z", "sleep", 1)  # the stroke
    assert window.ask(changed) == pytest.approx(before)


def test_a_job_that_ends_during_a_move_waits_for_it(tab: Story):
    window, screen = tab.window, tab.window.screen
    x, y = start(tab, "")
    window.do(STROKE_ON.format("OBJECT"))
    screen.press("key", "g", "sleep", 0.2, "mousemove", x + 80, y + 20, "sleep", 0.2)
    assert window.ask(PLACE) != [0, 0, 0]
    wait_for_the_end(tab, "ends-during-a-move")
    screen.press("key", "Escape", "sleep", 0.5)
    window.wait(f"{QUEUE} == 0")
    assert "Stylized" in str(window.ask(WORN))
    screen.press("key", "ctrl+z", "sleep", 1, "key", "ctrl+shift+z", "sleep", 1)
    assert window.ask(PLACE) == [0, 0, 0]  # the move was cancelled
    assert "Stylized" in str(window.ask(WORN))


@pytest.mark.parametrize(
    ("begin", "runs"),
    [(ENDLESS, "OTHERS_OT_watch"), (RENDER, "RENDER_OT_render")],
    ids=["another add-on", "render"],
)
def test_what_runs_for_ever_holds_no_result_back(tab: Story, begin, runs):
    window, screen = tab.window, tab.window.screen
    start(tab, begin)
    assert runs in window.ask(RUNNING)
    window.wait(f"{QUEUE} == 0", 300)
    assert runs in window.ask(RUNNING)
    assert "Stylized" in str(window.ask(WORN))
    tab.step(f"ends-during-{runs.lower()}")
    if begin == ENDLESS:
        screen.press("key", "ctrl+z", "sleep", 1)
        assert "Stylized" not in str(window.ask(WORN))
