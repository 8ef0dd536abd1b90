"""Jobs that go on from a checkpoint: where the earlier one ended, or not at all."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from meshes import quad, sphere, write_npz
from PIL import Image
from test_stylize_job import QUICK, do, folder_of, pixels

from backend.errors import PatinaError
from backend.painting import checkpoint
from backend.painting.checkpoint import Kept
from backend.painting.pyramid import Pyramid
from backend.protocol.job import Job
from backend.rendering.mesh import read_mesh
from backend.rendering.texels import locate
from backend.result import report


@pytest.fixture(autouse=True)
def few_views(monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> tuple[Path, list[float]]:
    """A job of 10 steps: its folder, and its losses."""
    folder = folder_of(tmp_path_factory.mktemp("first") / "job")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "VIEWS", 2)
        return folder, losses(folder, replace(QUICK, steps=10))


def losses(folder: Path, job: Job) -> list[float]:
    return [event.loss for event in do(folder, job) if event.kind == "progress" and event.step]


def follow_up(ended: tuple[Path, list[float]], folder: Path) -> Path:
    """The folder of a job that goes on from the ended one."""
    folder_of(folder)
    shutil.copyfile(ended[0] / "checkpoint.npz", folder / "earlier.npz")
    return folder


def test_it_goes_on_where_the_other_ended(ended, tmp_path):
    folder, before = ended
    after = losses(follow_up(ended, tmp_path), replace(QUICK, resume="earlier.npz", steps=3))
    assert len(after) == 3
    fresh, last = before[0], np.mean(before[-3:])
    assert abs(after[0] - last) < 0.15 * (fresh - last)  # views differ from step to step
    assert np.mean(after[-3:]) - last < 0.15 * (fresh - last)
    moved = np.abs(pixels(tmp_path / "texture.png") - pixels(folder / "texture.png")).mean()
    assert moved < 0.3 * np.abs(pixels(folder / "texture.png") - pixels(folder / "content.png")).mean()
    with np.load(tmp_path / "checkpoint.npz") as file:
        assert int(file["steps"]) == 13


def test_the_texture_itself_comes_back(ended, tmp_path):
    mesh = read_mesh(ended[0] / "mesh.npz", "ball")
    texture = Pyramid(torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1)))
    moved = torch.rand(len(texture.rows), generator=torch.Generator().manual_seed(2)) < 0.5
    texture.touched[moved] = 3
    checkpoint.write(tmp_path / "checkpoint.npz", texture, mesh, Kept(7, ((9, 7), (3, 0))))
    other = Pyramid(torch.zeros(3, 64, 64))
    assert checkpoint.read(tmp_path / "checkpoint.npz", other, mesh) == Kept(7, ((9, 7), (3, 0)))
    assert (other.texture() - texture.texture()).abs().max() < 1 / 255
    assert torch.equal(other.moved(), moved)
    assert torch.equal(other.seen(), texture.seen())


def test_what_does_not_fit_is_refused(ended, tmp_path):
    folder = follow_up(ended, tmp_path)
    with pytest.raises(PatinaError, match=r"There is no checkpoint gone\.npz"):
        do(folder, replace(QUICK, resume="gone.npz"))
    with pytest.raises(PatinaError, match="another size") as caught:
        do(folder, replace(QUICK, resume="earlier.npz", texture_size=128))
    assert caught.value.field == "resume"
    write_npz(quad(), folder / "mesh.npz")
    with pytest.raises(PatinaError, match="another mesh"):
        do(folder, replace(QUICK, resume="earlier.npz"))
    write_npz(sphere(2), folder / "mesh.npz")
    (folder / "earlier.npz").write_bytes((ended[0] / "checkpoint.npz").read_bytes()[:500])
    with pytest.raises(PatinaError, match="cannot be read"):
        do(folder, replace(QUICK, resume="earlier.npz"))
    assert not (folder / "texture.png").exists()


def test_a_morph_takes_no_steps_to_go_on_with():
    with pytest.raises(PatinaError, match="resume has no meaning"):
        Job(task="morph", cppns=("a.cppn", "b.cppn"), resume="r.npz")


def drawn_on(ended: tuple[Path, list[float]], folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Draw a red scar on the ended job's texture, for a job in `folder` to go on from: where it is, and where
    its surroundings are, on the surface, both (64, 64)."""
    follow_up(ended, folder)
    picture = pixels(ended[0] / "texture.png").astype(np.uint8)
    rows, columns = np.mgrid[:64, :64]
    away = np.abs(rows - 32)
    within = (columns > 12) & (columns < 52)
    within &= locate(sphere(2), 64).used
    scar, around = (away <= 2) & within, (away > 3) & (away < 9) & within
    picture[scar] = (230, 20, 10)
    Image.fromarray(picture).save(folder / "drawn.png")
    Image.fromarray(np.where(scar, 255, 0).astype(np.uint8)).save(folder / "drawn_mask.png")
    return scar, around


def test_what_was_drawn_on_a_result_survives_and_its_surroundings_join_up(ended, tmp_path):
    scar, around = drawn_on(ended, tmp_path / "drawn")
    on = replace(QUICK, resume="earlier.npz", steps=8)
    do(tmp_path / "drawn", replace(on, drawn="drawn.png", drawn_mask="drawn_mask.png"))
    do(follow_up(ended, tmp_path / "plain"), on)
    names = ("drawn", "plain")
    kept, plain = (pixels(tmp_path / name / "texture.png") for name in names)
    assert np.abs(kept - (230, 20, 10))[scar].mean() < 15
    assert np.abs(plain - (230, 20, 10))[scar].mean() > 60
    before = pixels(ended[0] / "texture.png")
    assert np.abs(kept - before)[around].mean() > 2
    assert np.abs(kept - plain)[around].mean() > 1  # not as it would have become without
    # The checkpoint that it leaves has the scar, too.
    texture = Pyramid(torch.zeros(3, 64, 64))
    checkpoint.read(tmp_path / "drawn" / "checkpoint.npz", texture, read_mesh(ended[0] / "mesh.npz", "ball"))
    left = 255 * texture.texture().permute(1, 2, 0).numpy()
    assert np.abs(left - (230, 20, 10))[scar].mean() < 60


def test_what_was_drawn_outside_the_mask_shows_too(ended, tmp_path):
    scar, _ = drawn_on(ended, tmp_path)
    half = np.zeros((64, 64), np.uint8)
    half[:, :16] = 255
    Image.fromarray(half).save(tmp_path / "where.png")
    job = replace(QUICK, resume="earlier.npz", steps=1, mask="where.png")
    do(tmp_path, replace(job, drawn="drawn.png", drawn_mask="drawn_mask.png"))
    mask = pixels(tmp_path / "mask.png")
    assert mask[scar].min() == 255
    assert mask[40:, 24:].max() == 0
    assert np.abs(pixels(tmp_path / "texture.png") - (230, 20, 10))[scar].mean() < 15


@pytest.mark.parametrize("other", [{"resume": None}, {"drawn_mask": None}, {"relief": True}])
def test_what_is_drawn_is_for_a_job_that_goes_on(other):
    with pytest.raises(PatinaError, match="drawn"):
        replace(QUICK, **({"resume": "r.npz", "drawn": "d.png", "drawn_mask": "m.png"} | other))


def test_a_checkpoint_that_cannot_be_written(tmp_path):
    texture = Pyramid(torch.zeros(3, 64, 64))
    write_npz(sphere(1), tmp_path / "mesh.npz")
    mesh = read_mesh(tmp_path / "mesh.npz", "ball")
    (tmp_path / "checkpoint.npz").mkdir()
    with pytest.raises(PatinaError, match="cannot be written"):
        checkpoint.write(tmp_path / "checkpoint.npz", texture, mesh, Kept(1))
    assert {path.name for path in tmp_path.iterdir()} == {"mesh.npz", "checkpoint.npz"}
