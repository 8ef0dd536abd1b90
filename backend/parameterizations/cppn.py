"""Compositional pattern-producing networks: an image as a function of the place.

Mordvintsev et al. 2018, "Differentiable Image Parameterizations", section "CPPN": eight hidden
layers of 24, both of arctan and its square as activation. On a mesh the place is the surface point
(x, y, z), so there are no seams; on either there is no resolution.
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import PatinaError
from ..machine.memory import ran_out
from ..pictures.images import cannot_write
from ..reading import read_bytes
from ..writing import write_bytes

HIDDEN, LAYERS = 24, 8
EXTENT = math.sqrt(3)  # coordinates reach ±√3: unit variance on the square
MAX_BYTES = 10_000_000  # of a file
_FORMAT = "patina.cppn"


class CPPN(nn.Module):
    """Places (…, D) with coordinates in ±1 → values (…, C) in 0..1."""

    def __init__(self, dimensions: int = 2, channels: int = 3) -> None:
        super().__init__()
        self.dimensions, self.channels = dimensions, channels
        widths = [dimensions, *[2 * HIDDEN] * LAYERS]
        layers = [nn.Linear(width, HIDDEN) for width in widths[:-1]]
        self.hidden = nn.ModuleList(layers)
        self.output = nn.Linear(widths[-1], channels)
        with torch.no_grad():
            for layer in layers:
                layer.weight.normal_(0, math.sqrt(1 / layer.in_features))
                layer.bias.zero_()
            self.output.weight.zero_()
            self.output.bias.zero_()

    def forward(self, places: Tensor) -> Tensor:
        x = places * EXTENT
        for layer in self.hidden:
            angle = torch.atan(layer(x))
            x = torch.cat([angle / 0.67, angle.square() / 0.6], -1)
        values: Tensor = self.output(x).sigmoid()
        return values

    def image(self, height: int, width: int) -> Tensor:
        """Evaluate the function at the pixels' centres: (1, C, H, W).

        The shorter side spans −1..1, y downwards.
        """
        device = self.output.weight.device
        values: Tensor = self(grid(height, width).to(device))
        return values.permute(2, 0, 1)[None]


def grid(height: int, width: int) -> Tensor:
    """Lay out the pixels' centres: (H, W, 2), x and y, the shorter side −1..1."""
    short = min(height, width)
    y = (torch.arange(height) + 0.5 - height / 2) * 2 / short
    x = (torch.arange(width) + 0.5 - width / 2) * 2 / short
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def morph(first: CPPN, second: CPPN, t: float) -> CPPN:
    """Blend two networks: p(t) = (p₁(1 − t) + p₂t)(1 + t(1 − t)); the swell keeps contrast half-way."""
    if (first.dimensions, first.channels) != (second.dimensions, second.channels):
        raise PatinaError(
            "These two CPPNs are of different kinds: one is for a surface or has alpha, the other not.",
            "Morph between two for flat images, or two for meshes.",
            "cppn",
        )
    between = CPPN(first.dimensions, first.channels)
    swell = 1 + t * (1 - t)
    with torch.no_grad():
        triples = zip(between.parameters(), first.parameters(), second.parameters(), strict=True)
        for target, a, b in triples:
            target.copy_((a * (1 - t) + b * t) * swell)
    return between


def write(path: Path, network: CPPN) -> None:
    """Save the network as a file that `read` takes, whole or not at all. Raises PatinaError."""
    record = {
        "format": _FORMAT,
        "version": 1,
        "dimensions": network.dimensions,
        "channels": network.channels,
        "state": {key: value.detach().cpu() for key, value in network.state_dict().items()},
    }
    data = io.BytesIO()
    torch.save(record, data)
    try:
        write_bytes(path, data.getvalue())
    except OSError as error:
        raise cannot_write(path, error) from None


def read(path: Path) -> CPPN:
    """Read the network in a .cppn file. Raises PatinaError for what is none; never runs code from it."""
    cure = "Name a .cppn file that dream or stylize wrote with --parameterization cppn."
    try:
        data = io.BytesIO(read_bytes(path, MAX_BYTES))
        record = torch.load(data, map_location="cpu", weights_only=True)
        if record["format"] != _FORMAT or record["version"] != 1:
            raise PatinaError(f"{path.name} is a CPPN file of another version.", cure, "cppn")
        if record["dimensions"] not in (2, 3) or record["channels"] not in (3, 4):
            raise ValueError("its network is of another kind")
        network = CPPN(record["dimensions"], record["channels"])
        network.load_state_dict(record["state"])
        if not all(parameter.isfinite().all() for parameter in network.parameters()):
            raise ValueError("it holds what is no number")
    except FileNotFoundError:
        raise PatinaError(f"There is no file {path}.", cure, "cppn") from None
    except PatinaError:
        raise
    except Exception as error:  # a damaged file fails torch's reader in many ways
        if ran_out(error):
            raise
        raise PatinaError(f"{path.name} is not a CPPN file: {error}".splitlines()[0], cure, "cppn") from None
    return network
