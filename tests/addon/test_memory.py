"""An object knows its slots' materials wherever the slots go: moved, removed, joined, duplicated."""

from __future__ import annotations

import bpy
import pytest
from bl_ext.user_default.patina.addon.export import copies
from bl_ext.user_default.patina.addon.scene import material, memory


def named(name: str) -> bpy.types.Material:
    mat = bpy.data.materials.new(name)
    mat.use_nodes = True
    return mat


def stylized(name: str, slots: dict[str, bool], x: float = 0) -> bpy.types.Object:
    """A cube with slots of these materials, all stylized, each with faces where its value says so."""
    bpy.ops.mesh.primitive_cube_add(location=(x, 0, 0), calc_uvs=True)
    obj = bpy.context.object
    obj.name = name
    for slot in slots:
        obj.data.materials.append(bpy.data.materials.get(slot) or named(slot))
    used = [index for index, has_faces in enumerate(slots.values()) if has_faces]
    for number, polygon in enumerate(obj.data.polygons):
        polygon.material_index = used[number % len(used)]
    material.show_images(
        obj, {index: (bpy.data.images.new(slot, 8, 8), None) for index, slot in enumerate(slots)}
    )
    return obj


def shown(obj: bpy.types.Object) -> list[str]:
    return [slot.material.name if slot.material else "" for slot in obj.material_slots]


def originals(obj: bpy.types.Object) -> list[str]:
    return [memory.original_material(obj, slot).name for slot in range(len(obj.material_slots))]


def remove_unused(obj: bpy.types.Object) -> None:
    bpy.ops.object.material_slot_remove_unused()


def move_last_up(obj: bpy.types.Object) -> None:
    obj.active_material_index = len(obj.material_slots) - 1
    bpy.ops.object.material_slot_move(direction="UP")


def join_another(obj: bpy.types.Object) -> None:
    stylized("Other", {"Blue": True, "Gold": True}, 3)
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.join()


def duplicate_with_materials(obj: bpy.types.Object) -> None:
    for slot in obj.material_slots:
        slot.material = slot.material.copy()


CHANGES = (remove_unused, move_last_up, join_another, duplicate_with_materials)


@pytest.mark.parametrize("change", CHANGES)
def test_the_originals_are_found_whatever_becomes_of_the_slots(change):
    obj = stylized("Cube", {"Red": False, "Green": True, "Blue": True})
    change(obj)
    names = shown(obj)
    assert [name.split(" Stylized")[0] for name in names] == originals(obj)
    assert memory.shows_stylized(obj)
    bpy.ops.patina.compare(show="ORIGINAL")
    assert shown(obj) == originals(obj)
    assert set(shown(obj)) <= {"Red", "Green", "Blue", "Gold"}
    bpy.ops.patina.compare(show="STYLIZED")
    assert shown(obj) == names
    bpy.ops.patina.compare(show="SPLIT")
    assert all(name.endswith("Split") for name in shown(obj))
    bpy.ops.patina.compare(show="STYLIZED")
    assert shown(obj) == names
    assert originals(obj) == [name.split(" Stylized")[0] for name in names]


@pytest.mark.parametrize("change", [remove_unused, move_last_up])
@pytest.mark.parametrize("show", ["ORIGINAL", "SPLIT"])
def test_they_are_found_while_something_else_is_shown(change, show):
    obj = stylized("Cube", {"Red": False, "Green": True, "Blue": True})
    bpy.ops.patina.compare(show=show)
    change(obj)
    bpy.ops.patina.compare(show="STYLIZED")
    assert all(name.endswith("Stylized") for name in shown(obj))
    assert originals(obj) == [name.removesuffix(" Stylized") for name in shown(obj)]


@pytest.mark.parametrize("change", CHANGES)
def test_every_slot_is_exported_with_its_own_texture(change):
    obj = stylized("Cube", {"Red": False, "Green": True, "Blue": True})
    change(obj)
    bpy.ops.patina.compare(show="ORIGINAL")
    expected = originals(obj)
    with copies.copies(bpy.context, [obj]) as (made,):
        images = [
            material.stylized_node(slot.material).image.name.split(".")[0] for slot in made.material_slots
        ]
    assert images == expected


def test_stylizing_again_keeps_the_artists_own_after_a_join():
    obj = stylized("Cube", {"Red": True})
    join_another(obj)
    material.show_image(obj, bpy.data.images.new("again", 8, 8))
    assert originals(obj) == ["Red", "Blue", "Gold"]
    assert [pair.slot for pair in obj.patina.slots] == [0, 1, 2]


def test_what_the_artist_puts_into_a_slot_stays_there():
    obj = stylized("Cube", {"Red": True, "Green": True})
    obj.material_slots[1].material = named("Gold")
    bpy.ops.patina.compare(show="ORIGINAL")
    assert shown(obj) == ["Red", "Gold"]
    bpy.ops.patina.compare(show="STYLIZED")
    assert shown(obj) == ["Red Stylized", "Gold"]
