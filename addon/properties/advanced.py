"""What few artists change: networks, parameterizations, steps, sizes."""

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty

from ...backend import suited
from .. import catalogue

NETWORK_NAMES = {
    "vgg16": "VGG-16",
    "alexnet": "AlexNet",
    "efficientnet_lite0": "EfficientNet-Lite0",
    "squeezenet": "SqueezeNet",
    "vgg19": "VGG-19",
    "googlenet": "GoogLeNet",
    "resnet50": "ResNet-50",
}


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


class Advanced:
    """What few artists change."""

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
