"""The registry of pretrained convolutional networks, their layers by name, and their weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..errors import PatinaError
from .network import LOGITS, Layer, Network, mixed_precision
from .registry import assemble, entries, entry

__all__ = ["LOGITS", "Layer", "Network", "entries", "entry", "load", "mixed_precision"]


def load(
    name: str, device: torch.device, average_pooling: bool = False, style_layers: Sequence[str] = ()
) -> Network:
    """Load a network by name with its weights, on `device`. Raises PatinaError; downloads nothing.

    style_layers: in place of the network's own choice, if any.
    """
    known = entry(name)
    network = Network(known, assemble(known), average_pooling)
    for layer in style_layers:
        if not network.layer(layer).stride:
            raise PatinaError(
                f"{layer} of {name} has no places, and so no texture.", "Choose an earlier layer.", "layers"
            )
    network.style_layers = tuple(style_layers) or network.style_layers
    return network.to(device)
