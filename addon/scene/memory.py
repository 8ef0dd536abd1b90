"""What an object remembers of each slot's material: the artist's own, the stylized copy, the split of both.

Slots are moved, removed and joined to other objects', so a slot is known by the material that it shows; its
number only decides where several slots show the same one. A stylized material knows the artist's own as well
(`remembered.PatinaMaterial`): joined to another object, it comes without that object's memory.
"""

from __future__ import annotations

import bpy


def pair_of(obj: bpy.types.Object, slot: int) -> bpy.types.PropertyGroup | None:
    """Find what `obj` remembers of the material in a slot, or None; of an empty slot, by its number."""
    if not obj.is_property_set("patina"):  # to ask for it would make one
        return None
    shown = obj.material_slots[slot].material
    if shown is None:
        return next((pair for pair in obj.patina.slots if pair.slot == slot and not pair.original), None)
    known = [pair for pair in obj.patina.slots if shown in (pair.original, pair.stylized, pair.split)]
    return min(known, key=lambda pair: (shown == pair.original, pair.slot != slot), default=None)


def original_material(obj: bpy.types.Object, slot: int) -> bpy.types.Material | None:
    """Find the artist's own material in a slot, also while its stylized copy is shown."""
    shown, pair = obj.material_slots[slot].material, pair_of(obj, slot)
    if pair is not None:
        return pair.original
    return shown.patina.original if is_stylized(shown) else shown


def stylized_material(obj: bpy.types.Object, slot: int) -> bpy.types.Material | None:
    """Find the stylized material of a slot, also while the artist's own is shown; None: there is none."""
    shown, pair = obj.material_slots[slot].material, pair_of(obj, slot)
    if pair is not None:
        return pair.stylized
    return (shown.patina.unsplit or shown) if is_stylized(shown) else None


def stylized_materials(obj: bpy.types.Object) -> list[bpy.types.Material]:
    """List all stylized materials that `obj` shows or remembers."""
    known = [stylized_material(obj, slot) for slot in range(len(obj.material_slots))]
    if obj.is_property_set("patina"):
        known += [pair.stylized for pair in obj.patina.slots]
    return [stylized for stylized in dict.fromkeys(known) if stylized is not None]


def wearers() -> set[bpy.types.Object]:
    """Find the objects of the file that show or remember a stylized material.

    Blender follows its own references to them: to ask each object in turn would be felt at every redraw of a
    panel.
    """
    stylized = [material for material in bpy.data.materials if is_stylized(material)]
    found = _users(stylized, {"OBJECT", "MESH"})
    meshes = [user for user in found if isinstance(user, bpy.types.Mesh)]
    return found.difference(meshes) | _users(meshes, {"OBJECT"})


def _users(blocks: list[bpy.types.ID], kinds: set[str]) -> set[bpy.types.ID]:
    """Find the data-blocks of these kinds that use any of `blocks`."""
    if not blocks:  # of none, it would be those of all
        return set()
    return set().union(*bpy.data.user_map(subset=blocks, value_types=kinds).values())


def is_stylized(material: bpy.types.Material | None) -> bool:
    """Whether `material` is a stylized one, or a split."""
    return material is not None and material.is_property_set("patina") and material.patina.stylized


def is_split(obj: bpy.types.Object, slot: int) -> bool:
    """Whether a slot shows the original and the result side by side."""
    shown, pair = obj.material_slots[slot].material, pair_of(obj, slot)
    if pair is not None:
        return shown is not None and shown == pair.split
    return is_stylized(shown) and shown.patina.unsplit is not None


def shows_stylized(obj: bpy.types.Object) -> bool:
    """Whether any slot of `obj` shows its stylized material."""
    return any(
        place.material is not None and place.material == stylized_material(obj, slot)
        for slot, place in enumerate(obj.material_slots)
    )


def mark(
    stylized: bpy.types.Material,
    original: bpy.types.Material | None,
    unsplit: bpy.types.Material | None = None,
) -> None:
    """Have a stylized material, or the split of the stylized `unsplit`, know the artist's own."""
    stylized.patina.stylized, stylized.patina.original, stylized.patina.unsplit = True, original, unsplit


def update(obj: bpy.types.Object) -> None:
    """Bring what `obj` remembers in line with its slots as they are now."""
    found, used = [], []
    for slot in range(len(obj.material_slots)):
        pair = pair_of(obj, slot)
        stylized = stylized_material(obj, slot)
        if pair is not None:
            used.append(pair)
            found.append((slot, pair.original, pair.stylized, pair.split))
        elif stylized is not None:
            split = obj.material_slots[slot].material if is_split(obj, slot) else None
            found.append((slot, original_material(obj, slot), stylized, split))
    taken = {slot for slot, *_ in found}
    for pair in obj.patina.slots:  # where the artist has put another material, for now perhaps
        if pair not in used and pair.slot not in taken and 0 <= pair.slot < len(obj.material_slots):
            found.append((pair.slot, pair.original, pair.stylized, pair.split))
    obj.patina.slots.clear()
    for record in found:
        pair = obj.patina.slots.add()
        pair.slot, pair.original, pair.stylized, pair.split = record
