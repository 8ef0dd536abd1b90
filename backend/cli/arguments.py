"""The arguments of the verbs that make jobs: each function adds those of the verb that it is called as."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..protocol.choices import (
    DEVICES,
    EASINGS,
    FRAMINGS,
    OWN,
    PARAMETERIZATIONS,
    QUALITIES,
    RASTERIZERS,
    TEXTURE_SIZES,
)
from ..protocol.parts import Material
from .options import add_crop, colors, parameterization, share
from .plugins import add_plugins


def stylize(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mesh", type=Path, metavar="MESH", help="an OBJ, glTF, GLB or PLY file, or a photo")
    _add_style(parser, required=True)
    _add_painting(parser)
    parser.add_argument("--relief", action="store_true", help="with a height map for bump and print")
    _add_material(parser)
    parser.add_argument("--size", type=int, default=512, help="pixels along a photo's longer side (512)")
    _add_common(parser)


def animate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mesh", type=Path, metavar="MESH", help="an OBJ, glTF, GLB or PLY file")
    _add_style(parser, required=False)
    parser.add_argument(
        "--boil", type=int, metavar="N", help="N paintings in the --style that differ in their strokes"
    )
    parser.add_argument(
        "--amount",
        type=float,
        metavar="0..1",
        help="how much the strokes of one frame differ from another's (0.25; between keys 0)",
    )
    parser.add_argument(
        "--key",
        dest="keys",
        action="append",
        nargs=2,
        default=[],
        metavar=("FRAME", "IMAGE[:STRENGTH[:SIZE]]"),
        help="the style that a frame has, counted from 0, and its --style-size; again for the next: frames "
        "between go from one to the other. In place of styles also what is dreamt of: class:NAME, "
        "channel:LAYER:NUMBER",
    )
    parser.add_argument(
        "--frames", type=int, help="how many frames the keys are among (default: to the last)"
    )
    parser.add_argument("--loop", action="store_true", help="after the last key go back to the first")
    parser.add_argument("--easing", choices=EASINGS, default="linear", help="how to go from key to key")
    _add_painting(parser)
    _add_common(parser)


def _add_style(parser: argparse.ArgumentParser, required: bool) -> None:
    parser.add_argument(
        "--style",
        action="append",
        required=required,
        default=None if required else [],
        metavar="IMAGE[:WEIGHT]",
        help="the picture whose style to take; again for a mixture",
    )
    add_crop(parser, "of the --style before it", after="style")


def _add_painting(parser: argparse.ArgumentParser) -> None:
    """How a style is painted, whatever comes of it."""
    parser.add_argument(
        "--content", type=Path, help="the texture to keep the landmarks of (default: the mesh's own ones)"
    )
    parser.add_argument("--texture-size", type=int, default=1024, choices=TEXTURE_SIZES)
    parser.add_argument("--quality", default="standard", choices=QUALITIES)
    parser.add_argument(
        "--strength", type=float, default=0.5, help="0 keeps the content, 1 gives all to the style"
    )
    parser.add_argument(
        "--colors",
        type=colors,
        default=0.0,
        metavar="style|object|0..1",
        help="whose palette the result has: the picture's, the object's own, or something between them",
    )
    parser.add_argument(
        "--follow-shape",
        type=float,
        metavar="0..1",
        help="how far a mesh's form steers light and dark (default: 1 without a texture, 0 with one)",
    )
    parser.add_argument(
        "--no-motifs",
        dest="motifs",
        action="store_false",
        help="no recognisable pieces of the picture, not even on a plain object by itself",
    )
    parser.add_argument(
        "--style-size", type=float, help="scene units that the picture's shorter side spans; 0: what fits"
    )
    parser.add_argument(
        "--poses",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="the mesh at other times: models of the same triangles, each in another pose; what only they "
        "show is painted, too",
    )
    parser.add_argument(
        "--framing",
        default="surface",
        choices=FRAMINGS,
        help="views aim at the surface, or see the whole object from all round",
    )


def _add_material(parser: argparse.ArgumentParser) -> None:
    """Add --material, and an option for each of its fields, whose default is the field's."""
    parser.add_argument(
        "--material",
        action="store_true",
        help="paint a mesh's whole material: roughness, metalness, normals and height beside the colour",
    )
    for name, text in (
        ("roughness", "how far strokes set the roughness"),
        ("metalness", "how far paint hides metal"),
        ("normal", "how far strokes catch the light"),
        ("height", "how high strokes stand"),
        ("detail", "what becomes of the normals that are there: 0 kept, 0.5 smoothed away, 1 strokes"),
    ):
        default = getattr(Material(), name)
        parser.add_argument(
            f"--{name}",
            type=share,
            default=default,
            metavar="0..1",
            help=f"of --material: {text} ({default:g})",
        )


def dream(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", type=Path, nargs="?", help="a mesh or a photo; without one, a picture from nothing"
    )
    _add_targets(parser)
    parser.add_argument(
        "--channel",
        dest="channels",
        action="append",
        default=[],
        metavar="N[:WEIGHT]",
        help="a channel of --layer; again for a weighted sum",
    )
    parser.add_argument("--neuron", action="store_true", help="only the channel's unit in the middle")
    parser.add_argument(
        "--direction", nargs="+", default=[], metavar="N:WEIGHT", help="a direction of --layer, over channels"
    )
    parser.add_argument(
        "--deepdream", action="store_true", help="amplify what --layer sees in the photo or texture already"
    )
    parser.add_argument(
        "--objective",
        dest="objectives",
        action="append",
        default=[],
        metavar="NAME[:WEIGHT]",
        help="a plugin's objective, added to the others",
    )
    parser.add_argument("--transparent", action="store_true", help="with alpha: opaque only where it matters")
    parser.add_argument(
        "--reflectance",
        action="store_true",
        help="on a mesh: roughness and metalness beside the colour, a beetle's gloss",
    )
    _add_size(parser, 256)
    _add_texture_size(parser)
    _add_common(parser)


def synthesize(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("exemplar", type=Path, nargs="+", metavar="EXEMPLAR", help="pictures of the texture")
    parser.add_argument("--mesh", type=Path, help="put it on this mesh instead of a flat picture")
    parser.add_argument(
        "--style-size",
        type=float,
        help="on a mesh: scene units that the picture's shorter side spans; 0: what fits",
    )
    parser.add_argument("--relief", action="store_true", help="on a mesh: with a height map")
    parser.add_argument("--tileable", action="store_true", help="the result repeats without a seam")
    parser.add_argument(
        "--scales",
        type=int,
        help="optimise its statistics at so many scales (3 suits, 1 is Gatys's plain method), in place of "
        "sewing it from pieces of the EXEMPLAR",
    )
    add_crop(parser, "of an EXEMPLAR, the first of the first")
    _add_size(parser, 256)
    _add_texture_size(parser)
    _add_common(parser)


def interpolate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, nargs="?", metavar="MESH", help="a mesh; without one, pictures")
    _add_targets(parser)
    parser.add_argument("--channels", type=int, nargs=2, metavar=("A", "B"), help="two channels of --layer")
    parser.add_argument("--style", dest="styles", type=Path, nargs=2, metavar="IMAGE", help="two styles")
    add_crop(parser, "of a style, the first of the first")
    parser.add_argument("--frames", type=int, default=4, help="how many, ends included (4)")
    parser.add_argument("--aligned", action="store_true", help="hold neighbouring frames together harder")
    _add_size(parser, 128)
    _add_texture_size(parser)
    _add_common(parser)


def morph(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cppn", type=Path, nargs=2, metavar="CPPN", help="picture.cppn of two dreams")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder for the results")
    parser.add_argument("--mesh", type=Path, help="the mesh that both were painted on, for its textures")
    count = parser.add_mutually_exclusive_group()
    count.add_argument("--frames", type=int, default=8, help="how many, ends included (8)")
    count.add_argument("--steps", type=int, help="the same, counted between them: one less than the frames")
    _add_size(parser, 512)
    _add_texture_size(parser)
    _add_device(parser)
    parser.add_argument(
        "--seed", type=int, default=0, help="nothing is drawn at random here; kept with the job"
    )
    parser.add_argument(
        "--network",
        default="vgg16",
        help="measures how far each frame is from the next, for the report (vgg16)",
    )
    parser.add_argument(
        "--parameterization",
        choices=PARAMETERIZATIONS,
        default="cppn",
        help="cppn, which alone has weights to go between",
    )


def networks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a network, to list its layers and their channels")


def _add_common(parser: argparse.ArgumentParser) -> None:
    """What every verb takes: --out, --seed, --steps, --device, --rasterizer, --network and the like."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder for the results")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same result (0)")
    parser.add_argument("--steps", type=int, help="how long to work on it (default: what the task needs)")
    _add_device(parser)
    parser.add_argument(
        "--rasterizer",
        choices=RASTERIZERS,
        default="embree",
        help="how meshes are looked at; nvdiffrast: for NVIDIA cards, research and evaluation only, "
        "and installed by you",
    )
    parser.add_argument("--network", help="`python -m backend networks` lists them")
    parser.add_argument(
        "--parameterization",
        type=parameterization,
        metavar="{" + ",".join(PARAMETERIZATIONS) + f",{OWN}NAME" + "}",
        help="what is optimised: pyramid (of scales), fourier (a spectrum), pixel, cppn (a function of "
        "the place), shared (frames), a plugin's own; or nothing: pieces (of an exemplar); the default suits "
        "the task",
    )
    parser.add_argument(
        "--keep-uvs",
        action="store_true",
        help="paint a mesh by the UV maps that it has; else parts without one, or with a palette's, get a "
        "new one, with their colours baked into it",
    )
    add_plugins(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, default="auto", help="auto takes the fastest there is")


def _add_size(parser: argparse.ArgumentParser, default: int) -> None:
    parser.add_argument(
        "--size", type=int, default=default, help=f"pixels along a flat picture's longer side ({default})"
    )


def _add_texture_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--texture-size", type=int, default=512, choices=TEXTURE_SIZES, help="on a mesh (512)"
    )


def _add_targets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--layer", help="a layer, such as relu5_1, mixed4b or features.21")
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        default=[],
        metavar="NAME[:WEIGHT]",
        help='an ImageNet class, such as "daisy"; again for a weighted sum',
    )
