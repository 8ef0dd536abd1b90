"""The verbs that make jobs, each from its options to a job's fields; and the list of networks."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

from .. import suited
from ..errors import PatinaError
from ..protocol.choices import USUAL_BOIL
from ..protocol.events import FINISHED
from ..protocol.parts import Key, Material, Style, Target
from . import arguments, network_list
from .job_folder import DoJob, Inputs, is_model, make_and_do
from .options import DREAMS, key_path, key_target, styles_of, weighted_path

Verb = Callable[[argparse.Namespace, DoJob], int]
FIELDS = {"image_size": "size", "boil": "amount"}  # of a job, whose options are called otherwise


def add(verbs: Any, do_job: DoJob) -> None:
    """Add the verbs' parsers to the command line's; each gets `do`, options → exit code."""
    for name, verb, add_arguments, text in (
        ("stylize", stylize, arguments.stylize, "paint a mesh, or a photo, in the style of a picture"),
        ("dream", dream, arguments.dream, "show what excites a class, a channel or a layer of a network"),
        ("synthesize", synthesize, arguments.synthesize, "make more of a texture from a picture of it"),
        (
            "interpolate",
            interpolate,
            arguments.interpolate,
            "make frames from one dream, or style, to another",
        ),
        ("animate", animate, arguments.animate, "paint a mesh in several frames: a style that moves"),
        ("morph", morph, arguments.morph, "make frames between two CPPNs"),
        ("networks", list_networks, arguments.networks, "list the networks and their layers"),
    ):
        _add(verbs.add_parser(name, help=text, description=text), verb, add_arguments, do_job)


def _add(
    parser: argparse.ArgumentParser,
    verb: Verb,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    do_job: DoJob,
) -> None:
    add_arguments(parser)

    def do(options: argparse.Namespace) -> int:
        try:
            return verb(options, do_job)
        except PatinaError as error:
            raise _as_said(error, parser) from error

    parser.set_defaults(do=do)


def _as_said(error: PatinaError, parser: argparse.ArgumentParser) -> PatinaError:
    """Name the option of `parser` where `error` names the field of job.json that it set."""
    about, option = f"job.json: {error.field} ", FIELDS.get(error.field, error.field)
    found = [one for one in parser._actions if one.dest == option and one.option_strings]
    if not found or not error.message.startswith(about):
        return error
    message = f"{found[0].option_strings[-1]} {error.message.removeprefix(about)}"
    return PatinaError(message, error.cure.replace(", or null.", ", or leave it out."), error.field)


def _settings(
    options: argparse.Namespace,
    source: Path | None,
    task: str,
    targets: list[Target],
    optimised: bool = False,
) -> dict[str, Any]:
    """The fields that every job of these verbs has; `source`: what it is of, a mesh or a picture, or None.

    optimised: a synthesis that is not in pieces.
    """
    kinds = {target.kind for target in targets}
    on_mesh = source is not None and is_model(source)
    size = {"texture_size": options.texture_size} if on_mesh else {"image_size": options.size}
    suits = suited.parameterization(task, on_mesh, "deepdream" in kinds, optimised)
    return {
        "task": task,
        "targets": tuple(targets),
        "network": options.network or suited.network("class" in kinds),
        "parameterization": options.parameterization or suits,
        "seed": options.seed,
        "device": options.device,
        "rasterizer": options.rasterizer,
        "steps": options.steps,
        **size,
    }


def stylize(options: argparse.Namespace, do_job: DoJob) -> int:
    """Do what the options of `stylize` say; the results are in `options.out`."""
    if options.content is not None and not is_model(options.mesh):
        raise PatinaError(
            f"{options.mesh.name} is a picture, and so its own content.", "Leave --content out.", "content"
        )
    styles = styles_of([weighted_path(text) for text in options.style], options.crops)
    fields = _painting(options) | {"relief": options.relief, "material": _material(options)}
    return make_and_do(options.out, _painted(options, styles), fields, do_job)


def _painted(options: argparse.Namespace, styles: list[Style]) -> Inputs:
    """What is painted in `styles`."""
    return Inputs(options.mesh, options.content, styles, keep_uvs=options.keep_uvs, poses=options.poses)


def _painting(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of a job that paints a style."""
    return _settings(options, options.mesh, "stylize", []) | {
        "quality": options.quality,
        "strength": options.strength,
        "colors": options.colors,
        "follow_shape": options.follow_shape,
        "motifs": options.motifs,
        "style_size": options.style_size,
        "framing": options.framing,
    }


def animate(options: argparse.Namespace, do_job: DoJob) -> int:
    """Do what the options of `animate` say; the frames are in `options.out`."""
    if not is_model(options.mesh):
        raise PatinaError(f"{options.mesh.name} is no model.", "Name an OBJ, glTF, GLB or PLY file.", "input")
    if bool(options.keys) == bool(options.style) or bool(options.keys) == (options.boil is not None):
        raise PatinaError(
            "It is not clear what is to move.",
            "Give --boil with --style, or two --key or more.",
            "keys" if options.keys else "boil",
        )
    if options.keys and any(text.startswith(DREAMS) for _, text in options.keys):
        return _animate_dreams(options, do_job)
    if options.keys:
        styles, keys = _keys(options)
        frames = options.frames or keys[-1].frame + 1
        boil = options.amount or 0.0
    else:
        styles, keys = styles_of([weighted_path(text) for text in options.style], options.crops), ()
        frames, boil = options.boil, USUAL_BOIL if options.amount is None else options.amount
        if boil == 0:
            raise PatinaError("At --amount 0 all frames are the same.", "Use more, or stylize.", "boil")
    moving = {"frames": frames, "boil": boil, "keys": keys, "loop": options.loop, "easing": options.easing}
    return make_and_do(options.out, _painted(options, styles), _painting(options) | moving, do_job)


def _animate_dreams(options: argparse.Namespace, do_job: DoJob) -> int:
    """Do what the options of `animate` say where keys are classes and channels. Raises PatinaError."""
    if options.amount:
        raise PatinaError("Dreams do not boil, styles do.", "Leave --amount out.", "boil")
    found = [(_whole(frame, "keys"), key_target(text)) for frame, text in options.keys]
    found.sort(key=lambda one: one[0])
    targets = list(dict.fromkeys(target for _, target in found))
    keys = tuple(Key(frame, tuple(float(target == one) for one in targets)) for frame, target in found)
    fields = _settings(options, options.mesh, "interpolate", targets) | {
        "quality": options.quality,
        "frames": options.frames or keys[-1].frame + 1,
        "keys": keys,
        "loop": options.loop,
        "easing": options.easing,
        "aligned": True,
    }
    return make_and_do(options.out, _painted(options, []), fields, do_job)


def _keys(options: argparse.Namespace) -> tuple[list[Style], tuple[Key, ...]]:
    """The pictures that the options' keys name, each once, and the keys. Raises PatinaError."""
    found = [(_whole(frame, "keys"), *key_path(text)) for frame, text in options.keys]
    paths = list(dict.fromkeys(path for _, path, _, _ in found))
    keys = [
        Key(frame, tuple(float(path == other) for other in paths), strength, size)
        for frame, path, strength, size in sorted(found, key=lambda one: one[0])
    ]
    return styles_of([(path, 1.0) for path in paths], {}), tuple(keys)


def _material(options: argparse.Namespace) -> Material | None:
    if not options.material:
        return None
    return Material(**{field.name: getattr(options, field.name) for field in fields_of(Material)})


def dream(options: argparse.Namespace, do_job: DoJob) -> int:
    """Do what the options of `dream` say; the results are in `options.out`."""
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
        targets.append(Target("deepdream", layer=options.layer or ""))
    fields = _settings(options, options.input, "dream", targets) | {
        "transparent": options.transparent,
        "reflectance": options.reflectance,
    }
    inputs = Inputs(options.input, keep_uvs=options.keep_uvs)
    return make_and_do(options.out, inputs, fields, do_job)


def synthesize(options: argparse.Namespace, do_job: DoJob) -> int:
    """Do what the options of `synthesize` say; the results are in `options.out`."""
    styles = styles_of([(path, 1.0) for path in options.exemplar], options.crops)
    optimised = options.relief or options.scales is not None or options.steps is not None
    fields = _settings(options, options.mesh, "synthesize", [], optimised) | {
        "tileable": options.tileable,
        "relief": options.relief,
    }
    if options.scales is not None:
        fields["scales"] = options.scales
    if options.style_size is not None:
        fields["style_size"] = options.style_size
    return make_and_do(
        options.out, Inputs(options.mesh, styles=styles, keep_uvs=options.keep_uvs), fields, do_job
    )


def interpolate(options: argparse.Namespace, do_job: DoJob) -> int:
    """Do what the options of `interpolate` say; the results are in `options.out`."""
    targets = [_class(text) for text in options.classes]
    for index in options.channels or ():
        targets.append(Target("channel", layer=_layer(options), channel=index))
    styles = styles_of([(path, 1.0) for path in options.styles or ()], options.crops)
    fields = _settings(options, options.input, "interpolate", targets) | {
        "frames": options.frames,
        "aligned": options.aligned,
    }
    return make_and_do(
        options.out, Inputs(options.input, styles=styles, keep_uvs=options.keep_uvs), fields, do_job
    )


def morph(options: argparse.Namespace, do_job: DoJob) -> int:
    """Do what the options of `morph` say; the frames are in `options.out`."""
    if options.parameterization != "cppn":
        raise PatinaError(
            f"Two pictures as {options.parameterization} have no weights to go between.",
            "Leave --parameterization out; or use interpolate, for frames between two dreams or styles.",
            "parameterization",
        )
    fields = {
        "task": "morph",
        "parameterization": "cppn",
        "network": options.network,
        "frames": options.frames if options.steps is None else options.steps + 1,
        "seed": options.seed,
        "device": options.device,
    }
    on_mesh = options.mesh is not None
    fields |= {"texture_size": options.texture_size} if on_mesh else {"image_size": options.size}
    return make_and_do(options.out, Inputs(options.mesh, cppns=options.cppn), fields, do_job)


def list_networks(options: argparse.Namespace, do_job: DoJob) -> int:
    """Print the registry, or one network's layers."""
    if options.name is None:
        network_list.print_all()
    else:
        network_list.print_layers(options.name)
    return FINISHED


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
        what = "frame" if field == "keys" else "channel"
        raise PatinaError(f"{text!r} is not a {what}'s number.", "Use a whole number.", field) from None
