"""What an artist does with results: a model coloured by a palette, the split, History, presets, flat images,
export."""

from __future__ import annotations

from conftest import Story
from screen import wait_for
from test_click_through import QUEUE

# The cube of the default scene, its faces points on a palette of four colours.
PALETTE = """
import numpy as np
pixels = np.ones((8, 8, 4), np.float32)
for color, value in enumerate(((.9, .2, .1), (.1, .7, .2), (.2, .3, .9), (.9, .8, .2))):
    pixels[4 * (color // 2):, 4 * (color % 2):, :3] = value
palette = bpy.data.images.new("Palette", 8, 8)
palette.pixels.foreach_set(pixels.ravel())
palette.pack()
figure = bpy.data.objects["Cube"]
figure.name = "Figure"
for face in figure.data.polygons:
    for loop in face.loop_indices:
        color = face.index % 4
        figure.data.uv_layers[0].uv[loop].vector = (0.25 + 0.5 * (color % 2), 0.25 + 0.5 * (color // 2))
tree = figure.data.materials[0].node_tree
node = tree.nodes.new("ShaderNodeTexImage")
node.image = palette
tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
settings = bpy.context.scene.patina
settings.quality, settings.texture_size, settings.steps = "draft", "256", 6
"""
UV_MAPS = "[layer.name for layer in bpy.data.objects['Figure'].data.uv_layers]"
WORN = "bpy.data.objects['Figure'].material_slots[0].material.name"
PRINTS = "__import__('sys').modules['bl_ext.user_default.patina.addon.export.printing']"
SHOWS = (
    "[a.spaces.active.image and a.spaces.active.image.name for a in bpy.context.screen.areas"
    " if a.ui_type == 'IMAGE_EDITOR']"
)


def stylize(story: Story) -> None:
    window = story.window
    window.click("Stylize", window.below("Seed"))
    window.wait(f"{QUEUE} == 1")
    window.wait(f"{QUEUE} == 0", 300)


def test_palette_split_history_export(tab: Story):
    window, step = tab.window, tab.step
    window.do(PALETTE)
    wait_for(lambda: window.find("another UV map"), "what will become of the UVs")
    step("palette")
    stylize(tab)
    assert window.ask(UV_MAPS) == ["UVMap", "Patina"]
    assert window.ask(WORN) == "Material Stylized"
    assert window.find("another UV map") is None
    assert window.find("Material Preview Shows the Paint")  # Solid shading knows the palette's map alone
    step("palette-painted")

    window.click("Split")
    assert window.ask(WORN) == "Material Split"
    step("split")
    window.click("Original")
    assert window.ask(WORN) == "Material"
    window.click("Stylized")
    window.settle()  # with the paint its preview's button is back, which pushes down what is below

    window.click("History")
    window.click("Figure,")
    step("history")
    window.click("Apply to the Active Object")
    # The one that it took the place of has left the file.
    assert window.ask("len([image for image in bpy.data.images if image.name.startswith('Figure')])") == 1
    assert window.ask(WORN).startswith("Material Stylized")
    window.do("bpy.context.scene.patina.strength = 0.9")
    window.click("Use These Settings Again")
    assert round(window.ask("bpy.context.scene.patina.strength"), 3) == 0.5
    step("history-used")
    window.click("History")

    sidebar = window.region()
    window.screen.press("mousemove", *sidebar.middle, "click", "--repeat", 30, 4, "sleep", 0.5)  # to its top
    window.click("Stylize", sidebar._replace(bottom=sidebar.top + 50))  # folds it: the next is in sight
    window.settle()  # panels glide to their places
    window.click("Export GLB", window.below("Format"))
    step("export")
    window.screen.press("key", "Return", "sleep", 2)
    window.wait("__import__('pathlib').Path.home().joinpath('Figure.glb').is_file()", 60)
    step("exported")

    window.do("bpy.context.scene.patina_export.preset = 'PRINT_STL'")
    window.click("Check")
    step("print-check")
    window.wait(f"{PRINTS}.last_check and not {PRINTS}.queue", 120)
    assert window.ask(f"{PRINTS}.last_check['size_mm']") == [80.0, 80.0, 80.0]
    step("print-checked")


def test_presets(tab: Story):
    window = tab.window
    heading = window.find("Presets")
    assert heading
    window.screen.click(*heading.middle)
    tab.step("presets")
    before = window.ask(
        "__import__('sys').modules['bl_ext.user_default.patina.addon.settings']"
        ".dump(bpy.context.scene.patina)"
    )
    window.click("Thick Paint", window.screen.popup()._replace(bottom=1000))
    after = window.ask(
        "__import__('sys').modules['bl_ext.user_default.patina.addon.settings']"
        ".dump(bpy.context.scene.patina)"
    )
    assert before != after
    tab.step("preset-taken")


def test_a_flat_image_is_painted(story: Story):
    window = story.window
    window.do("next(a for a in bpy.context.screen.areas if a.type == 'VIEW_3D').ui_type = 'IMAGE_EDITOR'")
    window.do(
        "photo = bpy.data.images.new('Photo', 96, 64); photo.generated_type = 'COLOR_GRID';"
        "editor = next(a for a in bpy.context.screen.areas if a.ui_type == 'IMAGE_EDITOR');"
        "editor.spaces.active.image = photo;"
        "settings = bpy.context.scene.patina; settings.quality = 'draft'; settings.steps = 4;"
        "settings.picture_size = 64"
    )
    window.screen.move(*window.region("WINDOW", "IMAGE_EDITOR").middle)
    window.screen.press("key", "n", "sleep", 1)
    sidebar = window.region("UI", "IMAGE_EDITOR")
    window.click("Patina", sidebar._replace(left=sidebar.right - 24), turned=True)
    story.step("image-editor")
    window.click("Stylize Image", sidebar)
    window.wait(f"{QUEUE} == 1")
    window.wait(f"{QUEUE} == 0", 300)
    assert window.ask(SHOWS) == ["Photo Stylized"]
    story.step("image-painted")
