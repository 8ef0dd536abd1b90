"""What no job may be, as tables; `check` obeys them whenever one is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .values import is_direction, is_number, is_share, is_within

MAX_TILES = 256
MAX_FRAMES = 240  # of a style that moves, or a morph


@dataclass(frozen=True)
class Rule:
    """One thing that no job may be: `when` tells of a `Job`, `why` says it of `field`."""

    when: Callable[[Any], object]
    field: str
    why: str
    cure: str


# Numbers and lists, each by itself.
RANGES = (
    Rule(
        lambda job: not is_share(job.strength),
        "strength",
        "is {job.strength!r}",
        "Use a number from 0 to 1.",
    ),
    Rule(
        lambda job: not is_share(job.colors),
        "colors",
        "is {job.colors!r}",
        "Use a number from 0 to 1.",
    ),
    Rule(
        lambda job: job.follow_shape is not None and not is_share(job.follow_shape),
        "follow_shape",
        "is {job.follow_shape!r}",
        "Use a number from 0 to 1, or null.",
    ),
    Rule(
        lambda job: not is_share(job.boil),
        "boil",
        "is {job.boil!r}",
        "Use a number from 0 to 1.",
    ),
    Rule(
        lambda job: job.style_size is not None and (not is_number(job.style_size) or job.style_size < 0),
        "style_size",
        "is {job.style_size!r}",
        "Use a positive number of scene units, or 0 to fit the painting to the object.",
    ),
    Rule(
        lambda job: not is_within(job.seed, 0, 2**32 - 1),
        "seed",
        "is {job.seed!r}",
        "Use a whole number from 0 to 4294967295.",
    ),
    Rule(
        lambda job: job.steps is not None and not is_within(job.steps, 1, 100_000),
        "steps",
        "is {job.steps!r}",
        "Use a whole number from 1 to 100000, or null.",
    ),
    Rule(
        lambda job: job.views is not None and not is_within(job.views, 1, 16),
        "views",
        "is {job.views!r}",
        "Use a whole number from 1 to 16, or null.",
    ),
    Rule(
        lambda job: job.looked_from is not None and not is_direction(job.looked_from),
        "looked_from",
        "is {job.looked_from!r}",
        "Use three numbers that are not all 0, or null.",
    ),
    Rule(
        lambda job: (
            not isinstance(job.layers, tuple | list)
            or not all(isinstance(layer, str) and layer for layer in job.layers)
        ),
        "layers",
        "is {job.layers!r}",
        "Name layers of the network, or leave it empty.",
    ),
    Rule(
        lambda job: not is_within(job.image_size, 32, 8192),
        "image_size",
        "is {job.image_size!r}",
        "Use a whole number of pixels from 32 to 8192.",
    ),
    Rule(
        lambda job: not is_within(job.scales, 1, 5),
        "scales",
        "is {job.scales!r}",
        "Use a whole number from 1 to 5.",
    ),
    Rule(
        lambda job: len(job.tiles) > MAX_TILES,
        "tiles",
        "has too many",
        f"Paint at most {MAX_TILES} at a time.",
    ),
)

_FOR_PYRAMIDS = "is for the style of a mesh, painted on a pyramid and without relief"

# What the task needs is there, and nothing that makes no sense for it.
RULES = (
    Rule(
        lambda job: job.targets and job.task not in ("dream", "interpolate"),
        "targets",
        "has no meaning for {job.task}",
        "Leave it empty, or choose dream or interpolate.",
    ),
    Rule(
        lambda job: job.styles and job.task in ("dream", "morph"),
        "styles",
        "has no meaning for {job.task}",
        "Leave it empty, or choose stylize.",
    ),
    Rule(
        lambda job: not job.styles and job.task in ("stylize", "synthesize"),
        "styles",
        "is empty",
        "Choose at least one style image.",
    ),
    Rule(
        lambda job: job.task == "stylize" and job.mesh is None and job.content is None,
        "mesh",
        "is missing, and so is a picture",
        "Name the job's mesh.npz, or a content picture.",
    ),
    Rule(
        lambda job: job.task == "dream" and not job.targets,
        "targets",
        "is empty",
        "Say what to dream of: a class, a channel, a direction.",
    ),
    Rule(
        lambda job: "deepdream" in job.kinds and job.content is None,
        "content",
        "is missing",
        "DeepDream starts from a picture, or from an object's own texture.",
    ),
    Rule(
        lambda job: "deepdream" in job.kinds and (job.task == "interpolate" or job.transparent),
        "targets",
        "asks for deepdream, which has no frames and no alpha",
        "Choose a class or a channel.",
    ),
    Rule(
        lambda job: "deepdream" in job.kinds and job.parameterization == "cppn",
        "parameterization",
        "is cppn, which cannot start from a picture",
        "Use pyramid or fourier.",
    ),
    Rule(
        lambda job: job.transparent and job.task != "dream",
        "transparent",
        "has no meaning for {job.task}",
        "Choose dream, or an opaque result.",
    ),
    Rule(
        lambda job: job.relief and (job.mesh is None or job.task not in ("stylize", "synthesize")),
        "relief",
        "is for the style or the texture of a mesh",
        "Leave it off, or name a mesh.",
    ),
    Rule(
        lambda job: job.relief and job.parameterization == "cppn",
        "parameterization",
        "is cppn, which has no height",
        "Use pyramid, fourier or pixel.",
    ),
    Rule(
        lambda job: job.reflectance and (job.mesh is None or job.task != "dream"),
        "reflectance",
        "is for the dream of a mesh, which light falls on",
        "Leave it off; or name a mesh, and choose dream.",
    ),
    Rule(
        lambda job: job.reflectance and "deepdream" in job.kinds,
        "reflectance",
        "is for a dream of a class or a channel, and deepdream goes on from colours that are there",
        "Leave it off, or dream of a class or a channel.",
    ),
    Rule(
        lambda job: job.reflectance and job.transparent,
        "reflectance",
        "is of an opaque surface, and the dream is transparent",
        "Leave it off, or the dream opaque.",
    ),
    Rule(
        lambda job: job.reflectance and job.parameterization == "cppn",
        "parameterization",
        "is cppn, which has colours alone",
        "Use pyramid, fourier or pixel; or leave reflectance off.",
    ),
    Rule(
        lambda job: job.follow_shape is not None and (job.mesh is None or job.task != "stylize"),
        "follow_shape",
        "is for the style of a mesh",
        "Leave it out.",
    ),
    Rule(
        lambda job: not job.motifs and (job.mesh is None or job.task != "stylize"),
        "motifs",
        "is for the style of a mesh",
        "Leave it out.",
    ),
    Rule(
        lambda job: job.style_size is not None and job.mesh is None,
        "style_size",
        "is in a scene's units, which a picture has not",
        "Leave it out.",
    ),
    Rule(
        lambda job: job.resume and job.task == "morph",
        "resume",
        "has no meaning for morph",
        "Start anew.",
    ),
    Rule(
        lambda job: (
            any(tile.drawn or tile.drawn_mask for tile in job.textures)
            and not (job.resume and (job.on_pyramid or job.on_pixels))
        ),
        "drawn",
        "is for a job that goes on with the style of a picture, or of a mesh on a pyramid and without relief",
        "Leave it out.",
    ),
    Rule(
        lambda job: any((tile.drawn is None) != (tile.drawn_mask is None) for tile in job.textures),
        "drawn",
        "and drawn_mask go together",
        "Name both, or none.",
    ),
    Rule(
        lambda job: job.tileable and (job.task != "synthesize" or job.mesh is not None),
        "tileable",
        "is for the synthesis of flat pictures",
        "Leave it off.",
    ),
    Rule(
        lambda job: job.tileable and job.parameterization == "cppn",
        "parameterization",
        "is cppn, which has edges and cannot tile",
        "Use fourier or pyramid.",
    ),
    Rule(
        lambda job: job.parameterization == "pieces" and (job.task != "synthesize" or job.relief),
        "parameterization",
        "is pieces, of which nothing but a synthesis is made, and no relief",
        "Leave it out, for what suits the task.",
    ),
    Rule(
        lambda job: job.parameterization == "pieces" and job.resume,
        "resume",
        "has no meaning for pieces, which are whole at once",
        "Start anew.",
    ),
    Rule(
        lambda job: (job.parameterization == "shared") != (job.task == "interpolate"),
        "parameterization",
        "is {job.parameterization}, which does not fit {job.task}",
        "Interpolation uses shared, and only interpolation does.",
    ),
    Rule(
        lambda job: job.aligned and job.task != "interpolate",
        "aligned",
        "has no meaning for {job.task}",
        "Leave it off.",
    ),
    Rule(
        lambda job: (
            job.task == "interpolate"
            and not job.keys
            and (len(job.targets), len(job.styles)) not in ((2, 0), (0, 2))
        ),
        "targets",
        "must be two things to go between",
        "Give two targets, or two styles and no target.",
    ),
    Rule(
        lambda job: job.task == "interpolate" and job.keys and (not job.targets or job.styles),
        "targets",
        "is what the keys of an interpolation are of, and nothing else",
        "Give it targets and no style, or let the task be stylize.",
    ),
    Rule(
        lambda job: (
            job.task == "interpolate"
            and any((key.strength, key.style_size) != (None, None) for key in job.keys)
        ),
        "keys",
        "has a strength or a stroke size, which a dream has not",
        "Leave both out.",
    ),
    Rule(
        lambda job: (
            job.task == "morph"
            and (len(job.cppns) != 2 or not all(isinstance(path, str) and path for path in job.cppns))
        ),
        "cppns",
        "is {job.cppns!r}",
        "Name two .cppn files.",
    ),
    Rule(
        lambda job: job.task == "interpolate" and not is_within(job.frames, 3, 64),
        "frames",
        "is {job.frames!r}, and a way from one end to the other has at least 3",
        "Use a whole number from 3 to 64.",
    ),
    Rule(
        lambda job: job.task == "morph" and not is_within(job.frames, 3, MAX_FRAMES),
        "frames",
        "is {job.frames!r}, and a way from one end to the other has at least 3",
        f"Use a whole number from 3 to {MAX_FRAMES}.",
    ),
    Rule(
        lambda job: job.moves and not job.on_pyramid,
        "frames",
        f"{_FOR_PYRAMIDS}, where a style moves",
        "Leave boil and keys out.",
    ),
    Rule(
        lambda job: job.moves and job.material is not None,
        "material",
        "has no frames, and the style moves",
        "Leave it out, or boil and keys.",
    ),
    Rule(
        lambda job: job.moves and not is_within(job.frames, 2, MAX_FRAMES),
        "frames",
        "is {job.frames!r}",
        f"Use a whole number from 2 to {MAX_FRAMES}.",
    ),
    Rule(
        lambda job: (
            job.keys
            and not (
                len(job.keys) > 1
                and all(a.frame < b.frame for a, b in pairwise(job.keys))
                and job.keys[-1].frame < job.frames
            )
        ),
        "keys",
        "must be two or more, at frames that there are, in their order",
        "Give each a frame of its own, from 0 to one less than there are frames.",
    ),
    Rule(
        lambda job: not job.keys and (job.loop or job.easing != "linear"),
        "keys",
        "is empty, and loop and easing are about what is between them",
        "Give two keys or more, or leave loop and easing out.",
    ),
    Rule(
        lambda job: job.tiles and not job.on_pyramid,
        "tiles",
        _FOR_PYRAMIDS,
        "Leave it out.",
    ),
    Rule(
        lambda job: job.mask and not job.on_pyramid and not job.on_pixels,
        "mask",
        "is for the style of a mesh, painted on a pyramid and without relief, or of a picture in pixels",
        "Leave it out.",
    ),
    Rule(
        lambda job: job.occlusion and not job.on_pyramid,
        "occlusion",
        _FOR_PYRAMIDS,
        "Leave it out.",
    ),
    Rule(
        lambda job: job.tiles and (job.content or job.mask),
        "tiles",
        "leaves no use for the job's own content and mask",
        "Give them to the tiles.",
    ),
    Rule(
        lambda job: job.material is not None and not job.on_pyramid,
        "material",
        _FOR_PYRAMIDS,
        "Leave it out.",
    ),
    Rule(
        lambda job: job.poses is not None and not job.on_pyramid,
        "poses",
        _FOR_PYRAMIDS,
        "Leave it out.",
    ),
)
