"""EfficientNet-Lite0, the one network here that torchvision does not have.

Tan and Le, "EfficientNet" (2019), in the Lite variant of Google's TPU repository: no squeeze-and-
excitation, ReLU6 for swish, TensorFlow's "SAME" padding. Module names follow the state dict.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#             kernel, stride, expansion, out, repeats
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def pad_same(images: Tensor, kernel: int, stride: int) -> Tensor:
    """Put zeros around `images` as TensorFlow's "SAME" has them: the odd one at the bottom and the right."""

    def around(size: int) -> tuple[int, int]:
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2

    return F.pad(images, (*around(images.shape[3]), *around(images.shape[2])))


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "SAME" padding."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(pad_same(input, self.kernel_size[0], self.stride[0]))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    """Inverted residual: expand, convolve each channel, project."""

    def __init__(self, kernel: int, stride: int, expansion: int, inputs: int, outputs: int) -> None:
        super().__init__()
        width = inputs * expansion
        self._expands, self._adds = expansion > 1, stride == 1 and inputs == outputs
        if self._expands:
            self._expand_conv = SameConv2d(inputs, width, 1, bias=False)
            self._bn0 = _norm(width)
        self._depthwise_conv = SameConv2d(width, width, kernel, stride, groups=width, bias=False)
        self._bn1 = _norm(width)
        self._project_conv = SameConv2d(width, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self._expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return torch.add(x, y) if self._adds else y


class EfficientNetLite0(nn.Module):
    """Images (B, 3, H, W), normalised → ImageNet logits (B, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks, inputs = [], 32
        for kernel, stride, expansion, width, repeats in _STAGES:
            for repeat in range(repeats):
                blocks.append(Block(kernel, stride if repeat == 0 else 1, expansion, inputs, width))
                inputs = width
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv2d(inputs, 1280, 1, bias=False)
        self._bn1 = _norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        logits: Tensor = self._fc(x.mean((2, 3)))
        return logits
