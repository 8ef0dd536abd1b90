"""A pretrained network that answers for its layers by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from ..errors import PatinaError
from ..machine.memory import ran_out
from . import graph, layer_names
from .registry import Entry, suggest

LOGITS = "logits"
DREAM_LAYER = "relu4_3"  # of networks that have it
_NEVER_SMALL = 256  # pixels a side that suffice for every layer of every network


def mixed_precision(device: torch.device) -> torch.autocast:
    """Make the context to run a network in: bfloat16 where the hardware has it, float32 elsewhere.

    A Xeon without it took nearly five times as long in bfloat16. float16 would need its gradients scaled.
    """
    native = (
        torch.cpu.get_capabilities().get("avx512_bf16", False)
        if device.type == "cpu"
        else device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


@dataclass(frozen=True)
class Layer:
    """One layer: its name in the field, its path in torchvision's module, and what a unit stands for."""

    name: str
    path: str
    channels: int
    stride: int  # pixels of the image between neighbouring units; 0: one unit for the whole image
    receptive_field: int  # pixels of the image along a side; 0: the whole image
    before_relu: str | None  # the layer that a ReLU at this layer's end works on


class Network(nn.Module):
    """images (B, 3, H, W) float32, sRGB in [0, 1] → activations by layer name.

    Frozen, in evaluation mode, channels-last. Whether it runs in bfloat16 is the caller's `autocast`.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, entry: Entry, model: nn.Module, average_pooling: bool = False) -> None:
        """average_pooling: in place of maxima, for smoother gradients (Gatys et al. 2016, section 2)."""
        super().__init__()
        if average_pooling:
            graph.average_pooling(model)
        self.name = entry.name
        names = layer_names.of(entry.name, model)
        self._bgr = entry.normalization.bgr
        for buffer in ("mean", "deviation"):
            values = torch.tensor(getattr(entry.normalization, buffer)).view(1, 3, 1, 1)
            self.register_buffer(buffer, values, persistent=False)
        self._whole = graph.trace(model)
        self._nodes = graph.outputs(self._whole)
        self._cuts: dict[tuple[frozenset[str], bool], fx.GraphModule] = {}
        self._leasts: dict[tuple[frozenset[str], bool], int] = {}
        if graph.geometry(self._whole)[self._nodes[LOGITS]].stride:
            del self._nodes[LOGITS]  # a network without its classifier ends in a feature map
        self._paths = {name: path for name, path in names.items() if path in self._nodes}
        self._layers = self._describe()
        self.style_layers = entry.style_layers or self._last_by_stride(4)
        self.content_layer = entry.content_layer or self._last_by_stride(3)[-1]
        self.dream_layer = self._layer_for_dreams()
        self.eval()

    def _describe(self) -> dict[str, Layer]:
        shapes, sights = graph.channels(self._whole), graph.geometry(self._whole)
        named = {path: name for name, path in self._paths.items()}
        paths = {node: path for path, node in self._nodes.items() if path not in named}
        paths |= {self._nodes[path]: path for path in named}
        layers = {}
        for path, node in self._nodes.items():
            if node not in shapes:
                continue
            before = None
            if graph.is_relu(self._whole, node):
                source = paths.get(node.all_input_nodes[0])
                before = named.get(source, source) if source else None
            layers[path] = Layer(
                named.get(path, path),
                path,
                shapes[node],
                sights[node].stride,
                sights[node].receptive_field,
                before,
            )
        return layers

    def _last_by_stride(self, count: int) -> tuple[str, ...]:
        """For each of the first `count` strides, the name of the last block that has it."""
        last: dict[int, str] = {}
        for layer in self.layers():
            if layer.stride:
                last[layer.stride] = layer.name
        return tuple(last[stride] for stride in sorted(last) if stride > 1)[:count]

    def _layer_for_dreams(self) -> str:
        """The layer whose DeepDream shows most: of VGG the one named, of others what is as deep."""
        names = [layer.name for layer in self.layers() if layer.stride]
        return DREAM_LAYER if DREAM_LAYER in names else names[2 * len(names) // 3]

    def layers(self) -> tuple[Layer, ...]:
        """List the layers to choose from, in the order of the data: the field's, or else the blocks.

        `layer` finds every other submodule too, by its path.
        """
        if self._paths:
            chosen = {*self._paths.values(), LOGITS}
        else:
            chosen = {path for path in self._layers if path.count(".") <= 1}
        return tuple(layer for path, layer in self._layers.items() if path in chosen)

    def layer(self, name: str) -> Layer:
        """Find a layer by its name, the field's or torchvision's. Raises PatinaError with near names."""
        found = self._layers.get(self._paths.get(name, name))
        if found:
            return found
        known = [*self._paths, *self._layers]
        cure = suggest(name, known)
        if name == LOGITS:
            cure = "These weights have no classifier; for classes use efficientnet_lite0."
        raise PatinaError(f"{self.name} has no layer {name!r}.", cure, "layer")

    def forward(self, images: Tensor, layers: Sequence[str], revive: bool = False) -> dict[str, Tensor]:
        """Compute activations (B, C, h, w), or (B, C) for logits, by the names asked for.

        Runs no deeper than it must. Images too small for a layer to have a unit are mirrored at their edges
        until it has. revive: give dead ReLUs a gradient (see `graph.revived_relu`).
        """
        paths = {name: self.layer(name).path for name in layers}
        key = frozenset(paths.values()), revive
        if key not in self._cuts:
            self._cuts[key] = graph.cut(self._whole, {path: self._nodes[path] for path in key[0]}, revive)
        inputs = images.flip(1) if self._bgr else images
        if min(inputs.shape[2:]) < _NEVER_SMALL:
            inputs = _mirrored(inputs, self._least(key))
        inputs = ((inputs - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        found = self._cuts[key](inputs)
        return {name: found[path] for name, path in paths.items()}

    @torch.no_grad()
    def _least(self, cut: tuple[frozenset[str], bool]) -> int:
        """Pixels a side of which every layer of a cut has a unit, to a power of two."""
        if cut not in self._leasts:
            side = 1
            while side < _NEVER_SMALL and not self._has_units(cut, side):
                side *= 2
            self._leasts[cut] = side
        return self._leasts[cut]

    def _has_units(self, cut: tuple[frozenset[str], bool], side: int) -> bool:
        try:
            self._cuts[cut](self.mean.new_zeros(1, 3, side, side))
        except RuntimeError as error:  # what pooling says where nothing is left
            if ran_out(error):
                raise
            return False
        return True


def _mirrored(images: Tensor, least: int) -> Tensor:
    """`images` (B, C, H, W) continued by their mirror images until both sides are `least` pixels or more."""
    for axis in (2, 3):
        while images.shape[axis] < least:
            images = torch.cat([images, images.flip(axis)], axis)
    return images
