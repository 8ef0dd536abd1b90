"""What the artist sets (on the scene), and what an object remembers of its stylization."""

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .ui import thumbnails

OVERRIDABLE = {"LIBRARY_OVERRIDABLE"}  # objects of other files can be stylized as overrides

# No `from __future__ import annotations` here: a function given to a property would lose its module's names.


class PatinaSettings(bpy.types.PropertyGroup):
    """How to stylize."""

    style: EnumProperty(
        name="Style",
        description="The painting whose brush strokes and colours the object gets",
        items=lambda self, context: thumbnails.style_items(),
    )
    style_file: StringProperty(
        name="Image",
        description="Any picture: a painting, a photograph of a material, a drawing",
        subtype="FILE_PATH",
    )
    strength: FloatProperty(
        name="Strength",
        description="How far to go: low keeps the object's own details, high leaves them to the painting",
        default=0.5,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    colors: EnumProperty(
        name="Colors",
        description="Whose palette the result has",
        items=(
            ("style", "Painting's", "Brush strokes and colours of the painting"),
            (
                "object",
                "Object's Own",
                "Brush strokes of the painting in the colours the object has now",
            ),
        ),
    )
    quality: EnumProperty(
        name="Quality",
        description="How long to work on it",
        items=(
            ("draft", "Draft", "A quick look: coarse strokes"),
            ("standard", "Standard", "A good result"),
            ("final", "Final", "Finer strokes, several times slower than Standard"),
        ),
        default="standard",
    )
    texture_size: EnumProperty(
        name="Texture",
        description="Width and height of the new texture in pixels",
        items=tuple((str(size), f"{size} px", "") for size in (256, 512, 1024, 2048, 4096)),
        default="1024",
    )
    seed: IntProperty(
        name="Seed",
        description="Another number gives another variation; the same number gives the same result again",
        default=0,
        min=0,
        max=2**31 - 1,
    )
    unwrap: BoolProperty(
        name="Unwrap Automatically",
        description="Give meshes without UVs a UV map of their own, called Patina",
        default=True,
    )
    steps: IntProperty(
        name="Steps",
        description="Optimization steps; 0 takes as many as the quality asks for",
        default=0,
        min=0,
        max=100_000,
        options={"HIDDEN"},
    )


class PatinaSlot(bpy.types.PropertyGroup):
    """One material slot of a stylized object."""

    slot: IntProperty(override=OVERRIDABLE)
    original: PointerProperty(type=bpy.types.Material, override=OVERRIDABLE)
    stylized: PointerProperty(type=bpy.types.Material, override=OVERRIDABLE)


class PatinaObject(bpy.types.PropertyGroup):
    """What a stylized object remembers."""

    slots: CollectionProperty(type=PatinaSlot, override=OVERRIDABLE | {"USE_INSERTION"})


classes = (PatinaSettings, PatinaSlot, PatinaObject)


def register() -> None:
    thumbnails.register()
    for cls in classes:
        bpy.utils.register_class(cls)
    bpy.types.Scene.patina = PointerProperty(type=PatinaSettings)
    bpy.types.Object.patina = PointerProperty(type=PatinaObject, override=OVERRIDABLE)


def unregister() -> None:
    del bpy.types.Object.patina
    del bpy.types.Scene.patina
    for cls in reversed(classes):
        bpy.utils.unregister_class(cls)
    thumbnails.unregister()
