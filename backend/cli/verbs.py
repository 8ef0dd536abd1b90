"""The verbs beside `stylize` on a mesh: dream, synthesize, interpolate, morph, networks, flat pictures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..export import model
from ..pictures.images import cannot_write, read_image
from ..pictures.styles import read_style
from ..protocol import (
    DEVICES,
    FINISHED,
    IMAGE_FILE,
    OWN,
    PARAMETERIZATIONS,
    RASTERIZERS,
    TEXTURE_SIZES,
    Job,
    PatinaError,
    Style,
    Target,
    write_job,
)
from .job_folder import (
    DoJob,
    copy_file,
    copy_styles,
    follow,
    keep_inputs,
    write_content,
    write_mesh,
    write_model,
)
from .options import add_crop, parameterization, styles_of, weighted_path
from .plugins import add_plugins

MODELS = (".obj", ".gltf", ".glb", ".ply")
DREAM_LAYER = "relu4_3"  # of DeepDream, where none is named and the network has it


def add(verbs: Any, do_job: DoJob) -> None:
    """Add the verbs' parsers to the command line's; each gets `do`, options → exit code."""

    def verb(name: str, text: str, do: Callable[[argparse.Namespace, DoJob], int]) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
        parser.set_defaults(do=lambda options: do(options, do_job))
        return parser

    _dream_arguments(verb("dream", "show what excites a class, a channel or a layer of a network", dream))
    _synthesize_arguments(verb("synthesize", "make more of a texture from a picture of it", synthesize))
    _interpolate_arguments(
        verb("interpolate", "make frames from one dream, or style, to another", interpolate)
    )
    _morph_arguments(verb("morph", "make frames between two CPPNs", morph))
    _networks_arguments(verb("networks", "list the networks and their layers", list_networks))


def add_common(parser: argparse.ArgumentParser) -> None:
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
        "the place), shared (frames), or a plugin's own; the default suits the task",
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


def _dream_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", type=Path, nargs="?", help="a mesh with UVs or a photo; without one, a picture from nothing"
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
    _add_size(parser, 256)
    _add_texture_size(parser)
    add_common(parser)


def _synthesize_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("exemplar", type=Path, nargs="+", metavar="EXEMPLAR", help="pictures of the texture")
    parser.add_argument("--mesh", type=Path, help="put it on this mesh instead of a flat picture")
    parser.add_argument("--relief", action="store_true", help="on a mesh: with a height map")
    parser.add_argument("--tileable", action="store_true", help="the result repeats without a seam")
    parser.add_argument(
        "--scales", type=int, default=3, help="of the exemplar to match (3); 1 is Gatys's plain method"
    )
    add_crop(parser, "of an EXEMPLAR, the first of the first")
    _add_size(parser, 256)
    _add_texture_size(parser)
    add_common(parser)


def _interpolate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, nargs="?", metavar="MESH", help="a mesh; without one, pictures")
    _add_targets(parser)
    parser.add_argument("--channels", type=int, nargs=2, metavar=("A", "B"), help="two channels of --layer")
    parser.add_argument("--style", dest="styles", type=Path, nargs=2, metavar="IMAGE", help="two styles")
    add_crop(parser, "of a style, the first of the first")
    parser.add_argument("--frames", type=int, default=4, help="how many, ends included (4)")
    parser.add_argument("--aligned", action="store_true", help="hold neighbouring frames together harder")
    _add_size(parser, 128)
    _add_texture_size(parser)
    add_common(parser)


def _morph_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cppn", type=Path, nargs=2, metavar="CPPN", help="picture.cppn of two dreams")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder for the results")
    count = parser.add_mutually_exclusive_group()
    count.add_argument("--frames", type=int, default=8, help="how many, ends included (8)")
    count.add_argument("--steps", type=int, help="the same, counted between them: one less than the frames")
    _add_size(parser, 512)
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


def _networks_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a network, to list its layers and their channels")


def dream(options: argparse.Namespace, do_job: DoJob) -> int:
    """From the options of `dream` to its results in `options.out`."""
    targets = [_class(text) for text in options.classes]
    kind = "neuron" if options.neuron else "channel"
    for text in options.channels:
        index, weight = _weighted(text, "channel")
        targets.append(Target(kind, layer=_layer(options), channel=_whole(index, "channel"), weight=weight))
    if options.direction:
        pairs = tuple(
            (_whole(n, "direction"), w) for n, w in (_weighted(t, "direction") for t in options.direction)
        )
        targets.append(Target("direction", layer=_layer(options), direction=pairs))
    for text in options.objectives:
        name, weight = _weighted(text, "objective")
        targets.append(Target("own", name=name, layer=options.layer or "", weight=weight))
    if options.deepdream:
        targets.append(Target("deepdream", layer=options.layer or DREAM_LAYER))
    return _do(
        options,
        do_job,
        options.input,
        task="dream",
        targets=tuple(targets),
        transparent=options.transparent,
        network=options.network or _network_for(targets),
        parameterization=options.parameterization or _suited(options.input, options.deepdream),
    )


def _suited(picture: Path | None, deepdream: bool) -> str:
    """Spectra make the best pictures from nothing; on a surface, where views see parts, scales do."""
    return "pyramid" if picture is not None and _is_model(picture) and not deepdream else "fourier"


def synthesize(options: argparse.Namespace, do_job: DoJob) -> int:
    """From the options of `synthesize` to its results in `options.out`."""
    return _do(
        options,
        do_job,
        options.mesh,
        styles=styles_of([(path, 1.0) for path in options.exemplar], options.crops),
        task="synthesize",
        tileable=options.tileable,
        relief=options.relief,
        scales=options.scales,
        network=options.network or "vgg16",
        parameterization=options.parameterization or _suited(options.mesh, False),
    )


def interpolate(options: argparse.Namespace, do_job: DoJob) -> int:
    """From the options of `interpolate` to its results in `options.out`."""
    targets = [_class(text) for text in options.classes]
    for index in options.channels or ():
        targets.append(Target("channel", layer=_layer(options), channel=index))
    return _do(
        options,
        do_job,
        options.input,
        styles=styles_of([(path, 1.0) for path in options.styles or ()], options.crops),
        task="interpolate",
        targets=tuple(targets),
        frames=options.frames,
        aligned=options.aligned,
        network=options.network or _network_for(targets),
        parameterization=options.parameterization or "shared",
    )


def morph(options: argparse.Namespace, do_job: DoJob) -> int:
    """From the options of `morph` to its frames in `options.out`."""
    if options.parameterization != "cppn":
        raise PatinaError(
            f"Two pictures as {options.parameterization} have no weights to go between.",
            "Leave --parameterization out; or use interpolate, for frames between two dreams or styles.",
            "parameterization",
        )
    for path in options.cppn:
        if not path.is_file():
            raise PatinaError(f"There is no file {path}.", "Name a .cppn file.", "cppns")
    keep_inputs(options.out, *options.cppn)
    out = _made(options.out)
    names = []
    for letter, path in zip("ab", options.cppn, strict=True):
        names.append(f"{letter}.cppn")
        copy_file(path, out / names[-1])
    write_job(
        out,
        Job(
            task="morph",
            cppns=tuple(names),
            parameterization="cppn",
            network=options.network,
            frames=options.frames if options.steps is None else options.steps + 1,
            image_size=options.size,
            seed=options.seed,
            device=options.device,
        ),
    )
    return _told(out, follow(out, do_job), f"{Path(IMAGE_FILE).stem}_0.png")


def stylize_picture(options: argparse.Namespace, do_job: DoJob) -> int:
    """`stylize` for a photo in place of a mesh."""
    return _do(
        options,
        do_job,
        options.mesh,
        styles=styles_of([weighted_path(text) for text in options.style], options.crops),
        task="stylize",
        relief=options.relief,
        strength=options.strength,
        colors=options.colors,
        follow_shape=options.follow_shape,
        network=options.network or "vgg16",
        parameterization=options.parameterization or "fourier",
    )


def _do(
    options: argparse.Namespace,
    do_job: DoJob,
    source: Path | None,
    styles: Sequence[Style] = (),
    **fields: Any,
) -> int:
    """Make `options.out` a job folder, do the job, and on a mesh write the model that wears the result."""
    if source is not None and not source.is_file():
        raise PatinaError(f"There is no file {source}.", "Name a mesh or a picture.", "input")
    surface = model.read_model(source) if source is not None and _is_model(source) else None
    if source is not None and surface is None:
        read_image(source, "picture", "content")
    # What makes no sense is refused here, before anything is written.
    content = "content.png" if source is not None and (surface is None or surface.colored) else None
    job = Job(
        name=source.stem if source is not None else fields["task"],
        mesh="mesh.npz" if surface is not None else None,
        content=content,
        styles=tuple(styles),
        seed=options.seed,
        device=options.device,
        rasterizer=options.rasterizer,
        steps=options.steps,
        image_size=options.size,
        **({"texture_size": options.texture_size} if surface is not None else {}),
        **fields,
    )
    for style in styles:
        read_style(style, Path())
    keep_inputs(options.out, source, *(Path(style.image) for style in styles))
    out = _made(options.out)
    try:
        job = replace(job, styles=copy_styles(styles, out))
        if surface is not None:
            write_mesh(surface, out / "mesh.npz")
            write_content(surface, None, out)
        elif source is not None:
            copy_file(source, out / "content.png")
        write_job(out, job)
    except OSError as error:
        raise cannot_write(out, error) from None
    code = follow(out, do_job)
    if surface is None or source is None:
        return _told(out, code, IMAGE_FILE if job.task != "interpolate" else "image_0.png")
    if code == FINISHED and job.task != "interpolate":
        write_model(source, surface, out)
    return _told(out, code, "model.glb" if job.task != "interpolate" else "texture_0.png")


def _told(out: Path, code: int, name: str) -> int:
    if code == FINISHED:
        print(out / name)
    return code


def _made(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from None
    return out


def _is_model(path: Path) -> bool:
    return path.suffix.lower() in MODELS


def _layer(options: argparse.Namespace) -> str:
    if not options.layer:
        raise PatinaError("A channel belongs to a layer, and none is named.", "Add --layer.", "layer")
    return str(options.layer)


def _class(text: str) -> Target:
    name, weight = _weighted(text, "class")
    return Target("class", name=name, weight=weight)


def _weighted(text: str, field: str) -> tuple[str, float]:
    """ "daisy:2" → ("daisy", 2.0); the weight is 1 where there is none."""
    name, colon, weight = text.rpartition(":")
    if not colon:
        return text, 1.0
    try:
        return name, float(weight)
    except ValueError:
        raise PatinaError(f"{weight!r} in {text!r} is not a weight.", "Write NAME:NUMBER.", field) from None


def _whole(text: str, field: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise PatinaError(f"{text!r} is not a channel's number.", "Use a whole number.", field) from None


def _network_for(targets: list[Target]) -> str:
    """A class needs a classifier."""
    return "efficientnet_lite0" if any(target.kind == "class" for target in targets) else "vgg16"


def list_networks(options: argparse.Namespace, do_job: DoJob) -> int:
    """Print the registry, or one network's layers."""
    from . import network_list

    if options.name is None:
        network_list.print_all()
    else:
        network_list.print_layers(options.name)
    return FINISHED
