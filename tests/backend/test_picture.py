"""A flat picture's style: the whole of it painted coarse to fine, in its own pixels."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
import torch

from backend import networks
from backend.errors import PatinaError
from backend.objectives.style import layer_mask
from backend.painting import picture as module
from backend.painting import picture_job
from backend.painting.brush import Brush
from backend.painting.picture import COARSEST, FINEST, STEP, Picture, finished, stages, style_side
from backend.pictures.images import read_image, write_image
from backend.pictures.styles import Styles
from backend.protocol.job import Job
from backend.protocol.parts import Style
from backend.session import JobSession

SIDE = 72


def noise(seed: int, height: int = SIDE, width: int = SIDE, blocks: int = 12) -> torch.Tensor:
    """(3, height, width): blocks of random colours."""
    random = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, blocks, blocks, generator=random)
    return torch.nn.functional.interpolate(small, (height, width))[0]


def content(height: int = SIDE, width: int = SIDE) -> torch.Tensor:
    """(3, height, width): a dark disc on a pale slope."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.where(x * x + y * y < 0.2, 0.1, 0.7 + 0.2 * x).expand(3, -1, -1).contiguous()


def painted(folder, style: torch.Tensor | None = None, **fields) -> tuple[torch.Tensor, dict]:
    folder.mkdir(exist_ok=True)
    write_image(content(), folder / "content.png")
    write_image(noise(1) if style is None else style, folder / "style.png")
    chosen = {"steps": 6, "image_size": SIDE} | fields
    job = Job(content="content.png", styles=(Style("style.png"),), parameterization="pixel", **chosen)
    picture_job.run(JobSession(job, folder, lambda event: None, lambda: False))
    report = json.loads((folder / "report.json").read_text())
    return read_image(folder / "image.png", "result", "out"), report


def styles(side: int = 256) -> Styles:
    return Styles((noise(1, side, side),), (1.0,))


def test_stages_go_up_to_the_picture_by_halves_of_its_area():
    planned = stages(Picture(content(768, 512), content(768, 512)), styles(512), "standard", None)
    assert planned[-1].size == 768
    for before, after in pairwise(planned):
        assert after.size / before.size == pytest.approx(STEP, rel=0.01)
        assert after.steps <= before.steps
    assert COARSEST / STEP < planned[0].size <= COARSEST


def test_no_stage_is_finer_than_the_styles_are():
    picture = Picture(content(900, 900), content(900, 900))
    last = stages(picture, styles(200), "final", None)[-1]
    assert last.size == round(FINEST * 200 / style_side(1, 1))


@pytest.mark.parametrize("quality", ["draft", "standard", "final"])
def test_asked_for_steps_are_the_steps(quality):
    planned = stages(Picture(content(600, 600), content(600, 600)), styles(512), quality, 7)
    assert sum(stage.steps for stage in planned) == 7


def test_a_better_quality_does_more():
    picture = Picture(content(600, 600), content(600, 600))
    work = [
        sum(stage.steps * stage.pixels for stage in stages(picture, styles(512), quality, None))
        for quality in ("draft", "standard", "final")
    ]
    assert work[0] < 0.6 * work[1] < 0.6 * work[2]


def test_a_painting_that_changed_nothing_gives_the_start_to_the_pixel():
    start = noise(3, blocks=36)
    picture = Picture(content(), start)
    small = picture.at(40).start
    assert small.shape == (3, 40, 40)
    torch.testing.assert_close(finished(picture, small), start)


def test_a_network_does_not_see_where_a_picture_ends():
    """Of one of one colour, what counts of the first layers is the same up to the border."""
    network = networks.load("vgg16", torch.device("cpu"), True)
    found = network(module._framed(torch.full((1, 3, 96, 64), 0.4)), ["relu1_1", "relu2_1"])
    for features, size in zip(found.values(), [(96, 64), (48, 32)], strict=True):
        within = module._within(features, 64)
        assert within.shape[2:] == size
        assert within.var((2, 3)).max() < 1e-9
        counts = layer_mask(module._around(torch.ones(1, 96, 64)), features.shape[2:], 0)
        assert torch.equal(module._within(counts[None], 64), torch.ones(1, 1, *size))
        assert counts.sum() == size[0] * size[1]


def test_unrest_is_the_mean_slope():
    slope = torch.linspace(0, 1, 11).expand(1, 3, 11, 11)
    assert float(module._unrest(slope)) == pytest.approx(0.1, rel=1e-4)


def test_a_picture_takes_on_the_style_and_keeps_its_landmarks(tmp_path):
    result, report = painted(tmp_path, steps=30)
    assert report["style_distance"] < 0.6 * report["style_distance_before"]
    assert report["steps"] == 30
    dark = content()[0] < 0.5
    assert result[:, dark].mean() < result[:, ~dark].mean() - 0.1


def test_at_strength_0_the_picture_stays_as_it_is(tmp_path):
    result, report = painted(tmp_path, strength=0.0)
    assert torch.equal(result, read_image(tmp_path / "content.png", "content", "content"))
    assert report["steps"] == 0


def test_outside_the_mask_the_picture_stays_as_it_is(tmp_path):
    mask = torch.zeros(3, SIDE, SIDE)
    mask[:, :, SIDE // 2 :] = 1
    write_image(mask, tmp_path / "mask.png")
    result, _ = painted(tmp_path, mask="mask.png")
    before = read_image(tmp_path / "content.png", "content", "content")
    assert torch.equal(result[..., : SIDE // 2], before[..., : SIDE // 2])
    assert (result - before)[..., SIDE // 2 :].abs().mean() > 0.05


def test_the_object_s_colours_are_its_own(tmp_path):
    grey = content().mean((1, 2))
    own, _ = painted(tmp_path / "object", colors=1.0, steps=20)
    theirs, _ = painted(tmp_path / "style", colors=0.0, steps=20)
    spread = [float((image - image.mean(0)).abs().mean()) for image in (own, theirs)]
    assert spread[0] < 0.4 * spread[1]  # the content is grey
    assert (own.mean((1, 2)) - grey).abs().max() < 0.1


@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.75, 0.5)])
def test_ink_leaves_no_stain(tmp_path, tint):
    """Of a style with colours on a line, through grey, all of the result is on that line."""
    axis = torch.tensor(tint)[:, None, None] / torch.tensor(tint).norm()
    ink = 0.5 + (noise(1)[:1] - 0.5) * 0.8 * axis
    found, _ = painted(tmp_path, ink, steps=30, strength=1.0)
    away = found - 0.5 - (axis * (found - 0.5)).sum(0) * axis
    assert found.std() > 0.1
    assert away.abs().max() < 0.02


def test_the_same_seed_gives_the_same_picture(tmp_path):
    first, _ = painted(tmp_path / "a", seed=3)
    second, _ = painted(tmp_path / "b", seed=3)
    assert torch.equal(first, second)


def test_a_picture_too_large_to_be_looked_at_whole_is_painted_all_over(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SIDE", 40)
    monkeypatch.setattr(module, "COARSEST", 64)
    result, report = painted(tmp_path, steps=24)
    assert report["style_distance"] < 0.7 * report["style_distance_before"]
    before = read_image(tmp_path / "content.png", "content", "content")
    start = picture_job.initial_picture(before, styles(SIDE), Job(**JOB), torch.device("cpu"))
    changed = (result - start).abs().mean(0)
    quarters = [part for half in changed.chunk(2, 0) for part in half.chunk(2, 1)]
    assert min(float(part.mean()) for part in quarters) > 0.01


JOB = {"content": "content.png", "styles": (Style("style.png"),), "parameterization": "pixel"}


def test_with_little_memory_the_network_looks_at_parts(tmp_path, monkeypatch):
    """The system says no to anything larger than half a side."""
    seen = []

    def features(self, images, layers):
        seen.append(images.shape[-1])
        if images.shape[-1] > 140 and len(layers) > 1:
            raise RuntimeError("not enough memory: you tried to allocate 1 bytes")
        return original(self, images, layers)

    original = module._Score._features
    picture = Picture(content(128, 128), content(128, 128))
    network = networks.load("vgg16", torch.device("cpu"), True)
    plan = module.Plan((module.Stage("refining", 1.0, 128, 1, 0.02),), 0.05)
    session = JobSession(Job(**JOB), tmp_path, lambda event: told.append(event.message), lambda: False)
    told: list[str] = []
    monkeypatch.setattr(module, "SIDE", 128)
    monkeypatch.setattr(module._Score, "_features", features)
    brush = Brush(torch.Generator().manual_seed(0))
    progress, *_ = module.paint(picture, styles(64), network, plan, session, brush)
    assert progress.step == 1
    assert math.isfinite(progress.loss)
    assert 64 + 2 * module.BORDER in seen
    assert any("little memory" in text for text in told)
    assert ((brush.shown - picture.start).abs() > 0).any()


def test_steps_without_numbers_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_unrest", lambda images: images.sum() * math.nan)
    told: list[str] = []
    write_image(content(), tmp_path / "content.png")
    write_image(noise(1), tmp_path / "style.png")
    job = Job(**JOB, steps=6, image_size=SIDE)
    picture_job.run(JobSession(job, tmp_path, lambda event: told.append(event.message), lambda: False))
    assert sum("gave no numbers" in text for text in told) == module.MAX_SKIPPED_STEPS
    assert read_image(tmp_path / "image.png", "result", "out").std() > 0


@pytest.mark.parametrize("other", [{"parameterization": "fourier"}, {"task": "synthesize", "content": None}])
def test_a_mask_is_for_pictures_painted_in_pixels(other):
    with pytest.raises(PatinaError, match="mask"):
        Job(**(JOB | {"mask": "mask.png"} | other))
