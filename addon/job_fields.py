"""What the artist has set → the fields of a job, for each mode. Nothing here reads the scene's objects."""

from __future__ import annotations

from typing import Any

from ..backend import suited
from ..backend.errors import PatinaError
from ..backend.protocol.parts import Key, Material, Target
from . import catalogue, folders, keying, style_files, timings
from .modes import (
    dreams_at_keys,
    ends,
    has_keys,
    is_deepdream,
    keys_in_order,
    look_of,
    morphs,
    moves,
    strength_of,
    task_of,
    uses_styles,
)
from .properties.advanced import NETWORK_NAMES
from .properties.dream import PatinaTarget
from .properties.settings import PatinaSettings


def timing_of(settings: PatinaSettings, mode: str) -> keying.Timing | None:
    """Tell when the textures of a style that moves show; None of another job. Raises PatinaError."""
    scene = settings.id_data
    if has_keys(settings, mode) or dreams_at_keys(settings, mode):
        return keying.timing(*_of_keys(settings))
    if morphs(settings, mode):
        return keying.timing([scene.frame_start, scene.frame_end], settings.textures)
    even = moves(settings, mode)
    return keying.evenly(scene.frame_start, settings.frames, settings.hold) if even else None


def _of_keys(settings: PatinaSettings) -> tuple[list[int], int, int]:
    """The frames of the keys, how many textures there may be, and the period, as `keying` wants them."""
    scene = settings.id_data
    period = scene.frame_end - scene.frame_start + 1 if settings.loop else 0
    return [key.frame for key in keys_in_order(settings)], settings.textures, period


def _placed(settings: PatinaSettings) -> tuple[list[int], int]:
    """The textures' numbers of the keys, or of two formulas, and how many there are. Raises PatinaError."""
    if settings.between in ("keys", "dream_keys"):
        return keying.placed(*_of_keys(settings))
    return keying.placed([settings.id_data.frame_start, settings.id_data.frame_end], settings.textures)


def _frames(settings: PatinaSettings) -> dict[str, Any]:
    """The fields of a job about its frames. Raises PatinaError."""
    if settings.between == "boil":
        return {"frames": settings.frames, "boil": round(settings.boil, 4)}
    if settings.between == "formulas":
        return {"frames": _placed(settings)[1]}
    if settings.between in ("styles", "dreams"):
        return {"frames": settings.frames, "aligned": settings.aligned}
    places, count = _placed(settings)
    ordered = keys_in_order(settings)
    way = {"frames": count, "loop": settings.loop, "easing": settings.easing}
    if settings.between == "dream_keys":
        network = network_of(settings, "animate")
        dreams = [_target(key, network) for key in ordered]
        each = dict.fromkeys(dreams)
        weights = [tuple(float(dream == one) for one in each) for dream in dreams]
        return way | {"aligned": True, "keys": tuple(map(Key, places, weights))}
    pictures = style_files.of(settings, "animate")
    keys = tuple(
        Key(
            place,
            tuple(float(style_files.picture_of(key) == one) for one in pictures),
            round(key.strength, 4),
            round(key.style_size, 6) or None,
        )
        for key, place in zip(ordered, places, strict=True)
    )
    return way | {"keys": keys}


def targets(settings: PatinaSettings, mode: str, picture: bool = False) -> tuple[Target, ...]:
    """List what to dream of. Raises PatinaError for what the chosen network has not."""
    if uses_styles(settings, mode) or morphs(settings, mode):
        return ()
    network = network_of(settings, mode, picture)
    if is_deepdream(settings, mode, picture):
        return (Target("deepdream", layer=_deepdream_layer(settings, network)),)
    found = tuple(_target(end, network) for end in ends(settings, mode))
    return tuple(dict.fromkeys(found)) if dreams_at_keys(settings, mode) else found


def network_of(settings: PatinaSettings, mode: str, picture: bool = False) -> str:
    """Choose the network that does it. Raises PatinaError where the chosen one knows no classes."""
    dreams = not (uses_styles(settings, mode) or morphs(settings, mode))
    dreams = dreams and not is_deepdream(settings, mode, picture)
    by_class = dreams and any(end.kind == "class" for end in ends(settings, mode))
    if settings.network == "auto":
        return suited.network(by_class)
    if by_class and not catalogue.networks()[settings.network].classes:
        raise PatinaError(
            f"{NETWORK_NAMES[settings.network]} comes without its classes.",
            "Choose EfficientNet-Lite0 or Automatic (Advanced > Network), or dream of a channel.",
            "network",
        )
    return str(settings.network)


def _deepdream_layer(settings: PatinaSettings, network: str) -> str:
    """The chosen layer where a channel's layer is chosen for this network, else none: the one that suits."""
    layers = catalogue.networks()[network].layers
    chosen = settings.target.kind != "class" and settings.target.layer in layers
    return str(settings.target.layer) if chosen else ""


def _target(target: PatinaTarget, network: str) -> Target:
    if target.kind == "class":
        known = {name.lower(): name for name in catalogue.classes()}
        name = known.get(target.class_name.strip().lower())
        if name is None:
            near = catalogue.search_classes(target.class_name)[:3] if target.class_name.strip() else []
            cure = f"Did you mean {' or '.join(near)}?" if near else "Type a part of a name and choose."
            raise PatinaError(f"The network knows no {target.class_name!r}.", cure, "class")
        return Target("class", name=name)
    layers = catalogue.networks()[network].layers
    label = NETWORK_NAMES[network]
    if target.layer not in layers:
        raise PatinaError(f"{label} has no layer {target.layer!r}.", f"It has: {', '.join(layers)}.", "layer")
    if target.channel >= layers[target.layer]:
        raise PatinaError(
            f"{target.layer} of {label} has no channel {target.channel}.",
            f"Use a number from 0 to {layers[target.layer] - 1}.",
            "channel",
        )
    return Target(target.kind, layer=target.layer, channel=target.channel)


def parameterization(settings: PatinaSettings, mode: str, picture: bool = False) -> str:
    """Choose what is optimised: what is set, or else what suits."""
    if morphs(settings, mode):
        return "cppn"
    if settings.parameterization != "auto" and mode != "animate":  # whose frames know but one way
        return str(settings.parameterization)
    optimised = bool(settings.steps) or (settings.relief and not picture)
    return suited.parameterization(
        task_of(settings, mode), not picture, is_deepdream(settings, mode, picture), optimised
    )


def of(settings: PatinaSettings, mode: str, picture: bool = False) -> dict[str, Any]:
    """Make the job's fields that do not depend on the object.

    `picture`: for a flat image. Raises PatinaError.
    """
    network = network_of(settings, mode, picture)
    found: dict[str, Any] = {
        "task": task_of(settings, mode),
        "quality": settings.quality,
        "seed": settings.seed,
        "steps": settings.steps or None,
        "network": network,
        "parameterization": parameterization(settings, mode, picture),
        "targets": targets(settings, mode, picture),
        "device": device(),
    }
    if uses_styles(settings, mode):
        order = catalogue.style_choices(network)
        found["layers"] = tuple(sorted(settings.layers, key=order.index))
    if picture:
        found["image_size"] = settings.picture_size
    else:
        found |= {"texture_size": int(settings.texture_size), "views": settings.views or None}
    look = look_of(settings, mode)
    if look == "style":
        found |= {"strength": round(strength_of(settings, mode), 4), "colors": round(settings.palette, 4)}
        found["style_loss"] = settings.style_loss
    if look == "style" and not picture:
        found["follow_shape"] = round(settings.follow_shape, 4) if settings.use_follow_shape else None
        if not found["strength"] and not settings.use_follow_shape:
            found["follow_shape"] = 0.0  # nothing is to change, and the light of the form would
        each = has_keys(settings, mode)  # has its own
        found["style_size"] = None if each else round(settings.style_size, 6) or None
        found["motifs"] = settings.motifs
    if mode in ("style", "texture") and not picture:
        found["relief"] = settings.relief
    if mode == "style" and not picture:
        found["material"] = material_of(settings) if paints_several(found) else None
    if mode == "dream" and not picture:
        found["reflectance"] = settings.reflectance and not settings.present
    if mode == "texture":
        found |= {"scales": settings.scales, "tileable": picture and settings.tileable}
        if not picture and found["parameterization"] == "pieces":
            found["style_size"] = round(settings.style_size, 6) or None
    if mode == "transparent":
        found["transparent"] = True
    if mode == "animate":
        found |= _frames(settings)
    return found


def material_of(settings: PatinaSettings) -> Material | None:
    """Read how far each map of a whole material is painted; None: the colour alone."""
    if not settings.material:
        return None
    return Material(
        roughness=round(settings.roughness, 4),
        metalness=round(settings.metalness, 4),
        normal=round(settings.normal, 4),
        height=round(settings.height, 4),
        detail=round(settings.detail, 4),
    )


def begins_with_texture(fields: dict[str, Any]) -> bool:
    """Whether such a job needs what the object shows now."""
    return fields["task"] == "stylize" or any(target.kind == "deepdream" for target in fields["targets"])


def paints_several(fields: dict[str, Any]) -> bool:
    """Whether such a job can paint several textures at once, and for several poses (see Job.tiles, poses)."""
    return (
        fields["task"] == "stylize" and fields["parameterization"] == "pyramid" and not fields.get("relief")
    )


def device() -> str:
    """Name what to compute on, as the preferences say."""
    return str(folders.preferences().device)


def kind(settings: PatinaSettings, mode: str, quality: str, picture: bool = False) -> dict[str, Any]:
    """Tell what such a job's time depends on, as `timings.kind_of` has it. For drawing: raises nothing."""
    chosen = None if uses_styles(settings, mode) else settings.target.kind
    task = "boil" if moves(settings, mode) else task_of(settings, mode)
    if is_deepdream(settings, mode, picture):
        chosen = "deepdream"
    return {
        "device": device(),
        "task": task,
        "target": timings.target_of(chosen),
        "flat": picture,
        "quality": quality,
        "steps": settings.steps,
        "size": settings.picture_size if picture else int(settings.texture_size),
        "frames": _expected_frames(settings) if task in timings.COUNTED else 1,
        "paintings": max(1, len(settings.style_keys)) if has_keys(settings, mode) else 1,
    }


def _expected_frames(settings: PatinaSettings) -> int:
    """How many textures a job in frames makes; where its keys cannot be so yet, as many as were asked for."""
    try:
        even = settings.between not in ("keys", "dream_keys", "formulas")
        return int(settings.frames) if even else _placed(settings)[1]
    except PatinaError:
        return int(settings.textures)
