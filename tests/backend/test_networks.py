"""The registry of networks: right activations, right geometry, right answers, clear refusals."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from torchvision import models

from backend import networks
from backend.errors import PatinaError
from backend.networks import Network, classes, graph, mixed_precision, registry

CPU = torch.device("cpu")
CPUINFO = Path("/proc/cpuinfo")
PACKAGED = ("vgg16", "alexnet", "efficientnet_lite0", "squeezenet")


@cache
def load(name: str) -> Network:
    return networks.load(name, CPU)


@cache
def untrained(name: str) -> tuple[Network, torch.nn.Module]:
    """A registered network with random weights, and the model it was made from."""
    torch.manual_seed(0)
    model = networks.entry(name).build().eval().requires_grad_(False)
    return Network(networks.entry(name), model), model


def test_vgg16_agrees_with_torchvision_at_every_layer():
    network = load("vgg16")
    source, path = registry.locate(networks.entry("vgg16"))
    model = models.vgg16(weights=None).eval()
    model.features.load_state_dict({k.removeprefix("features."): v for k, v in source.read(path).items()})
    images = torch.rand(2, 3, 40, 56)
    mean, deviation = (
        torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    names = [layer.name for layer in network.layers()]
    found = network(images, names)
    assert len(names) == len(model.features) == 31
    x = (images - mean) / deviation
    with torch.no_grad():
        for name, step in zip(names, model.features, strict=True):
            x = step(x.clone())  # in-place ReLUs must not reach the layer before
            assert torch.allclose(found[name], x, rtol=1e-3, atol=1e-3), name


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_vgg_is_laid_out_as_torchvision_has_it(name):
    with torch.device("meta"):
        ours, theirs = networks.entry(name).build(), models.get_model(name, weights=None)
    shapes = [{key: value.shape for key, value in model.state_dict().items()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert str(ours.features) == str(theirs.features)
    assert str(ours.classifier) == str(theirs.classifier)


@pytest.mark.parametrize("name", ["vgg19", "googlenet", "resnet50", "densenet121", "inception_v3"])
def test_a_graph_computes_what_its_model_computes(name):
    network, model = untrained(name)
    images = torch.rand(1, 3, 96, 96)
    expected = model((images - network.mean) / network.deviation)
    assert torch.allclose(network(images, ["logits"])["logits"], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", PACKAGED)
def test_layers_tell_their_true_shape(name):
    network = load(name)
    wanted = [layer for layer in network.layers() if layer.stride]
    found = network(torch.rand(1, 3, 224, 224), [layer.name for layer in wanted])
    for layer in wanted:
        assert found[layer.name].shape[1] == layer.channels
        assert found[layer.name].shape[2] == pytest.approx(224 / layer.stride, abs=2)


def test_receptive_fields_are_the_known_ones():
    # Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", table 1.
    known = {"vgg16": ("pool5", 212, 32), "alexnet": ("pool5", 195, 32)}
    for name, (layer, field, stride) in known.items():
        found = load(name).layer(layer)
        assert (found.receptive_field, found.stride) == (field, stride)


@pytest.mark.parametrize("name", ["vgg16", "efficientnet_lite0", "squeezenet"])
def test_a_unit_sees_no_further_than_its_receptive_field(name):
    network = load(name)
    layer = network.layer(network.style_layers[1])
    images = torch.rand(1, 3, 128, 128, requires_grad=True)
    values = network(images, [layer.name])[layer.name]
    middle = values.shape[2] // 2
    values[0, :, middle, middle].square().sum().backward()
    rows = images.grad.abs().sum((0, 1, 3)).nonzero()[:, 0]
    assert 1 < rows.max() - rows.min() + 1 <= layer.receptive_field


def test_nothing_deeper_than_asked_runs():
    network = load("vgg16")
    network(torch.rand(1, 3, 32, 32), ["relu1_2", "conv2_1"])
    ran = {str(node.target) for cut in network._cuts.values() for node in cut.graph.nodes}
    shallow = graph.cut(network._whole, {"a": network._nodes["features.5"]})
    assert {str(n.target) for n in shallow.graph.nodes if n.op == "call_module"} == {
        f"features.{i}" for i in range(6)
    }
    assert "features.5" in ran


def test_both_names_of_a_layer_are_the_same_layer():
    vgg, google = load("vgg16"), untrained("googlenet")[0]
    found = vgg(torch.rand(1, 3, 64, 64), ["conv4_3", "features.21"])
    assert torch.equal(found["conv4_3"], found["features.21"])
    assert google.layer("mixed4b") == google.layer("inception4b")
    assert vgg.layer("relu4_1").before_relu == "conv4_1"


@pytest.mark.parametrize("name", PACKAGED)
def test_bfloat16_stays_close(name):
    network = load(name)
    layer = network.content_layer
    images = torch.rand(1, 3, 96, 96)
    exact = network(images, [layer])[layer]
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(images, [layer])[layer]
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).norm() < 0.05 * exact.norm()


@pytest.mark.parametrize("has_it", [True, False])
def test_a_processor_rounds_to_bfloat16_only_where_it_has_instructions_for_it(monkeypatch, has_it):
    """Without them VGG-16 took nearly five times as long in bfloat16 as in float32."""
    found = {"avx2": True, "avx512_bf16": True} if has_it else {"avx2": True, "avx512_f": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    with mixed_precision(torch.device("cpu")):
        made = torch.nn.functional.conv2d(torch.rand(1, 3, 8, 8), torch.rand(4, 3, 3, 3))
    assert made.dtype == (torch.bfloat16 if has_it else torch.float32)


@pytest.mark.skipif(not CPUINFO.exists(), reason="only Linux lists the processor's instructions in a file")
def test_the_processor_has_the_instructions_that_torch_says():
    flags = CPUINFO.read_text().split()
    assert torch.cpu.get_capabilities().get("avx512_bf16", False) == ("avx512_bf16" in flags)


@pytest.mark.parametrize("name", PACKAGED)
def test_networks_are_frozen_and_channels_last(name):
    network = load(name)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    kernels = [p for p in network.parameters() if p.dim() == 4]
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)


@pytest.mark.parametrize("side", [2, (2, 4)])
def test_averages_in_the_place_of_maxima_are_doubled(side):
    model = torch.nn.Sequential(torch.nn.MaxPool2d(side), torch.nn.ReLU())
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    wanted = 2 * torch.nn.functional.avg_pool2d(image, side)
    graph.average_pooling(model)
    assert torch.allclose(model(image), wanted)


def test_a_dead_relu_gets_a_gradient_only_when_revived():
    x = torch.full((2, 3), -1.0)
    x[1, 0] = 2.0
    x.requires_grad_()
    graph.revived_relu(x).backward(torch.tensor([[-1.0, 1.0, 0.0], [1.0, -1.0, 1.0]]))
    # Image 0 is dead throughout: what would raise it passes, what would lower it does not.
    assert torch.equal(x.grad, torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    network = load("vgg16")
    images = torch.rand(1, 3, 32, 32)
    plain, revived = (network(images, ["relu2_1"], revive=r)["relu2_1"] for r in (False, True))
    assert torch.allclose(plain, revived, atol=1e-5)


def test_classes_are_found_by_name():
    assert classes.index("daisy") == classes.index(" Daisy") == classes.index("985") == 985
    assert classes.names()[classes.index("golden_retriever")] == "golden retriever"
    assert "red fox" in classes.search("fox")


@pytest.mark.parametrize(("name", "hint"), [("dasy", "daisy"), ("fox", "red fox"), ("", "Use one of")])
def test_an_unknown_class_is_refused_with_near_ones(name, hint):
    with pytest.raises(PatinaError) as caught:
        classes.index(name)
    assert caught.value.field == "class"
    assert hint in caught.value.cure


def test_unknown_networks_and_layers_are_refused_with_near_ones():
    with pytest.raises(PatinaError, match="Did you mean vgg16") as caught:
        networks.load("vgg-16", CPU)
    assert caught.value.field == "network"
    with pytest.raises(PatinaError, match="Did you mean relu4_3") as caught:
        load("vgg16").layer("relu4_4")
    assert caught.value.field == "layer"
    with pytest.raises(PatinaError, match="no classifier"):
        load("alexnet").layer("logits")
    with pytest.raises(PatinaError, match="vit_b_16"):
        networks.load("vit_b_16", CPU)


def test_every_entry_has_layers_for_style_and_content():
    for name in PACKAGED:
        network = load(name)
        assert len(network.style_layers) >= 3
        strides = [network.layer(layer).stride for layer in network.style_layers]
        assert strides == sorted(strides)
        assert network.layer(network.content_layer).stride
