"""Which textures a model is painted into, and what they show before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from ..errors import PatinaError
from ..rendering.mesh import build_mesh
from ..rendering.texels import fill_gutters, interpolate, locate
from . import gltf, layout
from .arrays import Floats, Ints
from .looks import Look, picture_of, sample
from .parts import Part
from .srgb import from_linear, to_linear

Key = tuple[int, int]  # of a primitive: its mesh and its number there
ROWS = 64  # of a picture, that are enlarged at a time


@dataclass(frozen=True)
class Texture:
    """One texture to paint, and the primitives that show it.

    picture: what it shows now, RGBA; None: nothing that anybody chose. own: it takes the place of a picture
    that the materials have; else it is new, with its UVs by primitive in `uvs`, (F, 3, 2) v up, or where that
    is empty, by the UV map that they have. UVs are in the order of the primitive's corners.
    """

    name: str
    picture: Image.Image | None
    primitives: tuple[Key, ...]
    own: bool
    uvs: dict[Key, Floats]


@dataclass(frozen=True)
class Painted:
    """What a job paints: corners (F, 3, 3) of all triangles, y up and centred; normals (F, 3, 3);
    uvs (F, 3, 2), v up; texture_of (F,) into textures; order (F,): their numbers among those of all parts.
    model: what it was read from."""

    model: gltf.Gltf
    corners: Floats
    normals: Floats
    uvs: Floats
    texture_of: Ints
    order: Ints
    textures: tuple[Texture, ...]


def plan(
    model: gltf.Gltf,
    parts: Sequence[Part],
    size: int,
    *,
    picture: Image.Image | None = None,
    unwrap: bool = True,
    one: bool = False,
) -> Painted:
    """Sort the parts into textures of `size`².

    A picture is painted where it is, as often as it is shown. What has no picture of its own to paint (plain
    and vertex colours, palettes, no UVs or none with an area, a clamped or mirrored picture's ends) has its
    colours baked into one new texture: by the UVs that are there if they do for it, else by new ones, unless
    `unwrap` is False. one: all in one texture. picture: what everything shows instead of what it has.
    Raises PatinaError.
    """
    if picture is not None:
        chosen = [replace(part.look, image=-1, factor=np.ones(4), chosen=True) for part in parts]
        parts = [replace(part, look=look, colors=None) for part, look in zip(parts, chosen, strict=True)]
    pictures = Pictures(model, picture)
    groups, rest = _sorted(parts, unwrap)
    if one and len(groups) + bool(rest) > 1:
        groups, rest = {}, list(parts)
    textures: list[Texture] = []
    placed: list[tuple[Part, Floats, int]] = []
    for members in groups.values():
        name = ", ".join(filter(None, (model.name.rpartition(".")[0] or model.name, members[0].look.name)))
        shown = pictures.shown(members[0].look, size)
        for part in members:
            laid = repeating(part)
            assert laid is not None
            placed.append((part, laid, len(textures)))
        textures.append(Texture(name, shown, _keys(members), True, {}))
    if rest:
        uvs, is_new = places_for(rest, size, unwrap, model.name)
        placed += [(part, part.own_order(uvs[part.key]), len(textures)) for part in rest]
        has_colors = any(part.look.chosen or part.colors is not None for part in rest)
        colors = baked(rest, uvs, pictures, size) if has_colors else None
        textures.append(Texture(model.name, colors, _keys(rest), False, uvs if is_new else {}))
    return _painted(model, parts, placed, textures)


def _keys(parts: Sequence[Part]) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(part.key for part in parts))


def _sorted(parts: Sequence[Part], unwrap: bool) -> tuple[dict[object, list[Part]], list[Part]]:
    """The parts that are painted in a picture of theirs, by what that shows; and the rest."""
    groups: dict[object, list[Part]] = {}
    rest: list[Part] = []
    for part in parts:
        look = part.look
        if look.image is not None and part.colors is None and repeating(part) is not None:
            groups.setdefault((look.image, tuple(look.factor[:3].round(4))), []).append(part)
        else:
            rest.append(part)
    for key, members in list(groups.items()):
        corners = np.concatenate([part.vertices[part.faces] for part in members])
        uvs = np.concatenate([part.uvs for part in members if part.uvs is not None])
        share = layout.starved(corners, uvs)
        if share > (layout.MAX_STARVED if unwrap else 0.999):
            rest += groups.pop(key)
    # Instances of one primitive have one map between them.
    lost = {part.key for part in rest}
    moved = [part for members in groups.values() for part in members if part.key in lost]
    groups = {key: [part for part in members if part.key not in lost] for key, members in groups.items()}
    return {key: members for key, members in groups.items() if members}, rest + moved


def places_for(parts: Sequence[Part], size: int, unwrap: bool, named: str) -> tuple[dict[Key, Floats], bool]:
    """Find the UVs by which the parts' colours are baked, by primitive; and whether they are new."""
    single = {part.key: part for part in parts}
    several = [part.own_order(part.vertices[part.faces]) for part in single.values()]
    corners = np.concatenate(several)
    ends = np.cumsum([len(part.faces) for part in single.values()])[:-1]
    laid = [part.own_order(there) for part in single.values() if (there := repeating(part)) is not None]
    if len(laid) == len(single):
        uvs = np.concatenate(laid)
        fits = layout.starved(corners, uvs) < (layout.MAX_STARVED if unwrap else 0.999)
        if fits and (not unwrap or layout.overlap(corners, uvs) < layout.MAX_OVERLAP):
            return dict(zip(single, np.split(uvs, ends), strict=True)), False
    if not unwrap:
        raise PatinaError(
            f"{named} has no UV map, or one that covers nothing, or goes beyond pictures that end.",
            "Unwrap it (Blender: UV > Smart UV Project) and export it with its UVs, or leave out --keep-uvs.",
            "mesh",
        )
    uvs = layout.unwrap(layout.roomy(several), size)
    return dict(zip(single, np.split(uvs, ends), strict=True)), True


def repeating(part: Part) -> Floats | None:
    """Find the part's UVs for a texture that repeats: (F, 3, 2), or None if there are no such."""
    return None if part.uvs is None else layout.folded(part.uvs, part.look.wraps)


class Pictures:
    """The model's pictures as numbers, read once."""

    def __init__(self, model: gltf.Gltf, chosen: Image.Image | None) -> None:
        self.model, self.chosen = model, chosen
        self._read: dict[int, Image.Image] = {}

    def __call__(self, index: int) -> Image.Image:
        """Picture `index`, RGBA; -1: the one that was chosen."""
        if index < 0 and self.chosen is not None:
            return self.chosen
        if index not in self._read:
            self._read[index] = picture_of(self.model, index)
        return self._read[index]

    def shown(self, look: Look, size: int = 0) -> Image.Image:
        """Compose what `look` makes of its picture: times its factor, opaque where opacity does not count.

        A picture smaller than `size` is enlarged to it as it is shown, square by square or smoothly.
        """
        assert look.image is not None
        image = self(look.image)
        if max(image.size) < size and look.nearest:
            image = image.resize((size, size), Image.Resampling.NEAREST)
        is_larger, is_colored = max(image.size) < size, not np.allclose(look.factor[:3], 1, atol=1e-3)
        has_holes = look.has_alpha and image.getchannel("A").getextrema()[0] == 0
        if not (is_larger or is_colored or has_holes):  # it stays as it is, be it as large as it may
            return image if look.has_alpha else image.convert("RGB").convert("RGBA")
        pixels: Floats = np.asarray(image, np.float32) / 255
        middles = (np.arange(size) + 0.5) / size

        def colored(pixels: Floats) -> Floats:
            if not is_colored:
                return pixels
            lit = from_linear(to_linear(pixels[..., :3]) * look.factor[:3])
            return np.concatenate((lit, pixels[..., 3:]), -1)

        def enlarged(rows: Floats) -> Floats:
            return sample(pixels, np.stack(np.meshgrid(middles, 1 - rows), -1), look.wraps)

        if not is_larger or has_holes:  # what fills a hole may be anywhere
            return picture(colored(enlarged(middles) if is_larger else pixels), look.has_alpha)
        found = Image.new("RGBA", (size, size))
        for first in range(0, size, ROWS):  # a large picture in floating point would be larger than any job
            part = picture(colored(enlarged(middles[first : first + ROWS])), look.has_alpha)
            found.paste(part, (0, first))
        return found


def picture(pixels: Floats, has_alpha: bool) -> Image.Image:
    """Make of `pixels` (H, W, 4) in 0..1, sRGB, an RGBA picture.

    What cannot be seen takes the colours beside it.
    """
    pixels = np.array(pixels, np.float32)
    if not has_alpha:
        pixels[..., 3] = 1
    seen = pixels[..., 3] > 0
    if seen.any() and not seen.all():
        pixels[..., :3] = _spread(pixels[..., :3], seen)
    return Image.fromarray(np.round(pixels * 255).astype(np.uint8), "RGBA")


def _spread(pixels: Floats, known: np.ndarray) -> Floats:
    """(H, W, C) with the pixels outside `known` (H, W) taken from the nearest within."""
    height, width = known.shape
    side = max(height, width)
    square = np.zeros((side, side), bool)
    square[:height, :width] = known
    whole = torch.zeros(pixels.shape[2], side, side)
    whole[:, :height, :width] = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
    return fill_gutters(whole, square)[:, :height, :width].permute(1, 2, 0).numpy()


def baked(parts: Sequence[Part], uvs: dict[Key, Floats], pictures: Pictures, size: int) -> Image.Image:
    """Bake the parts' colours to where `uvs`, by primitive, put them, in an RGBA picture of `size`²."""
    single = list({part.key: part for part in parts}.values())
    corners = np.concatenate([part.vertices[part.faces] for part in single])
    laid = np.concatenate([part.own_order(uvs[part.key]) for part in single])
    texels = locate(build_mesh(corners.reshape(-1, 3), np.arange(3 * len(laid)).reshape(-1, 3), laid), size)
    found = np.zeros((len(texels.faces), 4))
    start = 0
    for part in single:
        here = (texels.faces >= start) & (texels.faces < start + len(part.faces))
        found[here] = _colors(part, texels.faces[here] - start, texels.barycentric[here], pictures)
        start += len(part.faces)
    pixels = np.zeros((size, size, 4), np.float32)
    pixels[texels.used] = found
    return picture(_spread(pixels, texels.used), True)


def _colors(part: Part, faces: Ints, barycentric: Floats, pictures: Pictures) -> Floats:
    """(N, 4), sRGB and opacity: what the part shows at points on its `faces` (N,)."""
    look = part.look
    linear = np.broadcast_to(look.factor, (len(faces), 4)).copy()
    if part.colors is not None:
        linear *= interpolate(part.colors[faces], barycentric)
    if look.image is not None:
        # Without UVs all is laid on one point, the picture's first.
        places = np.zeros((len(faces), 2))
        if part.uvs is not None:
            weights = np.column_stack((1 - barycentric.sum(1), barycentric)).astype(np.float64)
            places = np.einsum("nk,nkc->nc", weights, part.uvs[faces])
        texels = sample(np.asarray(pictures(look.image)), places, look.wraps) / 255
        linear *= np.column_stack((to_linear(texels[:, :3]), texels[:, 3]))
    if not look.has_alpha:
        linear[:, 3] = 1
    return np.column_stack((from_linear(linear[:, :3]), linear[:, 3]))


def _painted(
    model: gltf.Gltf,
    parts: Sequence[Part],
    placed: Sequence[tuple[Part, Floats, int]],
    textures: Sequence[Texture],
) -> Painted:
    corners = np.concatenate([part.vertices[part.faces] for part, _, _ in placed])
    normals = np.concatenate(
        [
            np.repeat(_flat_normals(part.vertices[part.faces])[:, None], 3, 1)
            if part.normals is None
            else part.normals
            for part, _, _ in placed
        ]
    )
    uvs = np.concatenate([laid for _, laid, _ in placed])
    texture_of = np.concatenate([np.full(len(part.faces), index) for part, _, index in placed])
    ends = np.cumsum([len(part.faces) for part in parts])
    numbers = {id(part): np.arange(end - len(part.faces), end) for part, end in zip(parts, ends, strict=True)}
    order = np.concatenate([numbers[id(part)] for part, _, _ in placed])
    low, high = corners.reshape(-1, 3).min(0), corners.reshape(-1, 3).max(0)
    corners = (corners - (low + high) / 2).astype(np.float32).astype(np.float64)
    whole = (
        (corners != np.roll(corners, 1, axis=1)).any(2).all(1)
    )  # a triangle with one place twice has no area
    if not whole.any():
        raise PatinaError(
            f"{model.name} has no surface: all its faces are points or lines.",
            "Export a mesh with faces.",
            "model",
        )
    corners, normals, uvs = corners[whole], normals[whole], uvs[whole]
    return Painted(model, corners, normals, uvs, texture_of[whole], order[whole], tuple(textures))


def _flat_normals(corners: Floats) -> Floats:
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.asarray(across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30))
