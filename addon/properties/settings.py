"""What the artist sets, on the scene: the mode, and all that the other files have."""

import random

import bpy
from bpy.props import EnumProperty, IntProperty, PointerProperty

from .advanced import Advanced
from .animation import Animation
from .dream import Dreaming
from .material import WholeMaterial
from .style import Painting, StyleChoice

SEEDS = 2**31 - 1

MODES = (
    ("style", "Style", "Paint it in the style of a picture", "BRUSH_DATA"),
    (
        "dream",
        "Dream",
        "Cover it with what a neural network dreams of: an animal, a plant, a pattern",
        "LIGHT",
    ),
    ("texture", "Texture", "Clothe it in more of a material, made from a picture of it", "TEXTURE"),
    ("transparent", "Transparent", "Dream, with holes: opaque only where the dream needs it", "MOD_OPACITY"),
    ("animate", "Animate", "Make textures that go from one style, or dream, to another", "RENDER_ANIMATION"),
)
PICTURE_MODES = (
    ("stylize", "Style", "Paint the image in the style of a picture", "BRUSH_DATA"),
    ("dream", "Dream", "A new picture of what a neural network dreams of", "LIGHT"),
    ("deepdream", "DeepDream", "Exaggerate what a neural network sees in the image", "HIDE_OFF"),
    ("texture", "Texture", "Make a larger texture from the image, which repeats without a seam", "TEXTURE"),
)


def _numbered(items: tuple) -> list[tuple]:
    return [(name, label, text, icon, number) for number, (name, label, text, icon) in enumerate(items)]


# The last comes first, where Blender or a script goes through all of them.
class PatinaSettings(
    Advanced, Animation, Dreaming, WholeMaterial, Painting, StyleChoice, bpy.types.PropertyGroup
):
    """How to paint."""

    mode: EnumProperty(name="Mode", description="What the object gets", items=_numbered(MODES))
    picture_mode: EnumProperty(
        name="Mode", description="What becomes of the image", items=_numbered(PICTURE_MODES)
    )
    quality: EnumProperty(
        name="Quality",
        description="How long to work on it",
        items=(
            ("sketch", "Sketch", "In seconds: every view painted once, and no more"),
            ("draft", "Draft", "A quick look: coarse strokes"),
            ("standard", "Standard", "A good result"),
            ("final", "Final", "More views or steps than Standard's, in more time"),
        ),
        default="standard",
    )
    seed: IntProperty(
        name="Seed",
        description="Another number gives another variation; the same number gives the same result again",
        default=0,
        min=0,
        max=SEEDS,
    )


def new_seed() -> int:
    """Draw a seed that nobody knows beforehand."""
    return random.SystemRandom().randrange(SEEDS)


classes = (PatinaSettings,)


def register() -> None:
    bpy.types.Scene.patina = PointerProperty(type=PatinaSettings)


def unregister() -> None:
    del bpy.types.Scene.patina
