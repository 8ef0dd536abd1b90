"""Amplify what a layer sees already.

Mordvintsev, Olah, Tyka 2015, "Inceptionism": whatever is active becomes more so.
"""

from __future__ import annotations

from torch import Tensor

from ..networks import Network
from .feature_visualization import average
from .objective import Features, Objective


def deepdream(network: Network, layer: str) -> Objective:
    """Maximise the mean square of the activations of `layer`. Raises PatinaError for an unknown layer."""
    network.layer(layer)

    def loss(seen: Features) -> Tensor:
        return -average(seen.activations[layer].float().square(), seen.mask).mean(1)

    return Objective((layer,), loss)
