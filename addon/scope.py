"""What the artist sets about the selection: painted together or one by one, where, and along what."""

import bpy
from bpy.props import BoolProperty, EnumProperty, PointerProperty

# No `from __future__ import annotations` here: a function given to a property would lose its module's names.


class PatinaScope(bpy.types.PropertyGroup):
    """What of the selection is painted, and how."""

    together: BoolProperty(
        name="Paint Together",
        description="Several objects are one picture: strokes have one size all over, and the set as a whole "
        "matches the painting. Otherwise each is painted by itself, one after the other",
        default=True,
    )
    share: BoolProperty(
        name="Share Textures",
        description="Objects that show the same material and image get one texture between them",
        default=False,
    )
    occlusion: BoolProperty(
        name="Neighbours Hide",
        description="Look at the objects where they stand, each hidden by the others as in the scene; what "
        "nobody can see is painted least. Otherwise each is looked at alone",
        default=False,
    )
    over_frames: BoolProperty(
        name="Over the Frames",
        description="Paint for every pose that the objects take over the scene's frames: what stretches "
        "looks right in all of them, and what only some show is painted, too. Not with Whole Material",
        default=False,
    )
    mask: EnumProperty(
        name="Paint Only",
        description="What is painted; all else stays as it is now, bit for bit. Paint again elsewhere in "
        "another style, and both stay",
        items=(
            ("NONE", "All", "The whole object"),
            ("FACES", "Selected Faces", "The faces that are selected in Edit Mode"),
            ("GROUP", "Vertex Group", "The active vertex group; weights between 0 and 1 blend"),
            ("SLOT", "Material Slot", "The faces of the active material slot"),
            ("IMAGE", "Mask Image", "Where a picture is white, in the object's UV map; grey blends"),
        ),
    )
    mask_image: PointerProperty(
        name="Mask", description="White where to paint, in the object's UV map", type=bpy.types.Image
    )
    direction: EnumProperty(
        name="Strokes Along",
        description="Which way the painting's strokes run on the object. Shows with paintings whose strokes "
        "have a direction",
        items=(
            ("NONE", "Anything", "As the painting has them, upright"),
            ("U", "UV, Sideways", "Along the UV map's U"),
            ("V", "UV, Upwards", "Along the UV map's V"),
            ("CURVATURE", "Curvature", "Around the form, the way it bends most"),
            ("IMAGE", "Direction Map", "A picture in UV space: red is along U, green along V, 0.5 is none"),
            ("CURVES", "Guide Curves", "The nearest of a curve object's splines"),
        ),
    )
    direction_image: PointerProperty(
        name="Map", description="Red along U, green along V, 0.5 is none", type=bpy.types.Image
    )
    direction_curves: PointerProperty(
        name="Guides",
        description="A curve object whose splines say which way strokes run",
        type=bpy.types.Object,
        poll=lambda self, obj: obj.type == "CURVE",
    )


classes = (PatinaScope,)


def register() -> None:
    bpy.types.Scene.patina_scope = PointerProperty(type=PatinaScope)


def unregister() -> None:
    del bpy.types.Scene.patina_scope
