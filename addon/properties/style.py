"""Paintings to take the style of, and how far."""

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    StringProperty,
)

from ...backend.protocol.choices import COLORS
from .. import styles, thumbnails

PALETTE = (
    "Whose palette the result has: 0 the painting's, 1 that which the object has now; "
    "in between something of both"
)
STROKE_SIZE = (
    "The length on the object that the painting's shorter side covers: larger gives larger strokes, the same "
    "for all objects. 0 fits the painting to the object"
)
STRENGTH = "How far to go: low keeps the object's own details, high leaves them to the painting"


def _style_items(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> list:
    return thumbnails.style_items(self.style_file)


def _style_chosen(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    if file := thumbnails.recent_file(self.style):  # among the recent ones: it becomes the own image
        self.style_file, self.style = file, styles.OWN_IMAGE


def _palette_word(self: bpy.types.PropertyGroup) -> str:
    return str(self.palette)


def _set_palette(self: bpy.types.PropertyGroup, word: str) -> None:
    """Presets and results of earlier versions say it in a word."""
    self.palette = COLORS.get(word, self.palette)


class StyleChoice:
    """A painting, or an image of the artist's own."""

    style: EnumProperty(
        name="Style",
        description="The painting whose brush strokes and colours the object gets",
        items=_style_items,
        update=_style_chosen,
    )
    style_file: StringProperty(
        name="Image",
        description="Any picture: a painting, a photograph of a material, a drawing",
        subtype="FILE_PATH",
    )
    weight: FloatProperty(
        name="Weight",
        description="This picture's share among the others: with twice the weight it shows twice as much",
        default=1.0,
        min=0.01,
        soft_max=4.0,
        max=100.0,
    )

    use_crop: BoolProperty(
        name="Only a Part",
        description="Take a rectangle of the picture for the style: the sky, say, without the village below",
    )
    crop: FloatVectorProperty(
        name="Part",
        description="The rectangle's left and upper edge, its width and height, as shares of the picture",
        size=4,
        default=(0.0, 0.0, 1.0, 1.0),
        min=0.0,
        max=1.0,
    )


class PatinaStyle(StyleChoice, bpy.types.PropertyGroup):
    """One more style in the mixture, or the end of an animation: at first another than the first."""

    style: EnumProperty(
        name="Style",
        description="The painting whose brush strokes and colours the object gets",
        items=_style_items,
        update=_style_chosen,
        default=1,
    )


class PatinaKey(StyleChoice, bpy.types.PropertyGroup):
    """How a style looks at one frame of the scene."""

    frame: IntProperty(name="Frame", description="The frame of the scene from which it looks so", default=1)
    strength: FloatProperty(
        name="Strength",
        description=STRENGTH,
        default=0.5,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    style_size: FloatProperty(
        name="Stroke Size",
        description=STROKE_SIZE,
        default=0.0,
        min=0.0,
        soft_max=10.0,
        subtype="DISTANCE",
        unit="LENGTH",
    )


class Painting:
    """How a painting is taken on."""

    mixed: CollectionProperty(type=PatinaStyle, name="More Styles", description="Styles that are mixed in")
    mixed_index: IntProperty(name="Active Style", description="The style that Remove takes out", default=0)
    strength: FloatProperty(
        name="Strength",
        description=STRENGTH,
        default=0.5,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    palette: FloatProperty(
        name="Colors",
        description=PALETTE,
        default=0.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    colors: StringProperty(
        name="Colors",
        description=PALETTE,
        get=_palette_word,
        set=_set_palette,
        options={"HIDDEN", "SKIP_SAVE"},
    )
    use_follow_shape: BoolProperty(
        name="Set Follow Shape",
        description="Set it yourself. Off: all the way where the object has no texture, and where it has one "
        "not at all",
    )
    follow_shape: FloatProperty(
        name="Follow Shape",
        description="How far the form sets light and dark, by its hollows and a soft light from above: eyes "
        "and mouths are drawn that no texture shows",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    motifs: BoolProperty(
        name="Motifs",
        description="A plain object painted by itself, a ball or a wall, may show recognisable pieces of the "
        "painting: a wave, a star. Off: its strokes and colours alone",
        default=True,
    )
    style_size: FloatProperty(
        name="Stroke Size",
        description=STROKE_SIZE,
        default=0.0,
        min=0.0,
        soft_max=10.0,
        subtype="DISTANCE",
        unit="LENGTH",
    )


classes = (PatinaStyle, PatinaKey)
