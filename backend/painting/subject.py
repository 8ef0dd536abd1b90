"""What a job paints: a mesh, its texels, and what they show now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..machine.shelf import Shelf, digest
from ..pictures.styles import Styles
from ..protocol.job import Job
from ..reading import regular
from ..rendering.form import kept_of
from ..rendering.mesh import Mesh, read_mesh
from ..rendering.poses import read_poses
from ..rendering.texels import Texels, check_texels, fill_gutters, locate
from . import tiles
from .material import Own, read_own

BLOCK = 1 << 20  # bytes of a file that are hashed at a time
KEPT_SIZES = 2  # of which a painter keeps what does not change: a first look's, and the job's
MAX_DRAWN, DRAWN_FROM = 1 << 20, 64  # texels that colours are drawn from: at most, and for each of them
HELD = 0.8  # of what the artist drew: so far it shows, whatever is painted over it


@dataclass(frozen=True)
class Subject:
    """A mesh and its textures, one above the other, as they are before the first step."""

    mesh: Mesh
    texels: Texels
    content: Tensor  # (3, tiles · S, S): the present colours; the styles' mean colour where there are none
    colored: bool = False  # whether any of the content is the object's own
    mask: Tensor | None = None  # (1, tiles · S, S): how far each texel is painted; None: all the way
    names: tuple[str, ...] = ("",)  # of the textures
    kept: Tensor | None = None  # (3, tiles · S, S): what is to be recognised: content and form; None: nothing
    tiled: bool = False  # whether views read across a texture's border to its other side
    drawn: tuple[Tensor, Tensor] | None = None  # what the artist drew on it, and where: see `with_drawn`
    own: Own | None = None  # the material beside the colours, if that is painted, too

    @property
    def size(self) -> int:
        """Texels along a texture's side."""
        return int(self.texels.used.shape[1])

    @property
    def original(self) -> Tensor:
        """(3, tiles · S, S): what is to be recognised, or the content if there is nothing."""
        return self.content if self.kept is None else self.kept

    @cached_property
    def to_paint(self) -> NDArray[np.bool_]:
        """(tiles · S, S): the texels on the surface that the mask lets be painted."""
        used = self.texels.used
        return used if self.mask is None else used & (self.mask[0].numpy() > 0)

    @property
    def density(self) -> Tensor:
        """(1, tiles · S, S): log2 of how many times as dense as on average texels lie on the surface there.

        The way they lie densest, as views read them.
        """
        texels = self.texels
        dense = np.log2(np.maximum(self.mesh.stretch * self.mesh.texel, 1e-3))
        found = torch.zeros(1, *texels.used.shape)
        found[0, torch.from_numpy(texels.used)] = torch.from_numpy(dense[texels.faces].astype(np.float32))
        return fill_gutters(found, texels.used)

    @property
    def colors(self) -> Tensor:
        """(U, 3): the content's colours where it is to be painted."""
        return self.colors_of(self.content)

    def colors_of(self, texture: Tensor) -> Tensor:
        """Take the colours of `texture` (3, tiles · S, S) where it is to be painted: (U, 3)."""
        return texture[:, torch.from_numpy(self.to_paint)].T

    def surface_colors(
        self, texture: Tensor, seen: NDArray[np.bool_], count: int, random: np.random.Generator
    ) -> Tensor:
        """Draw `count` colours of `texture` (3, tiles · S, S), or a smaller one, as the surface shows them.

        (3, count), of texels that are to be painted and are `seen` (tiles · S, S); (3, 0) if none is.
        """
        place = np.flatnonzero(self.texels.used)
        faces = self.texels.faces
        areas = self.mesh.areas / np.maximum(np.bincount(faces, minlength=len(self.mesh.areas)), 1)
        some = np.arange(0, len(place), max(1, len(place) // min(MAX_DRAWN, DRAWN_FROM * count)))
        some = some[(seen & self.to_paint).ravel()[place[some]]]
        chances = areas[faces[some]]
        if not chances.sum():
            return texture.new_zeros(3, 0)
        drawn = random.choice(some, count, p=chances / chances.sum())
        row, column = np.divmod(place[drawn], self.size)
        every = self.size // texture.shape[2]
        return texture[:, torch.from_numpy(row // every), torch.from_numpy(column // every)]

    def with_drawn(self, colors: Tensor, share: Tensor) -> Subject:
        """Have what the artist drew, `colors` (3, tiles · S, S) as far as `share` (1, tiles · S, S) says, be
        part of what is to be recognised, and softly held: most of it shows whatever is painted there."""
        mask = torch.ones_like(share) if self.mask is None else self.mask
        return replace(
            self,
            content=self.content.lerp(colors, share),
            kept=self.original.lerp(colors, share),
            mask=torch.maximum(mask, share) * (1 - HELD * share),
            drawn=(colors, share),
        )

    def drawn_over(self, paint: Tensor, share: float = 1.0) -> Tensor:
        """Lay `share` of what the artist drew, if anything, over the colours of `paint` (C, tiles · S, S)."""
        if self.drawn is None:
            return paint
        colors, where = self.drawn
        return torch.cat([paint[:3].lerp(colors, share * where), paint[3:]])

    def composed(self, paint: Tensor) -> Tensor:
        """Lay `paint` (3, tiles · S, S), or a smaller one, over the content as the mask lets it show."""
        if self.mask is None:
            return paint
        content, mask = self.content, self.mask
        if content.shape[1:] != paint.shape[1:]:
            content, mask = (
                F.adaptive_avg_pool2d(part, (paint.shape[1], paint.shape[2])) for part in (content, mask)
            )
        return content.lerp(paint, mask)


def mesh_of(job: Job, folder: Path, shelf: Shelf | None = None) -> Mesh:
    """Read the job's mesh from `folder`, as it stands, or take from `shelf` what was made of the same file.

    Raises PatinaError for what is none.
    """
    assert job.mesh is not None
    path, name, count, isolated = folder / job.mesh, job.name, len(job.textures), not job.occlusion

    def read() -> Mesh:
        return read_mesh(path, name, count, isolated)

    hashed = hashlib.blake2b()
    try:
        with regular(path) as stream:
            while block := stream.read(BLOCK):
                hashed.update(block)
    except (OSError, ValueError):  # the reader tells what is wrong with it
        return read()
    return (shelf or Shelf()).get(("mesh", hashed.hexdigest(), count, isolated), read, most=1)


def read_subject(
    job: Job,
    folder: Path,
    styles: Styles,
    tell: Callable[[str], None],
    shelf: Shelf | None = None,
    known: Mesh | None = None,
) -> Subject:
    """Read the job's mesh, textures and masks from `folder`; a whole mask is written there (see protocol).

    `tell` is given what a person should know. shelf: what earlier jobs made of the same mesh, and for later
    ones. known: its mesh (see `mesh_of`), where that is read already. Raises PatinaError for what cannot be
    painted.
    """
    shelf = shelf or Shelf()
    names = tuple(tile.name for tile in job.textures)
    mesh = known or mesh_of(job, folder, shelf)
    if job.poses:
        mesh = read_poses(folder / job.poses, mesh)
    contents, masks = tiles.read_contents(job, folder), tiles.read_masks(job, folder)
    key = mesh.digest, job.texture_size, len(names)
    texels = shelf.get(("texels", *key), lambda: locate(mesh, job.texture_size, len(names)), KEPT_SIZES)
    check_texels(texels, names, job.texture_size, tell)
    colored = any(content is not None for content in contents)
    content = tiles.stacked(contents, job.texture_size, styles.mean_color)
    if colored:
        content = fill_gutters(content, texels.used)
    mask = None
    if tiles.is_masked(job, mesh):
        painted = tiles.masked(mesh, texels, masks)
        tiles.write_masks(mesh, contents, masks, job.texture_size, folder)
        mesh = replace(mesh, weights=tiles.aims(mesh, texels, painted))
        mask = torch.from_numpy(painted)[None]
    again = ("form", *key, digest(content, *contents, job.follow_shape))
    kept = shelf.get(again, lambda: kept_of(contents, content, mesh, texels, job.follow_shape), KEPT_SIZES)
    own = read_own(job, folder, texels) if job.material is not None else None
    return Subject(mesh, texels, content, colored, mask, names, kept, bool(job.tiles), own=own)
