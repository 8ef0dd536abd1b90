"""What excites a part of a network: a channel, a neuron, a direction, a class.

Olah et al. 2017, "Feature Visualization". Layers that end in a ReLU are read before it, where a
unit that is off still has a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import PatinaError
from ..networks import LOGITS, Layer, Network, classes
from .objective import Features, Objective
from .style import layer_mask


def channel(network: Network, layer: str, index: int) -> Objective:
    """Maximise the mean of channel `index` over the places of `layer`.

    Raises PatinaError for one out of range.
    """
    place, found = _before_relu(network, layer)
    _check_channel(network, found, index)
    return Objective((place,), lambda s: -average(s.activations[place][:, index : index + 1], s.mask)[:, 0])


def neuron(network: Network, layer: str, index: int) -> Objective:
    """Maximise channel `index` at the middle of `layer`."""
    place, found = _before_relu(network, layer)
    _check_channel(network, found, index)

    def loss(seen: Features) -> Tensor:
        values = seen.activations[place].float()
        if values.dim() == 4:
            values = values[:, :, values.shape[2] // 2, values.shape[3] // 2]
        return -values[:, index]

    return Objective((place,), loss)


def direction(network: Network, layer: str, weights: Mapping[int, float]) -> Objective:
    """Maximise the mean dot product of `layer` with the unit vector along `weights` {channel: weight}."""
    place, found = _before_relu(network, layer)
    for index in weights:
        _check_channel(network, found, index)
    vector = torch.zeros(found.channels)
    vector[list(weights)] = torch.tensor(list(weights.values()))
    if not vector.norm() > 0:
        raise PatinaError("The direction is zero.", "Give a channel a weight other than 0.", "direction")
    vector /= vector.norm()

    def loss(seen: Features) -> Tensor:
        mean = average(seen.activations[place], seen.mask)
        return -(mean @ vector.to(mean.device))

    return Objective((place,), loss)


def class_(network: Network, name: str) -> Objective:
    """Maximise the ImageNet class `name`: its logit, less its cross entropy beside all others.

    The logit alone has a gradient of one size everywhere, but is as glad of what makes every class
    likely; the cross entropy names the rivals, such as what the object's silhouette says.
    Raises PatinaError where name or classifier is missing.
    """
    network.layer(LOGITS)
    index = classes.index(name)

    def loss(seen: Features) -> Tensor:
        logits = seen.activations[LOGITS].float()
        return -logits[:, index] - logits.log_softmax(1)[:, index]

    return Objective((LOGITS,), loss)


def average(values: Tensor, mask: Tensor | None) -> Tensor:
    """Average `values` (B, C, h, w), or (B, C), over the places that `mask` shows: (B, C) float32."""
    values = values.float()
    if values.dim() == 2:
        return values
    if mask is None:
        return values.mean((2, 3))
    shown = layer_mask(mask, (values.shape[2], values.shape[3]), 0)[:, None]
    return (values * shown).sum((2, 3)) / shown.sum((2, 3)).clamp_min(1e-6)


def _before_relu(network: Network, layer: str) -> tuple[str, Layer]:
    """The name to ask the network for, and its layer; both before the ReLU that ends `layer`, if one does."""
    found = network.layer(layer)
    if found.before_relu:
        found = network.layer(found.before_relu)
        return found.name, found
    return layer, found


def _check_channel(network: Network, layer: Layer, index: int) -> None:
    if not 0 <= index < layer.channels:
        raise PatinaError(
            f"{network.name} has no channel {index} at {layer.name}.",
            f"Use a number from 0 to {layer.channels - 1}.",
            "channel",
        )
