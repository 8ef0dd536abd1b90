"""`python -m backend networks`: what there is, what is here, and how the rest gets here."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from . import networks, weights
from .networks.registry import Downloaded, locate
from .protocol import PatinaError


def print_all() -> None:
    """A line a network: whether its weights are here, and where they come from."""
    entries = networks.entries().values()
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        here = [source for source in entry.sources if source.find()]
        source = here[0] if here else entry.sources[0]
        print(f"{entry.name:<{width}}  {'here  ' if here else 'absent'}  {source.origin}")


def print_layers(name: str) -> None:
    """A line a layer: names, channels, stride and receptive field in pixels."""
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


def provide(name: str, file: Path | None) -> None:
    """Download the network's weights, or take them from `file`. Raises PatinaError."""
    source = networks.entry(name).sources[-1]
    if not isinstance(source, Downloaded):
        raise PatinaError(
            f"The weights of {name} come with {source.origin}.", "Run the set-up to install it.", "network"
        )
    if file is not None:
        weights.adopt(file, source.file, source.digest)
        return
    if source.find():
        return

    def show(done: int, total: int) -> None:
        share = f" of {total / 1e6:.0f}" if total else ""
        print(f"\r{source.file}: {done / 1e6:.0f}{share} MB", end="", file=sys.stderr, flush=True)

    weights.fetch(source.address, source.file, source.digest, show)
    print(file=sys.stderr)
