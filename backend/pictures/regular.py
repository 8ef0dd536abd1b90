"""Regular textures: seen from in front although photographed at a slant, their periods, and these in whole.

What is regular has few frequencies, and they are the same all over it. Seen at a slant they are not: bricks
are narrower where they are farther away. So of all slants, that of the photograph is the one without which
the spectrum has the sharpest peaks (shape from texture, by its homogeneity: Gårding 1992).
"""

from __future__ import annotations

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from .images import resize_shorter

MOST = 0.2  # of a slant, along each axis: how much smaller things are at the edge than in the middle
STEPS = 5  # tried, to each side
SIDE = 160  # pixels of the shorter side in which slants are tried
SLOWEST = 5  # periods in the shorter side: what is larger is no pattern
REGULAR = 0.005  # of the power of two that is in peaks, from which a texture is regular
MOST_STRETCH = 0.15  # of a period, so that whole ones go into a picture
LEAN = 0.05  # of the way along an axis, that a period may lie beside it
NEAREST = 4  # pixels, from which two places are two
ALIKE, RISE = 0.3, 0.15  # correlation, that a texture has with itself one period on; more than in between
NEARLY = 0.75  # of the highest rise, what is as high
SHARPER = 1.25  # times, that a slant's peaks must be sharper than without


def straight(image: Tensor) -> Tensor:
    """Show `image` (3, H, W) from in front: (3, h, w); as it is if it is no regular texture at a slant."""
    small = resize_shorter(image, min(SIDE, min(image.shape[1:])))
    part = 1 / (1 + 2 * MOST)
    tries = [k * MOST / STEPS for k in range(-STEPS, STEPS + 1)]
    sharp = {slant: _peaks(_seen(small, slant, part)) for slant in product(tries, tries)}
    best = max(sharp, key=lambda slant: sharp[slant])
    if sharp[best] < max(REGULAR, SHARPER * sharp[0.0, 0.0]):
        return image
    return _seen(image, best, 1 / (1 + abs(best[0]) + abs(best[1])))


def periods(image: Tensor) -> Tensor:
    """Find where `image` (3, H, W) repeats: (2, 2), pixels right and down, one step to the right, one down.

    0, 0 where it does not.
    """
    alike = _autocorrelation(image.mean(0))
    right, down = _period(alike), _period(alike.T)
    return torch.tensor([right, down[::-1]])


def in_whole(image: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Stretch `image` (3, H, W) a little, so that its periods, if it has any, go `size` pixels in whole.

    Gives the periods (2, 2), too.
    """
    steps = periods(image)
    stretched, wholes = torch.eye(2), torch.zeros(2, 2)  # from pixels as they are to be, to what they are
    for axis in (0, 1):
        along = float(steps[axis, axis])
        if not along:
            continue
        whole = size / max(1, round(size / along))
        if abs(whole / along - 1) <= MOST_STRETCH:
            stretched[:, axis] = steps[axis] / whole
            wholes[axis, axis] = whole
    if not wholes.any():
        return image, wholes
    height, width = image.shape[1:]
    cut = (
        float(stretched[0, 1].abs()) * height,
        float(stretched[1, 0].abs()) * width,
    )  # what a shear moves out
    new = round((height - cut[1]) / float(stretched[1, 1])), round((width - cut[0]) / float(stretched[0, 0]))
    y, x = (torch.arange(n) + 0.5 - n / 2 for n in new)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), 2) @ stretched.T
    grid = grid / torch.tensor([width / 2, height / 2])
    return F.grid_sample(image[None], grid[None], mode="bicubic", align_corners=False)[0].clamp(0, 1), wholes


def _autocorrelation(grey: Tensor) -> Tensor:
    """Tell how alike (H, W) is to itself, moved down and right: (2H, 2W), up and left from the end."""
    height, width = grey.shape
    padded = 2 * height, 2 * width
    there = torch.fft.rfft2(torch.ones_like(grey), padded)
    here = torch.fft.rfft2(grey - grey.mean(), padded)
    both = torch.fft.irfft2(here * here.conj(), padded)
    overlaps = torch.fft.irfft2(there * there.conj(), padded).clamp_min(1)
    alike: Tensor = both / overlaps / grey.var().clamp_min(1e-9)
    return alike


def _period(alike: Tensor) -> tuple[float, float]:
    """Find after how many pixels to the right, and down, the autocorrelation (2H, 2W) has its first peak.

    0, 0 if there is none. The farthest multiple of it that is as high tells it the most exactly.
    """
    width = alike.shape[1] // 2
    reach = max(1, round(LEAN * width / 2))
    high = torch.cat([alike[-reach:], alike[: reach + 1]])[:, : width // 2].amax(0)
    rise = F.pad(high[NEAREST:] - high[NEAREST:].cummin(0).values, (NEAREST, 0))
    peaks = (high == F.max_pool1d(high[None, None], 5, 1, 2)[0, 0]) & (high > ALIKE) & (rise > RISE)
    columns = (peaks & (rise > NEARLY * rise.max())).nonzero()[:, 0]
    if not len(columns):
        return 0.0, 0.0
    first = int(columns[0])
    times = torch.round(columns / first)
    last = int((times * ((columns - times * first).abs() <= times)).argmax())
    row = int(alike[:, columns[last]].roll(reach)[: 2 * reach + 1].argmax()) - reach
    return float(columns[last] / times[last]), float(row / times[last])


def _seen(image: Tensor, slant: tuple[float, float], part: float) -> Tensor:
    """Show the `part` of an image around its middle without a slant, by x and by y."""
    height, width = (max(1, round(part * length)) for length in image.shape[1:])
    y, x = (part * ((torch.arange(n) + 0.5) / n * 2 - 1) for n in (height, width))
    away = 1 + slant[0] * x[None] + slant[1] * y[:, None]
    grid = torch.stack([x[None] / away, y[:, None] / away], 2)
    return F.grid_sample(image[None], grid[None], mode="bicubic", align_corners=False)[0].clamp(0, 1)


def _peaks(image: Tensor) -> float:
    """Tell how much of the power of (3, h, w) is in few frequencies, 0..1."""
    grey = image.mean(0)
    windows = [torch.hann_window(n, periodic=False) for n in grey.shape]
    window = torch.outer(*windows)
    power = torch.fft.fft2((grey - (grey * window).sum() / window.sum()) * window).abs().square()
    y, x = (torch.fft.fftfreq(n) * min(grey.shape) for n in grey.shape)
    power = power * (torch.hypot(y[:, None], x[None]) > SLOWEST)
    return float(power.square().sum() / power.sum().square().clamp_min(1e-12))
