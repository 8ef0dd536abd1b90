"""The honest measures of a result, taken on views that the optimisation never saw."""

from __future__ import annotations

from copy import copy
from itertools import compress, pairwise

import numpy as np
import torch
from torch import Tensor

from .. import networks
from ..networks import Network
from ..objectives.content import Content, content_error, content_of
from ..objectives.style import gram, layer_mask, relative_error
from ..pictures.styles import Styles
from ..rendering.gbuffer import GBuffer
from ..rendering.mesh import Mesh
from ..rendering.sampling import gather, levels_of, mipmaps, taps
from ..rendering.seams import Places, points_beside, shared_edges
from ..rendering.views import Viewing, ViewMaker

JUDGE = "alexnet"  # a network that is not optimised
LAYERS = ("relu1", "relu2", "relu3", "relu4")  # relu5 sees past the silhouette in nearly every view
CONTENT_LAYER = "relu3"
VIEWS, SIZE, SEED = 16, 256, 20180725  # the seed is the day of the article
SEAM_SAMPLES = 20_000
FRAME_SIDE = 192  # pixels along the shorter side of frames that are compared


def held_out_views(mesh: Mesh, viewing: Viewing, count: int | None = None) -> list[GBuffer]:
    """Make `count` (VIEWS) views that depend on the mesh alone; of many objects more, one of each."""
    random = np.random.default_rng(SEED)
    make = ViewMaker(
        mesh, viewing.rasterizer, random, device=viewing.device, stroke_angle=viewing.stroke_angle
    )
    count = max(count or VIEWS, len(np.unique(mesh.objects)))
    return [make(viewing.pixel * SIZE, SIZE) for _ in range(count)]


class Judge:
    """Holds the views and the judging network; `activations` are made once per texture."""

    def __init__(
        self,
        mesh: Mesh,
        styles: Styles,
        viewing: Viewing,
        mask: Tensor | None = None,
        views: int | None = None,
    ) -> None:
        """viewing: its pixel is that of the judged views, which frame the surface whatever it says.

        mask (1, tiles · S, S): how far each texel counts. views: how many, in place of VIEWS.
        """
        device = viewing.device
        self.views = held_out_views(mesh, viewing, views)
        self.masks = [view.mask.float() for view in self.views]
        if mask is not None:
            levels = levels_of(mask)
            rows = mipmaps(mask.to(device), levels)
            self.masks = [
                view.image(
                    gather(rows, taps(view.uv, view.footprint, levels, False, view.tiles)), silhouette[None]
                )[0]
                for view, silhouette in zip(self.views, self.masks, strict=True)
            ]
        self.tiles = [int(view.tiles.mode().values) if len(view.tiles) else -1 for view in self.views]
        self.network = networks.load(JUDGE, device)
        scaled = styles.at(viewing.style_width / viewing.pixel).to(device)
        self.background = scaled.mean_color
        self.target = _grams(self.network, scaled)

    def aimed_at(self, styles: Styles, viewing: Viewing) -> Judge:
        """Make a judge by other `styles`, on the same views, which are those of `viewing`."""
        other = copy(self)
        scaled = styles.at(viewing.style_width / viewing.pixel).to(viewing.device)
        other.background, other.target = scaled.mean_color, _grams(self.network, scaled)
        return other

    @torch.no_grad()
    def activations(self, texture: Tensor) -> list[dict[str, Tensor]]:
        """Compute the activations of each view of `texture` (3, tiles · S, S)."""
        levels = levels_of(texture)
        rows = mipmaps(texture.to(self.background.device), levels)
        background = self.background[:, None, None].expand(3, SIZE, SIZE)
        found = []
        for view in self.views:
            where = taps(view.uv, view.footprint, levels, False, view.tiles)
            found.append(self.network(view.image(gather(rows, where), background)[None], LAYERS))
        return found

    def style_distance_of(self, tile: int, activations: list[dict[str, Tensor]]) -> float | None:
        """Measure the style distance on those views that mostly show the texture `tile`.

        None where none does.
        """
        chosen = [shown == tile for shown in self.tiles]
        if not any(chosen):
            return None
        masks, activations = list(compress(self.masks, chosen)), list(compress(activations, chosen))
        return _gram_distance(self.network, self.target, masks, activations)

    def style_distance(self, activations: list[dict[str, Tensor]]) -> float:
        """Average ‖G − G*‖² / ‖G*‖² over layers, G pooled over all views, silhouettes left out."""
        return _gram_distance(self.network, self.target, self.masks, activations)

    def content_distance(
        self,
        activations: list[dict[str, Tensor]],
        reference: list[dict[str, Tensor]],
        unit: list[dict[str, Tensor]] | None = None,
    ) -> float:
        """Average the squared feature error to `reference` over views, relative to what is in `unit`.

        By default that is the reference itself.
        """
        errors = []
        for whole, seen, wanted, of in zip(
            self.masks, activations, reference, unit or reference, strict=True
        ):
            weights = content_of(of[CONTENT_LAYER], whole[None]).weights
            kept = Content(wanted[CONTENT_LAYER].float() * weights, weights)
            errors.append(float(content_error(seen[CONTENT_LAYER], kept)))
        return float(np.mean(errors))


@torch.no_grad()
def picture_style_distance(picture: Tensor, styles: Styles, device: torch.device) -> float:
    """Measure the style distance of a flat `picture` (3, H, W), as a whole, to `styles` at its scale."""
    network = networks.load(JUDGE, device)
    whole = torch.ones(picture.shape[1:], device=device)
    seen = network(picture[None].to(device), LAYERS)
    return _gram_distance(network, _grams(network, styles.to(device)), [whole], [seen])


@torch.no_grad()
def _grams(network: Network, styles: Styles) -> dict[str, Tensor]:
    """Compute the styles' mean Gram matrices (C, C) by layer."""
    seen = [(network(image[None], LAYERS), share) for image, share in styles]
    return {name: sum((gram(one[name]) * share for one, share in seen), torch.zeros(())) for name in LAYERS}


def _gram_distance(
    network: Network, target: dict[str, Tensor], masks: list[Tensor], activations: list[dict[str, Tensor]]
) -> float:
    """Mean over layers of ‖G − G*‖² / ‖G*‖²: G pooled over images within `masks` (H, W), G* the `target`."""
    errors = []
    for name in LAYERS:
        erosion = network.layer(name).receptive_field // 10
        total, weight = torch.zeros(()), torch.zeros(())
        for whole, seen in zip(masks, activations, strict=True):
            size = (seen[name].shape[2], seen[name].shape[3])
            mask = layer_mask(whole[None], size, erosion)
            total = total + gram(seen[name], mask) * mask.sum()
            weight = weight + mask.sum()
        errors.append(float(relative_error(total / weight.clamp_min(1e-6), target[name])))
    return float(np.mean(errors))


@torch.no_grad()
def frame_distances(network: Network, frames: Tensor) -> list[float]:
    """Measure how far each of `frames` (N, 3, H, W) is from the next, as `network` sees them, place by place.

    Mean squared distance at its content layer over the mean square there; N − 1 numbers. About 1.2 for
    frames that have nothing to do with each other.
    """
    layer, device = network.content_layer, next(network.parameters()).device
    scale = FRAME_SIDE / min(frames.shape[2:])
    size = [round(side * scale) for side in frames.shape[2:]]
    looks = []
    for frame in frames:
        image = torch.nn.functional.interpolate(
            frame[None].to(device), size, mode="bilinear", antialias=scale < 1
        )
        looks.append(network(image, [layer])[layer].float())
    power = torch.cat(looks).square().mean().clamp_min(1e-12)
    return [float((b - a).square().mean() / power) for a, b in pairwise(looks)]


def seam_ratio(mesh: Mesh, texture: Tensor) -> float | None:
    """Measure the mean colour jump across UV seams, over that across other edges, a texel to either side.

    1 is seamless. None where the mesh has no seams, or nothing but seams.
    """
    seams, others = shared_edges(mesh)
    if not len(seams.faces) or not len(others.faces):
        return None
    random = np.random.default_rng(SEED)
    distance = mesh.texel / texture.shape[-1]
    jumps = []
    for edges in (seams, others):
        a, b = (
            lookup(texture, places) for places in points_beside(mesh, edges, SEAM_SAMPLES, distance, random)
        )
        jumps.append(float((a - b).norm(dim=1).mean()))
    return jumps[0] / max(jumps[1], 1e-6)


def lookup(texture: Tensor, places: Places) -> Tensor:
    """Read the finest level of `texture` (3, tiles · S, S) bilinearly at N places: (N, 3)."""
    uv, tiles = torch.from_numpy(places.uv.astype(np.float32)), torch.from_numpy(places.tiles).long()
    where = taps(uv, torch.zeros(len(uv)), levels_of(texture, texture.shape[-1]), False, tiles)
    return gather(texture.flatten(1).T.contiguous(), where)
