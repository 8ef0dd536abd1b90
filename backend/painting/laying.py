"""What a view shows, laid on the texels that it sees: not what is hidden from it, less what is near a rim."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..rendering.camera import Camera
from ..rendering.gbuffer import GBuffer

RIM_WIDTH = 10  # pixels from a silhouette, or from what hides a texel, at which a view counts fully
HIDDEN_STEP = 12  # pixels between the depths of neighbouring ones, of which the nearer then hides something
DEPTH_TOLERANCE = 2.5  # pixels that a point may lie behind what its pixel shows


def seen_by(
    eye: Camera, gbuffer: GBuffer, image: Tensor, points: Tensor, normals: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Read what `image` (C, H, W) from `eye` shows at those of `points` (N, 3) that can be seen.

    Gives which these are (M,), the values there (M, C), how openly each point is seen (M,), 0..1, and the
    cosine that it is seen at (M,).
    """
    position, axes = (torch.from_numpy(array).float() for array in (eye.position, eye.axes))
    rays = points - position
    facing = -(normals * F.normalize(rays, dim=1)).sum(1)
    front = (facing > 0).nonzero()[:, 0]  # half of them: what turns away need not be looked up
    along = rays[front] @ axes.T
    depth = -along[:, 2]
    flat = along[:, :2] / depth[:, None] / (eye.pixel * eye.size / 2)
    where = torch.stack([flat[:, 0], -flat[:, 1]], 1)
    nearest = torch.full((eye.size**2,), torch.inf)
    nearest[gbuffer.pixels.cpu()] = -((gbuffer.points.cpu() - position) @ axes[2])
    nearest = nearest.view(1, eye.size, eye.size)
    reach = DEPTH_TOLERANCE * eye.pixel * depth
    is_open = (depth - _at(_frontmost(nearest), where, mode="nearest")[0]).abs() < reach
    rim = _at(_within_rims(nearest, eye.pixel), where)[0]
    seen = (is_open & (rim > 0)).nonzero()[:, 0]
    which = front[seen]
    return which, _at(image, where[seen], padding_mode="border").T, rim[seen], facing[which]


def _at(image: Tensor, where: Tensor, mode: str = "bilinear", padding_mode: str = "zeros") -> Tensor:
    """Look `image` (C, H, W) up at the places `where` (N, 2), -1..1: (C, N)."""
    return F.grid_sample(image[None], where[None, None], mode, padding_mode, align_corners=False)[0, :, 0]


def _frontmost(depth: Tensor) -> Tensor:
    """Take the least of `depth` (1, H, W) among each pixel and its neighbours."""
    return -F.max_pool2d(-depth.clamp(max=1e9), 3, 1, 1)


def _within_rims(depth: Tensor, pixel: float) -> Tensor:
    """Tell how far each pixel of a view is from what hides it or a silhouette: (1, H, W), 0 to 1.

    depth (1, H, W), infinite where nothing is; pixel: a pixel's width at the depth 1.
    """
    front = _frontmost(depth)
    rim = ~depth.isfinite() | (depth - front > HIDDEN_STEP * pixel * front)
    away = distance_transform_edt(~rim[0].numpy()).astype(np.float32)
    return (torch.from_numpy(away) / RIM_WIDTH).clamp(max=1)[None]
