"""`python -m backend networks`: what there is, what is here, and where the rest comes from."""

from __future__ import annotations

import torch

from .. import networks
from ..networks import feedforward
from ..networks.registry import locate


def print_all() -> None:
    """Print a line a network: whether its weights are here, and where they come from."""
    entries = networks.entries().values()
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        here = [source for source in entry.sources if source.find()]
        source = here[0] if here else entry.sources[0]
        print(f"{entry.name:<{width}}  {'here  ' if here else 'absent'}  {source.origin}")
    state = "here" if feedforward.available() else "absent"
    print(f"\nfor painting in one pass: {feedforward.NAME}, {state}, {feedforward.SOURCES[0].origin}")


def print_layers(name: str) -> None:
    """Print a line a layer: names, channels, stride and receptive field in pixels."""
    entry = networks.entry(name)
    source, path = locate(entry)
    network = networks.load(name, torch.device("cpu"))
    print(f"{name}: {source.origin}, {path.stat().st_size / 1e6:.0f} MB here")
    print(f"style layers: {', '.join(network.style_layers)}; content layer: {network.content_layer}")
    layers = network.layers()
    width, paths = (max(len(getattr(layer, key)) for layer in layers) for key in ("name", "path"))
    print(f"{'layer':<{width}}  {'torchvision':<{paths}}  channels  stride  sees")
    for layer in layers:
        stride, sees = (str(n) if n else "whole" for n in (layer.stride, layer.receptive_field))
        print(f"{layer.name:<{width}}  {layer.path:<{paths}}  {layer.channels:>8}  {stride:>6}  {sees:>5}")
