"""The networks, their layers, and the ImageNet classes: what the backend has, known without torch.

`tools/catalogue.py` writes the files, a test compares them with the backend.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
MAX_STYLE_LAYERS = 32  # Blender's limit for a choice of several


@dataclass(frozen=True)
class Network:
    """A network: `layers` gives each layer's channels; `download` is in megabytes, 0 if it comes along."""

    classes: bool  # whether it can tell the ImageNet classes
    download: int
    style_layers: list[str]  # those that make the style where nobody chooses
    layers: dict[str, int]


@cache
def classes() -> tuple[str, ...]:
    """List the thousand ImageNet classes."""
    return tuple((FOLDER / "classes.txt").read_text(encoding="utf-8").splitlines())


@cache
def networks() -> dict[str, Network]:
    """List the networks by name, those that come with the set-up first."""
    described = json.loads((FOLDER / "networks.json").read_text(encoding="utf-8"))
    return {name: Network(**values) for name, values in described.items()}


def search_classes(text: str) -> list[str]:
    """List the classes that contain `text`; those that begin with it first."""
    text = text.strip().lower()
    found = [name for name in classes() if text in name.lower()]
    return sorted(found, key=lambda name: not name.lower().startswith(text))


def search_layers(network: str, text: str) -> list[str]:
    """List the layers of `network` that contain `text`, in the order of the data."""
    return [name for name in networks()[network].layers if text.strip().lower() in name.lower()]


@cache
def style_choices(network: str) -> tuple[str, ...]:
    """List the layers whose statistics make sense as a style: after a nonlinearity, or whole blocks."""
    layers = networks()[network].layers
    words = ("relu", "fire", "mixed", "conv2d", "block", "layer")
    return tuple(name for name in layers if name.startswith(words))[:MAX_STYLE_LAYERS]
