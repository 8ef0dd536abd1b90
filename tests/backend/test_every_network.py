"""Every objective moves the default start of every registered network.

Real weights where they are here; elsewhere the architecture with the weights that torchvision draws at
random, which a gradient finds its way through or not just the same. By default one network of each
family; `pytest -m every_network` (or `make test-networks`) takes the others too.
"""

from __future__ import annotations

import pytest
import torch

from backend import networks
from backend.errors import PatinaError
from backend.networks import LOGITS, Network, registry
from backend.networks.octaves import features_of
from backend.objectives import feature_visualization as features
from backend.objectives.alignment import alignment, interpolation
from backend.objectives.deepdream import deepdream
from backend.objectives.objective import Features, Objective
from backend.objectives.texture import likeness, octaves, statistics, texture
from backend.parameterizations.fourier import Fourier

PACKAGED = ("vgg16", "alexnet", "efficientnet_lite0", "squeezenet")
# The smallest of each family.
FAMILIES = (
    "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3", "mnasnet0_5",
    "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18",
    "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "vgg11_bn", "vgg19", "wide_resnet50_2",
)  # fmt: skip
OTHERS = sorted(set(networks.entries()) - {*PACKAGED, *FAMILIES})
SIDE = {"inception_v3": 96}  # pixels; its layers need more than the others'
FRAMES = 2
WAY = ((1.0, 0.0), (0.0, 1.0))


def load(name: str) -> Network:
    entry = networks.entry(name)
    try:
        registry.locate(entry)
    except PatinaError:
        torch.manual_seed(0)
        return Network(entry, entry.build().eval().requires_grad_(False))
    return networks.load(name, torch.device("cpu"))


def objectives(network: Network, side: int) -> dict[str, Objective]:
    layer = network.style_layers[-1]
    torch.manual_seed(0)
    layers = octaves(network.style_layers[:2], 2)
    exemplar = features_of(network, torch.rand(1, 3, side, side), layers)
    made = {
        "channel": features.channel(network, layer, 3),
        "neuron": features.neuron(network, layer, 3),
        "direction": features.direction(network, layer, {0: 1.0, 1: -1.0}),
        "deepdream": deepdream(network, layer),
        "texture": texture(statistics([(exemplar, 1.0)])),
        "likeness": likeness(network.content_layer),
        "alignment": alignment([network.content_layer], FRAMES),
    }
    if LOGITS in [known.name for known in network.layers()]:
        made["class"] = features.class_(network, "daisy")
    return made | {"interpolation": interpolation((made["channel"], made["deepdream"]), WAY)}


def check(name: str) -> None:
    network, side = load(name), SIDE.get(name, 64)
    wanted = objectives(network, side)
    torch.manual_seed(1)
    picture = Fourier(FRAMES, 3, side, side)
    layers = dict.fromkeys(layer for objective in wanted.values() for layer in objective.layers)
    seen = features_of(network, picture(), layers, revive=True)
    before = {layer: value.detach() + 1 for layer, value in seen.items()}
    for what, objective in wanted.items():
        loss = objective(Features(seen, None, before))
        assert loss.shape in ((), (FRAMES,)), what
        (gradient,) = torch.autograd.grad(loss.sum(), picture.spectrum, retain_graph=True)
        assert torch.isfinite(gradient).all(), what
        assert gradient.abs().max() > 0, what


@pytest.mark.parametrize("name", PACKAGED + FAMILIES)
def test_every_objective_moves_the_default_start_of(name):
    check(name)


@pytest.mark.every_network
@pytest.mark.parametrize("name", OTHERS)
def test_every_objective_moves_the_default_start_of_the_rest_too(name):
    check(name)
