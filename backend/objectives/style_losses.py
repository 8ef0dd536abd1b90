"""Four ways to say that two sets of features look alike, behind one interface.

A maker is given one layer of the style images, [(features (1, C, H, W), share), …]; what it gives back
scores a batch of views: (features (B, C, h, w), weights (B, h, w)) → a loss without dimension, 0 where
the statistics agree. Each takes the past views into account where its statistics can be averaged.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .style import MovingAverage, gram, moments, relative_error

Samples = list[tuple[Tensor, float]]
Loss = Callable[[Tensor, Tensor], Tensor]

DIRECTIONS = 64  # of a sliced distance
PIXELS = 2048  # that stand for a layer where all would be too many
LIFT = 1e-4  # of the mean variance: what the diagonal is lifted by for its eigenvectors
RANK = 128  # directions in which two looks are compared one by one
GRID = 32  # places along a view that are enough for the moments of its features
LEFT = 1e-4  # of the style's mean square: the least that features are taken to vary in all the rest
FLAT = 1e-6  # of the style's squared covariance: directions with less vary too little to be carried over
GAUSSIAN = 8.0  # brings that distance, which is small even for looks far apart, to the others' size


def make(kind: str, style: Samples) -> Loss:
    """The loss called `kind` (one of protocol.STYLE_LOSSES) for one layer."""
    return MAKERS[kind](style)


def gram_loss(style: Samples) -> Loss:
    """Relative squared error of Gram matrices (Gatys et al. 2015)."""
    target = _mix([(gram(features), share) for features, share in style])
    average = MovingAverage()

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        shown = weights.any().float()
        found = moments(features, weights, stride=_stride(features)).product
        return relative_error(average(found, shown), target) * shown

    return loss


def gaussian_loss(style: Samples) -> Loss:
    """Wasserstein-2 distance of Gaussians with the features' means and covariances, relative to the style's.

    |m − m*|² + tr(S + S* − 2 (S*^½ S S*^½)^½), the Bures metric, times GAUSSIAN, which it is for features
    that are all zero. The root is exact in the RANK directions along which the style varies most; of the
    rest its variance alone counts, as if it were the same in all of them: the eigenvectors of hundreds of
    channels would take as long as the network.
    """
    means = _mix([(features.float().mean((0, 2, 3)), share) for features, share in style])
    covariance = _mix([(gram(features), share) for features, share in style]) - torch.outer(means, means)
    values, vectors = _eigen(covariance)
    values = values.clamp_min(0)
    size = (means.square().sum() + values.sum()).clamp_min(1e-12)
    kept, rest, total = values[-RANK:].clamp_min(1e-12 * size), values[:-RANK].sum(), values.sum()
    axes = vectors[:, -RANK:] * kept.sqrt()  # so that the product along them is S*^½ S S*^½
    least = (FLAT * kept.square().sum()).clamp_min(1e-30)
    few = len(values) <= RANK
    average = MovingAverage()

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        found = moments(features, weights, None if few else axes, _stride(features))
        with torch.no_grad():  # the gradient in closed form: autograd's would be a hundred tiny operations
            shown = weights.any().float()
            product = axes.T @ found.product @ axes if few else found.product
            seen = average(torch.cat([found.square[None], found.mean, product.flatten()]), shown)
            square, mean, flat = seen.tensor_split([1, 1 + len(means)])
            product, square = flat.view_as(product), square[0]
            along = mean @ axes
            inner = product - torch.outer(along, along)
            inverse, trace = _inverse_root(inner, least)
            variance = square - mean.square().sum()
            left = (variance - (inner.diagonal() / kept).sum()).clamp_min(LEFT * size)
            # tr(M^½) is the least of (tr(B M) + tr(B⁻¹)) / 2, at B = M^-½: with B held, its slope is exact.
            spread = variance + total - (inverse * inner).sum() - trace - 2 * (left * rest).sqrt()
            pull = (rest / left).sqrt()
            by_product = torch.diag(pull / kept) - inverse
            by_mean = 2 * (pull * mean - means - axes @ (by_product @ along))
            by_product = axes @ by_product @ axes.T if few else by_product
            scale = GAUSSIAN * shown / size
            value = scale * ((mean - means).square().sum() + spread)
        slope = (by_product * found.product).sum() + by_mean @ found.mean + (1 - pull) * found.square
        return value + scale * (slope - slope.detach())

    return loss


def sliced_loss(style: Samples) -> Loss:
    """Sliced Wasserstein-2 distance of equally many features of either (Heitz et al. 2021), relative.

    PIXELS of the view, drawn by weight, against PIXELS of the style, along DIRECTIONS random lines.
    """
    pools = [_columns(features) for features, _ in style]
    shares = [share for _, share in style]
    size = _mix([(pool.square().sum(0).mean(), share) for pool, share in zip(pools, shares, strict=True)])

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        seen = _drawn(features, weights)
        counts = [round(len(seen) * share) for share in shares[1:]]
        counts.insert(0, len(seen) - sum(counts))
        wanted = torch.cat([_some(pool, n) for pool, n in zip(pools, counts, strict=True)], 1)
        lines = torch.randn(DIRECTIONS, seen.shape[1], device=seen.device)
        lines = lines / lines.norm(dim=1, keepdim=True)
        with torch.autocast(seen.device.type, enabled=False):
            found, goal = (lines @ seen.T).sort(1).values, (lines @ wanted).sort(1).values
        distance: Tensor = (found - goal).square().mean() * seen.shape[1] / size.clamp_min(1e-12)
        return distance * weights.any()

    return loss


def nearest_loss(style: Samples) -> Loss:
    """Mean cosine distance of features to the style's nearest (Kolkin et al. 2022), both centred there."""
    pools = [_columns(features) for features, _ in style]
    center = _mix([(pool.mean(1), share) for pool, (_, share) in zip(pools, style, strict=True)])
    counts = [max(1, round(PIXELS * share)) for _, share in style]
    kept = torch.cat([_some(pool, n) for pool, n in zip(pools, counts, strict=True)], 1)
    wanted = torch.nn.functional.normalize((kept - center[:, None]), dim=0)

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        seen = torch.nn.functional.normalize(_drawn(features, weights) - center, dim=1)
        with torch.autocast(seen.device.type, enabled=False):
            with torch.no_grad():
                match = (seen @ wanted).argmax(1)
            distance: Tensor = 1 - (seen * wanted.T[match]).sum(1).mean()
            return distance * weights.any()

    return loss


MAKERS: dict[str, Callable[[Samples], Loss]] = {
    "gram": gram_loss,
    "gaussian": gaussian_loss,
    "sliced": sliced_loss,
    "nearest": nearest_loss,
}


def _stride(features: Tensor) -> int:
    """Fine layers have far more places than moments need."""
    return max(1, round(max(features.shape[2:]) / GRID))


def _mix(values: list[tuple[Tensor, float]]) -> Tensor:
    return torch.stack([value * share for value, share in values]).sum(0)


def _inverse_root(matrix: Tensor, least: Tensor) -> tuple[Tensor, Tensor]:
    """M^-½ of a symmetric `matrix` M, whose eigenvalues count as `least` at least, and the trace of M^½."""
    # The loss itself will tell of what is no number.
    values, vectors = _eigen(matrix.nan_to_num(0.0, 0.0, 0.0))
    roots = values.clamp_min(least).sqrt()
    return (vectors / roots) @ vectors.T, roots.sum()


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and -vectors, on one thread: more gain nothing, and wait for ever on a busy machine.

    The diagonal is lifted meanwhile: LAPACK may fail where many channels are dead, and it changes nothing.
    """
    lift = (LIFT * matrix.diagonal().abs().mean()).clamp_min(1e-20)
    lifted = matrix + lift * torch.eye(len(matrix), device=matrix.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        values, vectors = torch.linalg.eigh(lifted)
    finally:
        torch.set_num_threads(threads)
    return values - lift, vectors


def _columns(features: Tensor) -> Tensor:
    """(C, N) float32."""
    return features.float().flatten(2)[0]


def _some(pool: Tensor, count: int) -> Tensor:
    """(C, count) of the columns of `pool` (C, N)."""
    some: Tensor = pool[:, torch.randint(pool.shape[1], (count,), device=pool.device)]
    return some


def _drawn(features: Tensor, weights: Tensor) -> Tensor:
    """(N, C) float32: units of `features` drawn by weight, N at most PIXELS and no more than there are."""
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    chances = weights.flatten() + 1e-9  # so that there is something to draw where nothing counts
    chosen = torch.multinomial(chances, min(PIXELS, len(flat)), replacement=True)
    drawn: Tensor = flat[chosen].float()
    return drawn
