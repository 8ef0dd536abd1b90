"""How well each place of an exemplar fits to what is there, for all of its places at once.

By correlation of masked images in the frequency domain, as in section 4 of Kwatra, Schödl, Essa, Turk, Bobick
2003, "Graphcut Textures".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from torch import Tensor

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Searched:
    """An exemplar's spectra (5, …), of its colours, their squares' sum and where it is, padded to `padded`
    pixels; shape: its height and width."""

    spectra: NDArray[np.complexfloating]
    shape: tuple[int, int]
    padded: tuple[int, int]


def searched(image: Tensor, reach: int) -> Searched:
    """Prepare `image` (3, h, w) for what reaches `reach` pixels from its middle."""
    height, width = image.shape[1:]
    padded = next_fast_len(height + reach + 1, real=True), next_fast_len(width + reach + 1, real=True)
    layers = np.zeros((5, *padded), np.float32)
    layers[:3, :height, :width] = image.numpy()
    layers[3] = np.square(layers[:3]).sum(0)
    layers[4, :height, :width] = 1
    return Searched(rfft2(layers), (height, width), padded)


def misfits(
    exemplar: Searched, at: NDArray[np.integer], colors: Floats, known: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Find how far the exemplar differs from what is there, were the middle of a piece at each of its pixels.

    at (n, 2): right and down from the middle, in pixels; colors (n, 3), where `known` (n,). Gives two maps
    (h, w): the mean squared distance of the colours that are known and lie within it, 0 if none is; and the
    share of all n that lie outside.
    """
    height, width = exemplar.padded
    where = (at[:, 1] % height) * width + at[:, 0] % width
    layers = np.zeros((6, height * width), np.float32)
    for k in range(3):
        layers[k] = np.bincount(where[known], colors[known, k], height * width)
    layers[3] = np.bincount(where[known], minlength=height * width)
    layers[4] = np.bincount(where[known], np.square(colors[known]).sum(1), height * width)
    layers[5] = np.bincount(where, minlength=height * width)
    here = rfft2(layers.reshape(6, height, width)).conj()
    image = exemplar.spectra
    apart = here[3] * image[3] + here[4] * image[4] - 2 * (here[:3] * image[:3]).sum(0)
    found = irfft2(np.stack([apart, here[3] * image[4], here[5] * image[4]]), (height, width))
    apart, compared, inside = found[:, : exemplar.shape[0], : exemplar.shape[1]]
    mean = np.where(compared > 0.5, apart / np.maximum(compared, 0.5), 0)
    return mean.clip(min=0), 1 - inside / len(at)


def rarity(image: Tensor, radius: int) -> NDArray[np.float32]:
    """Tell for each place of `image` (3, h, w) how far from it the likest other place is: (h, w).

    A mean square distance of the colours around, of the places that are more than 2 `radius` pixels away.
    """
    coarse = max(1, radius // 4)
    small = F.avg_pool2d(image[None], coarse, ceil_mode=True, count_include_pad=False)
    height, width = small.shape[2:]
    patches = F.unfold(F.pad(small, (2, 2, 2, 2), mode="replicate"), 5)[0].T
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([rows, columns], 2).view(-1, 2).float()
    distance = torch.cdist(patches, patches).square() / 25
    distance[torch.cdist(places, places) * coarse <= 2 * radius] = torch.inf
    found = distance.amin(1).nan_to_num(0, 0, 0).view(1, 1, height, width)
    return np.asarray(F.interpolate(found, size=image.shape[1:], mode="bilinear")[0, 0].numpy())
