"""What objects and materials remember of their stylization."""

import bpy
from bpy.props import BoolProperty, CollectionProperty, IntProperty, PointerProperty, StringProperty

OVERRIDABLE = {"LIBRARY_OVERRIDABLE"}  # objects of other files can be stylized as overrides


class PatinaSlot(bpy.types.PropertyGroup):
    """One material slot of a stylized object."""

    slot: IntProperty(override=OVERRIDABLE)
    original: PointerProperty(type=bpy.types.Material, override=OVERRIDABLE)
    stylized: PointerProperty(type=bpy.types.Material, override=OVERRIDABLE)
    # Shows both side by side, while that is asked for.
    split: PointerProperty(type=bpy.types.Material, override=OVERRIDABLE)


class PatinaObject(bpy.types.PropertyGroup):
    """What a stylized object remembers."""

    slots: CollectionProperty(type=PatinaSlot, override=OVERRIDABLE | {"USE_INSERTION"})


class PatinaMaterial(bpy.types.PropertyGroup):
    """What a stylized material, or a split of one, knows of itself."""

    stylized: BoolProperty()
    original: PointerProperty(type=bpy.types.Material)  # the artist's own that it is a copy of, if it is
    unsplit: PointerProperty(type=bpy.types.Material)  # the stylized one that it is a split of
    made: StringProperty()  # how its nodes were made, as `scene.earlier` tells it


classes = (PatinaSlot, PatinaObject, PatinaMaterial)


def register() -> None:
    bpy.types.Object.patina = PointerProperty(type=PatinaObject, override=OVERRIDABLE)
    bpy.types.Material.patina = PointerProperty(type=PatinaMaterial)


def unregister() -> None:
    del bpy.types.Material.patina
    del bpy.types.Object.patina
