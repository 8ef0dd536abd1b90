"""VGG (Simonyan and Zisserman 2015), laid out as torchvision has it.

It is what nearly every job looks with, and all of torchvision takes longer to import than torch itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

DEPTHS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # convolutions of each block
WIDTHS = (64, 128, 256, 512, 512)
CLASSES = 1000


class VGG(nn.Module):
    """The network of `depths`, untrained. Images (B, 3, H, W) to logits (B, CLASSES)."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for depth, width in zip(depths, WIDTHS, strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(channels * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, CLASSES),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))
        return logits
