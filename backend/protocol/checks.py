"""What a job must be, field by field; what its fields must be to each other is in `rules`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NoReturn

from ..errors import PatinaError
from .choices import (
    DEVICES,
    EASINGS,
    FRAMINGS,
    OWN,
    PARAMETERIZATIONS,
    QUALITIES,
    RASTERIZERS,
    STYLE_LOSSES,
    TARGETS,
    TASKS,
    TEXTURE_SIZES,
    VERSION,
)
from .parts import Key, Maps, Material, Style, Target, Tile
from .rules import RANGES, RULES, Rule
from .values import is_number, is_part, is_share, is_whole

# What a field can be at all.
_CHOICES: dict[str, tuple[Any, ...]] = {
    "quality": QUALITIES,
    "style_loss": STYLE_LOSSES,
    "framing": FRAMINGS,
    "device": DEVICES,
    "rasterizer": RASTERIZERS,
    "texture_size": TEXTURE_SIZES,
    "task": TASKS,
    "easing": EASINGS,
} | dict.fromkeys(
    ("aligned", "transparent", "relief", "reflectance", "tileable", "occlusion", "motifs", "loop"),
    (True, False),
)


def check(job: Any) -> None:
    """Raise PatinaError for the first thing that is wrong with a `Job`."""
    if job.version != VERSION:
        _refuse(
            "version",
            f"is {job.version!r}, this backend reads version {VERSION}",
            "Update the extension and its backend together (Preferences > Patina > Update).",
        )
    for name in ("name", "network", "parameterization"):
        if not isinstance(getattr(job, name), str):
            _refuse(name, f"is {getattr(job, name)!r:.100}", "Use a text.")
    for name in ("mesh", "poses", "content", "mask", "resume", "drawn", "drawn_mask"):
        if not isinstance(getattr(job, name), str | None):
            _refuse(
                name, f"is {getattr(job, name)!r:.100}", "Use a path relative to the job folder, or null."
            )
    if job.parameterization not in PARAMETERIZATIONS and not str(job.parameterization).startswith(OWN):
        _refuse(
            "parameterization",
            f"is {job.parameterization!r}",
            f"Use one of: {', '.join(PARAMETERIZATIONS)}, or a plugin's, as {OWN}NAME.",
        )
    for name, allowed in _CHOICES.items():
        value = getattr(job, name)
        if value not in allowed or type(value) is not type(allowed[0]):  # 1024.0 is equal, but no size
            _refuse(name, f"is {value!r}", f"Use one of: {', '.join(map(str, allowed))}.")
    _obey(RANGES, job)
    for style in job.styles:
        _check_style(style)
    for target in job.targets:
        _check_target(target)
    for tile in job.tiles:
        _check_tile(tile)
    _check_maps(job.maps)
    if job.material is not None:
        _check_material(job.material)
    for key in job.keys:
        _check_key(key, len(job.targets if job.task == "interpolate" else job.styles))
    _obey(RULES, job)


def _obey(rules: tuple[Rule, ...], job: Any) -> None:
    for rule in rules:
        if rule.when(job):
            _refuse(rule.field, rule.why.format(job=job), rule.cure)


def _refuse(name: str, why: str, cure: str) -> NoReturn:
    raise PatinaError(f"job.json: {name} {why}.", cure, name)


def _check_style(style: Style) -> None:
    if not isinstance(style.image, str) or not style.image:
        _refuse("styles", "has an entry without an image", "Name an image file.")
    if not is_number(style.weight) or style.weight <= 0:
        _refuse("styles", f"gives {style.image} the weight {style.weight!r}", "Use a positive number.")
    if style.crop is not None and not is_part(style.crop):
        _refuse(
            "styles",
            f"gives {style.image} the crop {style.crop!r}",
            "Use x, y, width and height within it, in its fractions: 0 0 1 0.5 is the upper half.",
        )


def _check_tile(tile: Tile) -> None:
    paths = tile.content, tile.mask, tile.drawn, tile.drawn_mask
    if not isinstance(tile.name, str) or not all(isinstance(path, str | None) for path in paths):
        _refuse("tiles", f"has {tile!r}", "Give each a name, and paths or null.")
    _check_maps(tile.maps)


def _check_maps(maps: Maps) -> None:
    if not isinstance(maps, Maps) or not all(isinstance(path, str | None) for path in asdict(maps).values()):
        _refuse("maps", f"is {maps!r:.200}", "Give paths or null.")


def _check_material(material: Material) -> None:
    shares = asdict(material) if isinstance(material, Material) else {"": None}
    for name, share in shares.items():
        if not is_share(share):
            _refuse("material", f"has {name} {share!r:.100}", "Use numbers from 0 to 1, or null.")


def _check_key(key: Key, count: int) -> None:
    """count: of the styles or targets that it may weigh."""
    if not is_whole(key.frame) or key.frame < 0:
        _refuse("keys", f"has one at the frame {key.frame!r}", "Use a whole number from 0 on.")
    if key.strength is not None and not is_share(key.strength):
        _refuse("keys", f"has the strength {key.strength!r}", "Use a number from 0 to 1, or null.")
    size = key.style_size
    if size is not None and (not is_number(size) or size <= 0):
        _refuse("keys", f"has the stroke size {size!r}", "Use a positive number of scene units, or null.")
    weights = key.weights
    sound = isinstance(weights, tuple) and all(is_number(weight) and weight >= 0 for weight in weights)
    if not sound or (weights and (len(weights) != count or not any(weights))):
        _refuse("keys", f"has the weights {weights!r:.100}", "Give each style or target one, and not all 0.")


def _check_target(target: Target) -> None:
    kind = target.kind
    if kind not in TARGETS:
        _refuse("targets", f"has a {kind!r}", f"Use one of: {', '.join(TARGETS)}.")
    if kind == "class" and (not isinstance(target.name, str) or not target.name.strip()):
        _refuse("targets", "has a class without a name", 'Name an ImageNet class, such as "daisy".')
    if kind == "own" and (not isinstance(target.name, str) or not target.name):
        _refuse("targets", "has an objective of a plugin without a name", "Name it.")
    if not isinstance(target.layer, str) or (not target.layer and kind in ("channel", "neuron", "direction")):
        _refuse("targets", f"has a {kind} without a layer", "Name a layer of the network.")
    if kind in ("channel", "neuron") and (not is_whole(target.channel) or target.channel < 0):
        _refuse("targets", f"has the channel {target.channel!r}", "Use a whole number from 0 on.")
    if kind == "direction":
        pairs = target.direction
        if not pairs or not all(len(p) == 2 and is_whole(p[0]) and is_number(p[1]) for p in pairs):
            _refuse("targets", "has a malformed direction", "Give pairs of a channel and its weight.")
    if not is_number(target.weight) or target.weight == 0:
        _refuse("targets", f"has the weight {target.weight!r}", "Use a number other than 0.")
