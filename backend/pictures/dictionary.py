"""A dictionary of a painting's pieces, and pictures put together anew from those that are likest.

Each small square of a picture is replaced by the likest of the painting's own, and where squares overlap
they are averaged (Freeman, Jones, Pasztor 2002, "Example-Based Super-Resolution"; Elad, Aharon 2006, "Image
Denoising via Sparse and Redundant Representations", with one atom a patch). What no painter set, a network's
grain and fringes of colour, is in no piece, so it goes; strokes stay, since the painting has their like.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from .styles import Styles

STRIDE = 0.4  # from one square that is looked up to the next, in sides of a piece
COUNT = 40_000  # pieces, of all paintings
CODE = 40  # principal components by which pieces are compared
CLUSTERS, LOOKED_IN = 64, 3  # of codes; how many a square's likest piece is looked for in
ROUNDS = 6  # of k-means
CHUNK = 8192  # squares at a time
MOST_GAIN = 2.0  # of contrast, against what averages take of it


@dataclass(frozen=True)
class Dictionary:
    """Square pieces (N, 3, n, n) in order of their clusters, with what they are found by.

    mean, basis: a square's weighted pixels to its code; codes (N, CODE); centers (C, CODE), of clusters, the
    pieces of the k-th from bounds[k] to bounds[k + 1].
    """

    pieces: Tensor
    mean: Tensor
    basis: Tensor
    codes: Tensor
    centers: Tensor
    bounds: list[int]

    @property
    def side(self) -> int:
        """n, in pixels."""
        return self.pieces.shape[3]

    def likest(self, squares: Tensor) -> Tensor:
        """Find which piece is likest to each of `squares` (M, 3, n, n): (M,)."""
        codes = (squares.flatten(1) - self.mean) @ self.basis
        near = torch.cdist(codes, self.centers).topk(min(LOOKED_IN, len(self.centers)), largest=False).indices
        least = torch.full((len(codes),), torch.inf, device=codes.device)
        found = torch.zeros(len(codes), dtype=torch.long, device=codes.device)
        for k, (first, end) in enumerate(pairwise(self.bounds)):
            which = (near == k).any(1).nonzero()[:, 0]
            if not len(which):
                continue
            there = self.codes[first:end]
            apart, index = (there.square().sum(1) - 2 * codes[which] @ there.T).min(1)
            better = apart < least[which]
            least[which[better]] = apart[better]
            found[which[better]] = first + index[better]
        return found


def dictionary_of(styles: Styles, side: int, random: torch.Generator) -> Dictionary:
    """Draw pieces of `side` pixels a side, by the images' shares, and turned by up to three quarters."""
    parts = []
    for image, share in styles:
        for turns in range(4):
            turned = torch.rot90(image, turns, (1, 2))
            height, width = (max(1, length - side + 1) for length in turned.shape[1:])
            turned = F.pad(turned[None], (0, side, 0, side), mode="replicate")[0]
            places = torch.randint(height * width, (max(1, round(COUNT * share / 4)),), generator=random)
            parts.append(_squares(turned, places // width, places % width, side))
    pieces = torch.cat(parts)
    weight = _window(side).sqrt().expand(3, -1, -1).flatten()
    flat = pieces.flatten(1)
    mean = flat.mean(0)
    weighted = (flat - mean) * weight
    basis = torch.linalg.eigh(weighted.T @ weighted)[1][:, -CODE:]
    codes = weighted @ basis
    centers, cluster = _clusters(codes)
    order = cluster.argsort(stable=True)
    ends = torch.bincount(cluster, minlength=len(centers)).cumsum(0)
    basis = weight[:, None] * basis
    return Dictionary(pieces[order], mean, basis, codes[order], centers, [0, *ends.tolist()])


def rebuilt(image: Tensor, mask: Tensor, dictionary: Dictionary, own: float) -> Tensor:
    """Put `image` (3, H, W) together anew from pieces, where `mask` (H, W) bool is: (3, H, W).

    own: how much of a square's own mean colour stays, where a piece's differs: 0 to 1. What averages take of
    the pieces' contrast is given back to all alike.
    """
    (height, width), side = mask.shape, dictionary.side
    stride = round(STRIDE * side)
    border = (side, side + stride, side, side + stride)
    padded = F.pad(image[None], border, mode="replicate")[0]
    rows, columns = F.max_pool2d(F.pad(mask.float()[None], border), side, stride)[0].nonzero().T * stride
    places = list(zip(rows.split(CHUNK), columns.split(CHUNK), strict=True))
    window = _window(side)
    total, weight = torch.zeros_like(padded), torch.full_like(padded[0], 1e-9)
    wanted = there = torch.tensor(1e-9)
    for y, x in places:
        squares = _squares(padded, y, x, side)
        pieces = dictionary.pieces[dictionary.likest(squares)]
        wanted = wanted + _spread(pieces)
        astray = ((squares - pieces) * window).sum((2, 3), keepdim=True) / window.sum()
        pieces = (pieces + own * astray) * window
        for down in range(side):
            for across in range(side):
                total[:, y + down, x + across] += pieces[:, :, down, across].T
                weight[y + down, x + across] += window[down, across]
    found = total / weight
    for y, x in places:
        there = there + _spread(_squares(found, y, x, side))
    coarse = F.avg_pool2d(found[None], side | 1, 1, side // 2, count_include_pad=False)[0]
    found = coarse + (wanted / there).sqrt().clamp(max=MOST_GAIN) * (found - coarse)
    return torch.where(mask, found[:, side : side + height, side : side + width], image)


def _squares(image: Tensor, rows: Tensor, columns: Tensor, side: int) -> Tensor:
    """Cut squares out of `image` (3, H, W) whose corners are given: (M, 3, side, side)."""
    return image.unfold(1, side, 1).unfold(2, side, 1)[:, rows, columns].transpose(0, 1)


def _window(side: int) -> Tensor:
    """How much the pixels of a square count: (side, side), most in its middle."""
    away = torch.arange(side) - (side - 1) / 2
    bell = torch.exp(-away.square() / (2 * (side / 3) ** 2))
    return bell[:, None] * bell


def _spread(squares: Tensor) -> Tensor:
    """Add up the squared distances of pixels of `squares` (M, 3, n, n) from their means: ()."""
    return (squares - squares.mean((2, 3), keepdim=True)).square().sum()


def _clusters(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Group `codes` (N, CODE) by k-means: the centres (C, CODE), and which each is nearest to (N,).

    Of the clusters that there may be, those that have any.
    """
    centers = codes[:: max(1, len(codes) // CLUSTERS)][:CLUSTERS]
    for _ in range(ROUNDS):
        nearest = torch.cdist(codes, centers).argmin(1)
        numbers = torch.bincount(nearest, minlength=len(centers))
        sums = torch.zeros_like(centers).index_add_(0, nearest, codes)
        centers = (sums / numbers[:, None])[numbers > 0]
    cluster = torch.cdist(codes, centers).argmin(1)
    some = torch.bincount(cluster, minlength=len(centers)) > 0
    return centers[some], some.cumsum(0)[cluster] - 1
