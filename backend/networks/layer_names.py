"""The names that papers and Lucid use for layers, as further names of torchvision's own paths."""

from __future__ import annotations

from torch import nn


def of(network: str, model: nn.Module) -> dict[str, str]:
    """Map the field's names to module paths, in the order of the data; empty where they are the same."""
    if network.startswith("vgg"):
        return _vgg(model)
    if network == "alexnet":
        return _alexnet(model)
    if network.startswith("squeezenet"):
        return _squeezenet(model)
    if network == "googlenet":
        return _googlenet(model)
    if network == "efficientnet_lite0":
        return _efficientnet_lite0(model)
    return {}


def _kinds(model: nn.Module) -> list[tuple[str, str]]:
    """(kind, path) of the steps of `model.features`."""
    words = {
        nn.Conv2d: "conv",
        nn.BatchNorm2d: "norm",
        nn.ReLU: "relu",
        nn.MaxPool2d: "pool",
        nn.AvgPool2d: "pool",
    }
    return [
        (words.get(type(step), "fire"), f"features.{index}")
        for index, step in model.get_submodule("features").named_children()
    ]


def _vgg(model: nn.Module) -> dict[str, str]:
    """conv1_1, relu1_1, … pool1, conv2_1, …"""
    names, block, index = {}, 1, 0
    for kind, path in _kinds(model):
        if kind == "pool":
            names[f"pool{block}"] = path
            block, index = block + 1, 0
        else:
            index += kind == "conv"
            names[f"{kind}{block}_{index}"] = path
    return names


def _alexnet(model: nn.Module) -> dict[str, str]:
    """conv1, relu1, pool1, conv2, …; a pool has the number of the convolution before it."""
    names, index = {}, 0
    for kind, path in _kinds(model):
        index += kind == "conv"
        names[f"{kind}{index}"] = path
    return names


def _squeezenet(model: nn.Module) -> dict[str, str]:
    """conv1, relu1, pool1, fire2, … fire9, conv10, as in the paper."""
    names, index = {}, 1
    for kind, path in _kinds(model):
        index += kind == "fire"
        names[f"{kind}{index}"] = path
    return names | {"conv10": "classifier.1"}


def _googlenet(model: nn.Module) -> dict[str, str]:
    """Lucid's InceptionV1 names: conv2d0 … conv2d2, maxpool0, …, mixed3a … mixed5b."""
    names = {"conv2d0": "conv1", "maxpool0": "maxpool1", "conv2d1": "conv2", "conv2d2": "conv3"}
    paths = [path for path, _ in model.named_children()]
    return names | {path.replace("inception", "mixed"): path for path in paths if "inception" in path}


def _efficientnet_lite0(model: nn.Module) -> dict[str, str]:
    """block0 … block15."""
    count = len(list(model.get_submodule("_blocks").children()))
    return {f"block{i}": f"_blocks.{i}" for i in range(count)}
