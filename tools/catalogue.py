"""Write what the add-on shows of networks and classes, which it must know without torch.

    python tools/catalogue.py    addon/catalogue/{classes.txt, networks.json}

Runs in the backend's environment. A test compares the files with what this gives.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "addon" / "catalogue"
sys.path.insert(0, str(ROOT))

networks = import_module("backend.networks")

# Those that the literature shows features of; the command line knows torchvision's others too.
SHOWN = ("vgg16", "alexnet", "efficientnet_lite0", "squeezenet", "vgg19", "googlenet", "resnet50")


def describe(name: str) -> dict[str, Any]:
    """A network: its layers with their channels, the style's among them, what it downloads in megabytes.

    It is built without its weights, on no device.
    """
    entry = networks.entry(name)
    with torch.device("meta"):
        network = networks.Network(entry, entry.build())
    source = entry.sources[0]
    layers = {layer.name: layer.channels for layer in network.layers() if layer.stride}
    return {
        "classes": not source.headless,
        "download": round(source.megabytes) if hasattr(source, "megabytes") else 0,
        "style_layers": list(network.style_layers),
        "layers": layers,
    }


def files() -> dict[str, str]:
    """The texts of the files, by name."""
    described = {name: describe(name) for name in SHOWN}
    return {
        "classes.txt": "".join(f"{name}\n" for name in import_module("backend.networks.classes").names()),
        "networks.json": json.dumps(described, indent=1) + "\n",
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
