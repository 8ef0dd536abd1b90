"""Four ways to say that two sets of features look alike, behind one interface.

A maker is given layers of the style images, for each [(features (1, C, H, W), share), …]; what it gives
back scores a batch of views: for each layer, features (B, C, h, w) and weights (B, h, w) → the sum of
losses without dimension, 0 where the statistics agree. Each takes the past views into account where its
statistics can be averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .gaussian import gaussian_loss
from .style import DECAY, Loss, MovingAverage, Samples, gram, mixed, scaled_error

LayerLoss = Callable[[Tensor, Tensor], Tensor]

DIRECTIONS = 64  # of a sliced distance
SAMPLED_PIXELS = 2048  # of a layer, that stand for all of it


def make(
    kind: str, layers: list[Samples], decay: float = DECAY, weights: Sequence[float] | None = None
) -> Loss:
    """Make the loss called `kind` (one of choices.STYLE_LOSSES) for `layers` of the styles.

    decay: of the averages over past views; weights: of the layers in the sum, 1 if not given.
    """
    return MAKERS[kind](layers, decay, weights or [1.0] * len(layers))


def gram_loss(style: Samples, decay: float = DECAY) -> LayerLoss:
    """Make the error of Gram matrices (Gatys et al. 2015), whose gradient does not fade (`scaled_error`)."""
    target = mixed([(gram(features), share) for features, share in style])
    unit = scaled_error(target).clamp_min(1e-12)
    average = MovingAverage(decay)

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        shown = weights.any().float()
        found = gram(features, weights)
        return scaled_error(average(found, shown) - target) / unit * shown

    return loss


def sliced_loss(style: Samples, _: float = DECAY) -> LayerLoss:
    """Make the sliced Wasserstein-2 distance (Heitz et al. 2021), relative to the style's mean square.

    SAMPLED_PIXELS of the view, drawn by weight, are compared with as many of the style, along DIRECTIONS
    random lines.
    """
    pools = [_columns(features) for features, _ in style]
    shares = [share for _, share in style]
    size = mixed([(pool.square().sum(0).mean(), share) for pool, share in zip(pools, shares, strict=True)])
    generator = _generator(size.device)

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        seen = _drawn(features, weights, generator)
        counts = [round(len(seen) * share) for share in shares[1:]]
        counts.insert(0, len(seen) - sum(counts))
        wanted = torch.cat([_some(pool, n, generator) for pool, n in zip(pools, counts, strict=True)], 1)
        lines = torch.randn(DIRECTIONS, seen.shape[1], device=seen.device, generator=generator)
        lines = lines / lines.norm(dim=1, keepdim=True)
        with torch.autocast(seen.device.type, enabled=False):
            found, goal = (lines @ seen.T).sort(1).values, (lines @ wanted).sort(1).values
        distance: Tensor = (found - goal).square().mean() * seen.shape[1] / size.clamp_min(1e-12)
        return distance * weights.any()

    return loss


def nearest_loss(style: Samples, _: float = DECAY) -> LayerLoss:
    """Make the mean cosine distance of features to the style's nearest (Kolkin et al. 2022).

    Both are centred at the style's mean.
    """
    pools = [_columns(features) for features, _ in style]
    center = mixed([(pool.mean(1), share) for pool, (_, share) in zip(pools, style, strict=True)])
    counts = [max(1, round(SAMPLED_PIXELS * share)) for _, share in style]
    generator = _generator(center.device)
    kept = torch.cat([_some(pool, n, generator) for pool, n in zip(pools, counts, strict=True)], 1)
    wanted = torch.nn.functional.normalize((kept - center[:, None]), dim=0)

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        seen = torch.nn.functional.normalize(_drawn(features, weights, generator) - center, dim=1)
        with torch.autocast(seen.device.type, enabled=False):
            with torch.no_grad():
                match = (seen @ wanted).argmax(1)
            distance: Tensor = 1 - (seen * wanted.T[match]).sum(1).mean()
            return distance * weights.any()

    return loss


Maker = Callable[[list[Samples], float, Sequence[float]], Loss]  # of layers, decay, and the layers' weights


def _layer_by_layer(maker: Callable[[Samples, float], LayerLoss]) -> Maker:
    def make(layers: list[Samples], decay: float, shares: Sequence[float]) -> Loss:
        losses = [maker(style, decay) for style in layers]

        def loss(features: list[Tensor], weights: list[Tensor]) -> Tensor:
            parts = zip(losses, shares, features, weights, strict=True)
            return torch.stack([share * one(f, w) for one, share, f, w in parts]).sum()

        return loss

    return make


MAKERS: dict[str, Maker] = {
    "gram": _layer_by_layer(gram_loss),
    "gaussian": gaussian_loss,
    "sliced": _layer_by_layer(sliced_loss),
    "nearest": _layer_by_layer(nearest_loss),
}


def _columns(features: Tensor) -> Tensor:
    """Lay `features` (1, C, h, w) out as columns: (C, N) float32."""
    return features.float().flatten(2)[0]


def _generator(device: torch.device) -> torch.Generator | None:
    """Make the random generator of one loss; None, the device's own, on a graphics card.

    On a processor losses are computed side by side, and which comes first must not matter.
    """
    return torch.Generator().manual_seed(int(torch.randint(2**62, ()))) if device.type == "cpu" else None


def _some(pool: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Draw `count` of the columns of `pool` (C, N): (C, count)."""
    some: Tensor = pool[:, torch.randint(pool.shape[1], (count,), device=pool.device, generator=generator)]
    return some


def _drawn(features: Tensor, weights: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw units of `features` (B, C, h, w) by `weights` (B, h, w): (N, C) float32.

    N is SAMPLED_PIXELS, or the number of units if that is smaller.
    """
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    chances = weights.flatten() + 1e-9  # so that there is something to draw where nothing counts
    chosen = torch.multinomial(chances, min(SAMPLED_PIXELS, len(flat)), replacement=True, generator=generator)
    drawn: Tensor = flat[chosen].float()
    return drawn
