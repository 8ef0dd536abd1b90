"""The registry of pretrained convolutional networks, their layers by name, and their weights."""

from __future__ import annotations

import torch

from .network import LOGITS, Layer, Network, mixed_precision
from .registry import assemble, entries, entry

__all__ = ["LOGITS", "Layer", "Network", "entries", "entry", "load", "mixed_precision"]


def load(name: str, device: torch.device, average_pooling: bool = False) -> Network:
    """The network of this name with its weights, on `device`. Raises PatinaError; downloads nothing."""
    known = entry(name)
    return Network(known, assemble(known), average_pooling).to(device)
