"""Textures that go from one look to another."""

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

from ...backend.protocol.choices import USUAL_BOIL
from .. import formulas
from .dream import PatinaDreamKey, PatinaTarget
from .style import PatinaKey, PatinaStyle

MAX_FRAMES = 16  # each is an image of the material, and graphics cards bind no more
MAX_TEXTURES = 240  # of an image sequence (see backend/protocol/rules.py)


def _find_formulas(self: bpy.types.PropertyGroup, context: bpy.types.Context, text: str) -> list[str]:
    return formulas.search(text)


class Animation:
    """What goes from one look to another, and how."""

    between: EnumProperty(
        name="Between",
        description="What the animation goes between",
        items=(
            ("styles", "Two Styles", "From one picture's style to another's"),
            ("dreams", "Two Dreams", "From one dream to another"),
            (
                "boil",
                "Paintings",
                "Boil: one style, painted again and again. What is large stays, the strokes are alive",
            ),
            (
                "keys",
                "Keys",
                "Paintings at frames of the scene, and what lies between: one look turns into the next",
            ),
            (
                "dream_keys",
                "Keys of Dreams",
                "Dreams at frames of the scene, and what lies between: one thing turns into the next",
            ),
            (
                "formulas",
                "Two Formulas",
                "From one result to another that were both painted as Formula, at any size, in moments",
            ),
        ),
    )
    boil: FloatProperty(
        name="Boil",
        description="How far strokes move from one painting to the next",
        default=USUAL_BOIL,
        min=0.05,
        max=1.0,
        subtype="FACTOR",
    )
    hold: IntProperty(
        name="Hold",
        description="How many frames of the scene each painting shows: 2 or 3 look drawn by hand",
        default=2,
        min=1,
        soft_max=8,
        max=1000,
    )
    formula: StringProperty(
        name="From",
        description="A result of this object that was painted as Formula, by the name of its folder, or a "
        ".cppn file",
        search=_find_formulas,
        search_options={"SUGGESTION"},
    )
    formula_to: StringProperty(
        name="To",
        description="Another such result, that it ends in",
        search=_find_formulas,
        search_options={"SUGGESTION"},
    )
    style_keys: CollectionProperty(
        type=PatinaKey, name="Keys", description="Which painting, and how strong, at which frame of the scene"
    )
    style_key_index: IntProperty(
        name="Active Key", description="The key whose painting is shown below", default=0
    )
    dream_keys: CollectionProperty(
        type=PatinaDreamKey, name="Keys", description="What is dreamt of, at which frame of the scene"
    )
    dream_key_index: IntProperty(
        name="Active Key", description="The key whose dream is shown below", default=0
    )
    textures: IntProperty(
        name="Textures",
        description="How many textures there are, the ends or keys included; no more than frames. More go "
        "more smoothly, and take longer",
        default=12,
        min=3,
        max=MAX_TEXTURES,
    )
    easing: EnumProperty(
        name="Easing",
        description="How it goes from key to key",
        items=(
            ("linear", "Linear", "Evenly"),
            ("smooth", "Smooth", "It begins and ends slowly"),
        ),
        default="smooth",
    )
    loop: BoolProperty(
        name="Loop",
        description="After the last key it goes back to the first one, by the end of the scene, so that the "
        "scene can be repeated",
    )
    style_to: PointerProperty(type=PatinaStyle, name="To", description="The style that it ends in")
    target_to: PointerProperty(type=PatinaTarget, name="To", description="The dream that it ends in")
    frames: IntProperty(
        name="Textures",
        description="How many textures, both ends included; the animation blends from each to the next",
        default=4,
        min=3,
        max=MAX_FRAMES,
    )
    aligned: BoolProperty(
        name="Aligned",
        description="Hold neighbouring textures together harder, so that shapes turn into each other and do "
        "not fade; slower",
    )
