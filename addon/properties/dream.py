"""What to dream of."""

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from .. import catalogue
from .advanced import network_for_style

KINDS = (
    ("class", "Class", "A thing that has a name: an animal, a plant, something made"),
    (
        "channel",
        "Channel",
        "What one channel of a layer answers to: early layers know edges, late ones things",
    ),
    ("neuron", "Neuron", "As a channel, but of its middle unit alone: one motif instead of a pattern"),
)


def _find_classes(self: bpy.types.PropertyGroup, context: bpy.types.Context, text: str) -> list[str]:
    return catalogue.search_classes(text)


def _find_layers(self: bpy.types.PropertyGroup, context: bpy.types.Context, text: str) -> list[str]:
    return catalogue.search_layers(network_for_style(context.scene.patina), text)


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


class Dreaming:
    """What is dreamt, and of what."""

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


classes = (PatinaTarget, PatinaDreamKey)
