"""What the artist sets (on the scene), and what an object remembers of its stylization."""

import random

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..backend import suited
from ..backend.protocol.choices import COLORS, USUAL_BOIL
from . import catalogue, formulas, styles, thumbnails

OVERRIDABLE = {"LIBRARY_OVERRIDABLE"}  # objects of other files can be stylized as overrides

# No `from __future__ import annotations` here: a function given to a property would lose its module's names.

MAX_FRAMES = 16  # each is an image of the material, and graphics cards bind no more
MAX_TEXTURES = 240  # of an image sequence (see backend/rules.py)
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
KINDS = (
    ("class", "Class", "A thing that has a name: an animal, a plant, something made"),
    (
        "channel",
        "Channel",
        "What one channel of a layer answers to: early layers know edges, late ones things",
    ),
    ("neuron", "Neuron", "As a channel, but of its middle unit alone: one motif instead of a pattern"),
)
PALETTE = (
    "Whose palette the result has: 0 the painting's, 1 that which the object has now; "
    "in between something of both"
)
STROKE_SIZE = (
    "The length on the object that the painting's shorter side covers: larger gives larger strokes, the same "
    "for all objects. 0 fits the painting to the object"
)
STRENGTH = "How far to go: low keeps the object's own details, high leaves them to the painting"
NETWORK_NAMES = {
    "vgg16": "VGG-16",
    "alexnet": "AlexNet",
    "efficientnet_lite0": "EfficientNet-Lite0",
    "squeezenet": "SqueezeNet",
    "vgg19": "VGG-19",
    "googlenet": "GoogLeNet",
    "resnet50": "ResNet-50",
}


def _numbered(items: tuple) -> list[tuple]:
    return [(name, label, text, icon, number) for number, (name, label, text, icon) in enumerate(items)]


def _network_items() -> list[tuple[str, str, str]]:
    automatic = ("auto", "Automatic", "The one that suits the task best")
    known = catalogue.networks()
    return [automatic] + [
        (
            name,
            label,
            f"Its weights are a download of {known[name].download} MB"
            if known[name].download
            else "It comes with the set-up",
        )
        for name, label in NETWORK_NAMES.items()
    ]


_layer_items: dict[str, list[tuple[str, str, str, int]]] = {}  # Blender needs these strings to live


def network_for_style(settings: bpy.types.PropertyGroup) -> str:
    """Choose the network whose layers make the style."""
    return suited.network() if settings.network == "auto" else settings.network


def _style_layers(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> list:
    network = network_for_style(self)
    if network not in _layer_items:
        own = catalogue.networks()[network].style_layers
        _layer_items[network] = [
            (name, name, "Chosen where you choose none" if name in own else "", 1 << bit)
            for bit, name in enumerate(catalogue.style_choices(network))
        ]
    return _layer_items[network]


def _forget_layers(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    self.layers = set()


def _style_items(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> list:
    return thumbnails.style_items(self.style_file)


def _style_chosen(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    if file := thumbnails.recent_file(self.style):  # among the recent ones: it becomes the own image
        self.style_file, self.style = file, styles.OWN_IMAGE


def _find_classes(self: bpy.types.PropertyGroup, context: bpy.types.Context, text: str) -> list[str]:
    return catalogue.search_classes(text)


def _find_layers(self: bpy.types.PropertyGroup, context: bpy.types.Context, text: str) -> list[str]:
    return catalogue.search_layers(network_for_style(context.scene.patina), text)


def _find_formulas(self: bpy.types.PropertyGroup, context: bpy.types.Context, text: str) -> list[str]:
    return formulas.search(text)


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


class DreamChoice:
    """What to dream of."""

    kind: EnumProperty(name="Dream of", description="How the dream is named", items=KINDS)
    class_name: StringProperty(
        name="Class",
        description="What appears, out of a thousand things that the network knows: type to search",
        default="daisy",
        search=_find_classes,
        search_options={"SUGGESTION"},
    )
    layer: StringProperty(
        name="Layer",
        description="How far up in the network: early layers give edges and textures, late ones parts of "
        "things",
        default="relu5_1",
        search=_find_layers,
        search_options={"SUGGESTION"},
    )
    channel: IntProperty(
        name="Channel",
        description="Which of the layer's patterns: another number gives quite another picture",
        default=7,
        min=0,
        max=4095,
    )


class PatinaTarget(DreamChoice, bpy.types.PropertyGroup):
    """What to dream of."""


class PatinaDreamKey(DreamChoice, bpy.types.PropertyGroup):
    """What is dreamt of at one frame of the scene."""

    frame: IntProperty(name="Frame", description="The frame of the scene from which it looks so", default=1)


class PatinaSettings(StyleChoice, bpy.types.PropertyGroup):
    """How to paint."""

    mode: EnumProperty(name="Mode", description="What the object gets", items=_numbered(MODES))
    picture_mode: EnumProperty(
        name="Mode", description="What becomes of the image", items=_numbered(PICTURE_MODES)
    )
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
    quality: EnumProperty(
        name="Quality",
        description="How long to work on it",
        items=(
            ("sketch", "Sketch", "In seconds: every view painted once, and no more"),
            ("draft", "Draft", "A quick look: coarse strokes"),
            ("standard", "Standard", "A good result"),
            ("final", "Final", "Crisper strokes than Standard's, in more time"),
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
    relief: BoolProperty(
        name="Relief",
        description="Also make the strokes stand out: a height and a normal map, which catch the light",
    )
    material: BoolProperty(
        name="Whole Material",
        description="Paint roughness, metalness, normals and height beside the colour: thick strokes stand "
        "out and shine, thin ones are dry",
    )
    roughness: FloatProperty(
        name="Roughness",
        description="How far strokes set the roughness. At 0 it stays as it is",
        default=1.0,
        min=0.0,
        max=1.0,
    )
    metalness: FloatProperty(
        name="Metalness",
        description="How far paint hides metal. At 0 it stays as it is",
        default=1.0,
        min=0.0,
        max=1.0,
    )
    normal: FloatProperty(
        name="Normals",
        description="How far strokes turn the normals, and so catch the light. At 0 these stay as they are",
        default=1.0,
        min=0.0,
        max=1.0,
    )
    height: FloatProperty(
        name="Stroke Height",
        description="How high strokes stand in the height map, for displacement. At 0 there is none",
        default=1.0,
        min=0.0,
        max=1.0,
    )
    detail: FloatProperty(
        name="Detail",
        description="What becomes of the normals that the object has, its pores and stitches: at 0 they are "
        "kept, at 0.5 smoothed away, at 1 strokes stand thick where they were",
        default=0.4,
        min=0.0,
        max=1.0,
    )

    target: PointerProperty(type=PatinaTarget, name="Target", description="What to dream of")
    present: BoolProperty(
        name="From the Present Texture",
        description="DeepDream: exaggerate what the network already sees in the object's texture, instead of "
        "dreaming from nothing",
    )
    reflectance: BoolProperty(
        name="Reflectance",
        description="Also dream of roughness and metalness, seen under lights: of a beetle's gloss, not of "
        "its colours alone",
    )
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

    network: EnumProperty(
        name="Network",
        description="The neural network that looks: each sees, and so paints and dreams, in its own manner",
        items=_network_items(),
        update=_forget_layers,
    )
    layers: EnumProperty(
        name="Layers",
        description="Which layers make the style: early ones give colour and grain, late ones large shapes. "
        "None chosen: the network's own choice",
        items=_style_layers,
        options={"ENUM_FLAG"},
    )
    parameterization: EnumProperty(
        name="Painted As",
        description="What the texture is made of while it is painted, which gives it a character",
        items=(
            ("auto", "Automatic", "What suits the task best"),
            ("pyramid", "Scales", "A sum of coarse and fine layers: even strokes on a surface"),
            ("fourier", "Waves", "A sum of waves: smooth, rich in large shapes"),
            ("pixel", "Pixels", "Plain pixels: raw and noisy"),
            (
                "cppn",
                "Formula",
                "A small network that gives the colour of each place: flowing, without any seam",
            ),
        ),
    )
    unwrap: BoolProperty(
        name="Unwrap Automatically",
        description="Give meshes without UVs, or with those of a palette, a UV map of their own, called "
        "Patina",
        default=True,
    )
    style_loss: EnumProperty(
        name="Likeness",
        description="What is compared to tell whether the strokes are the painting's: "
        "each has a hand of its own",
        items=(
            ("gram", "Correlations", "Which features occur together: the classic"),
            ("gaussian", "Mean and Spread", "The features' mean and covariance: clean shapes and colours"),
            ("sliced", "Distribution", "How often each feature occurs: close to the painting's contrasts"),
            ("nearest", "Patches", "Each place is like some place of the painting: its very motifs"),
        ),
    )
    steps: IntProperty(
        name="Steps",
        description="How often to go over it: more bring it closer to the goal and take longer; "
        "0 takes as many as the quality asks for",
        default=0,
        min=0,
        max=100_000,
    )
    texture_size: EnumProperty(
        name="Texture",
        description="Width and height of the new texture in pixels: larger shows finer strokes up close",
        items=tuple((str(size), f"{size} px", "") for size in (256, 512, 1024, 2048, 4096)),
        default="1024",
    )
    views: IntProperty(
        name="Views",
        description="From how many sides to look at each step: more make it steadier and slower; "
        "0 lets the task decide",
        default=0,
        min=0,
        max=16,
    )
    scales: IntProperty(
        name="Scales",
        description="How many sizes of the picture's pattern to match: 1 keeps the grain only, more also the "
        "large shapes",
        default=3,
        min=1,
        max=5,
    )
    picture_size: IntProperty(
        name="Size",
        description="Pixels along the longer side of the new picture: larger shows more, and takes longer",
        default=512,
        min=64,
        max=4096,
    )
    tileable: BoolProperty(
        name="Tileable",
        description="Left goes on at right and top at bottom, so that the picture repeats without a seam",
        default=True,
    )


def new_seed() -> int:
    """Draw a seed that nobody knows beforehand."""
    return random.SystemRandom().randrange(SEEDS)


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


classes = (
    PatinaStyle,
    PatinaKey,
    PatinaTarget,
    PatinaDreamKey,
    PatinaSettings,
    PatinaSlot,
    PatinaObject,
    PatinaMaterial,
)


def register() -> None:
    bpy.types.Scene.patina = PointerProperty(type=PatinaSettings)
    bpy.types.Object.patina = PointerProperty(type=PatinaObject, override=OVERRIDABLE)
    bpy.types.Material.patina = PointerProperty(type=PatinaMaterial)


def unregister() -> None:
    del bpy.types.Material.patina
    del bpy.types.Object.patina
    del bpy.types.Scene.patina
