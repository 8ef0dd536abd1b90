"""A network as a graph: cut it at any layer, and know how far each layer sees.

torch.fx turns a model into a list of operations. A cut keeps only what the wanted layers need, so
that nothing deeper runs, and the geometry of every layer follows from the operations before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.Conv2d) or super().is_leaf_module(m, module_qualified_name)


LEAST_SIDE = 128  # pixels of a picture that every network can look at
POOL_GAIN = 2  # of averages in the place of maxima, as in style-transfer-pytorch (Crowson 2021)


def average_pooling(model: nn.Module) -> None:
    """Put an average, times POOL_GAIN, in the place of every maximum that `model` pools by.

    Most activations are 0: their average is about half as large as their maximum, and without the gain what
    lies deeper is made of its biases more than of the picture.
    """
    for parent in list(model.modules()):
        for name, pool in parent.named_children():
            if isinstance(pool, nn.MaxPool2d):
                side = pool.kernel_size
                area = side * side if isinstance(side, int) else math.prod(side)
                kind = side, pool.stride, pool.padding, pool.ceil_mode
                setattr(parent, name, nn.AvgPool2d(*kind, divisor_override=max(1, area // POOL_GAIN)))


def trace(model: nn.Module) -> fx.GraphModule:
    """Trace the model, in evaluation mode: a graph none of whose operations overwrites its input."""
    graph = _Tracer().trace(model.eval())
    for node in graph.nodes:
        # An in-place ReLU would overwrite the layer before it, which may have been asked for.
        if node.kwargs.get("inplace"):
            node.update_kwarg("inplace", False)
    module = fx.GraphModule(model, graph)
    for part in module.modules():
        if getattr(part, "inplace", False):
            setattr(part, "inplace", False)  # noqa: B010 - not an attribute of every Module
    return module


def outputs(module: fx.GraphModule) -> dict[str, fx.Node]:
    """Find the node that makes each submodule's output, by the submodule's path; "logits" is the model's."""
    nodes: dict[str, fx.Node] = {}
    for node in module.graph.nodes:
        for path, _ in node.meta.get("nn_module_stack", {}).values():
            nodes[path] = node  # the last operation inside a module gives its output
        if node.op == "output" and isinstance(node.args[0], fx.Node):
            nodes["logits"] = node.args[0]
    return nodes


def is_relu(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return type(module.get_submodule(str(node.target))) is nn.ReLU
    return node.op == "call_function" and node.target in (F.relu, torch.relu)


class _RevivedReLU(torch.autograd.Function):
    """ReLU whose gradient, where no unit of an image is alive, passes towards larger inputs.

    Feature visualization starts from noise in which the wanted ReLU may be off everywhere; the plain
    gradient is zero there and nothing would ever move (Lucid's "redirected ReLU gradient").
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,), (gradient,) = ctx.saved_tensors, gradients
        plain = gradient.where(x > 0, torch.zeros_like(gradient))
        upwards = gradient.where((x > 0) | (gradient < 0), torch.zeros_like(gradient))
        dead = plain.flatten(1).abs().sum(1) == 0
        return upwards.where(dead.view(-1, *[1] * (x.dim() - 1)), plain)


def revived_relu(x: Tensor) -> Tensor:
    """Apply ReLU to x (B, …), with a gradient also where it is dead for a whole image of the batch."""
    result: Tensor = _RevivedReLU.apply(x)  # type: ignore[no-untyped-call]
    return result


def cut(module: fx.GraphModule, wanted: Mapping[str, fx.Node], revive: bool = False) -> fx.GraphModule:
    """Cut from a graph what gives `wanted`, as a dict with its keys; it runs nothing that this does not need.

    Parameters are shared with `module`. revive: replace each ReLU by `revived_relu`.
    """
    needed: set[fx.Node] = set()
    pending = list(wanted.values())
    while pending:
        if (node := pending.pop()) not in needed:
            needed.add(node)
            pending.extend(node.all_input_nodes)
    graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    for node in module.graph.nodes:
        if node.op == "placeholder" or node in needed:
            if revive and is_relu(module, node):
                copies[node] = graph.call_function(revived_relu, (copies[node.all_input_nodes[0]],))
            else:
                copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output({name: copies[node] for name, node in wanted.items()})
    return fx.GraphModule(module, graph)


@dataclass(frozen=True)
class Geometry:
    """What one unit of a layer stands for, in pixels of the image. Zeros: it sees the whole image."""

    stride: int
    receptive_field: int


_WHOLE = Geometry(0, 0)
_GLOBAL = (nn.AdaptiveAvgPool2d, nn.Linear, nn.Flatten, F.adaptive_avg_pool2d, torch.flatten, torch.mean)


def geometry(module: fx.GraphModule) -> dict[fx.Node, Geometry]:
    """Compute stride and receptive field of every node of a convolutional graph.

    Where branches meet, the widest local one counts; a squeeze-and-excitation gate, which sees the
    whole image, only scales the branch that it gates.
    """
    found: dict[fx.Node, Geometry] = {}
    for node in module.graph.nodes:
        before = [found[n] for n in node.all_input_nodes]
        local = [g for g in before if g.stride]
        if node.op == "placeholder":
            found[node] = Geometry(1, 1)
        elif not local or _operation(module, node) in _GLOBAL or node.target == "mean":
            found[node] = _WHOLE
        else:
            window, stride = _window(module, node)
            step = max(g.stride for g in local)
            found[node] = Geometry(step * stride, max(g.receptive_field for g in local) + (window - 1) * step)
    return found


def _operation(module: fx.GraphModule, node: fx.Node) -> Any:
    return type(module.get_submodule(str(node.target))) if node.op == "call_module" else node.target


def _window(module: fx.GraphModule, node: fx.Node) -> tuple[int, int]:
    """(width, stride) in units of the node's input; (1, 1) for whatever works unit by unit."""
    if node.op == "call_module":
        part = module.get_submodule(str(node.target))
        if isinstance(part, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            spread = _widest(getattr(part, "dilation", 1))
            return (_widest(part.kernel_size) - 1) * spread + 1, _widest(part.stride)
    elif node.target in (F.max_pool2d, F.avg_pool2d):
        arguments = dict(zip(("input", "kernel_size", "stride"), node.args, strict=False)) | node.kwargs
        width = _widest(arguments["kernel_size"])
        return width, _widest(arguments.get("stride") or width)
    return 1, 1


def _widest(size: Any) -> int:
    return max(size) if isinstance(size, Iterable) else int(size)


def channels(module: fx.GraphModule) -> dict[fx.Node, int]:
    """Count the channels of every node that gives (B, C, H, W) or (B, C), by a small picture.

    Not on torch's device "meta": to compute nothing there takes two seconds of imports.
    """
    counts: dict[fx.Node, int] = {}

    class Shapes(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            value = super().run_node(n)
            if isinstance(value, Tensor) and value.dim() in (2, 4) and n.op != "placeholder":
                counts[n] = value.shape[1]
            return value

    of = next(module.parameters())
    with torch.no_grad():
        Shapes(module).run(of.new_zeros(1, 3, LEAST_SIDE, LEAST_SIDE))
    return counts
