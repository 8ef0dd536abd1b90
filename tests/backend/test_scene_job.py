"""Jobs for several textures and for parts of one, from their files to their files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from meshes import quad, sphere, write_npz
from PIL import Image
from test_stylize_job import JOB, do, folder_of, waves
from test_tiles import half, joined

from backend import session
from backend.errors import PatinaError
from backend.protocol.parts import Tile
from backend.result import report

SIZE = JOB.texture_size
SET = replace(
    JOB,
    name="the set",
    content=None,
    tiles=(Tile("cup", "content.png"), Tile("plate", "other.png"), Tile("plain")),
)


@pytest.fixture(autouse=True)
def few_views(monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(float)


def set_of_three(folder: Path, job=SET) -> Path:
    mesh = joined([sphere(2), quad(), sphere(1)], np.array([[0, 0, 0], [3, 0, 0], [0, 4, 0]]))
    folder_of(folder, job, mesh)
    write_npz(mesh, folder / "mesh.npz", tiles=mesh.tiles, objects=mesh.objects)
    waves(100, (0.9, 0.3, 0.3), 7).save(folder / "other.png")
    return folder


def test_a_set_gets_a_texture_each_and_a_report_of_each(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "PREVIEW_SECONDS", 0.0)
    folder = set_of_three(tmp_path / "job")
    events = do(folder, SET)
    assert (events[-1].kind, events[-1].path) == ("finished", "texture_0.png")
    textures = [pixels(folder / f"texture_{k}.png") for k in range(3)]
    assert all(texture.shape == (SIZE, SIZE, 3) for texture in textures)
    assert not (folder / "texture.png").exists()
    assert not list(folder.glob("mask*"))
    assert {event.path for event in events if event.kind == "preview"} == {"preview_0.png"}
    assert {path.name for path in folder.glob("preview*")} == {f"preview_{k}.png" for k in range(3)}
    found = json.loads((folder / "report.json").read_text())["tiles"]
    assert [each["name"] for each in found] == ["cup", "plate", "plain"]
    assert [each["texture"] for each in found] == [f"texture_{k}.png" for k in range(3)]
    assert all(0.2 < each["coverage"] <= 1 for each in found)
    assert all(each["style_distance"] > 0 for each in found)
    for texture in textures:  # towards the blue of the style
        assert texture[..., 2].mean() > texture[..., 0].mean()


def test_the_same_set_gives_the_same_bytes(tmp_path):
    first, second = (set_of_three(tmp_path / name) for name in ("a", "b"))
    for folder in (first, second):
        do(folder, replace(SET, occlusion=True))
    for k in range(3):
        assert (first / f"texture_{k}.png").read_bytes() == (second / f"texture_{k}.png").read_bytes()


def test_a_texture_without_room_is_told_and_the_others_are_painted(tmp_path):
    mesh = joined([sphere(2), quad()], np.zeros((2, 3)))
    mesh.uvs[mesh.tiles == 1] *= 1e-3
    job = replace(SET, tiles=SET.tiles[:2])
    folder = set_of_three(tmp_path / "job", job)
    write_npz(mesh, folder / "mesh.npz", tiles=mesh.tiles, objects=mesh.objects)
    events = do(folder, job)
    assert any("plate" in event.message for event in events if event.kind == "message")
    found = json.loads((folder / "report.json").read_text())["tiles"]
    assert found[1]["coverage"] is None
    assert found[0]["coverage"] > 0.5


@pytest.mark.parametrize("tiles", [SET.tiles[:2], ()])
def test_faces_of_a_texture_that_is_not_there_are_refused(tmp_path, tiles):
    folder = set_of_three(tmp_path / "job")
    with pytest.raises(PatinaError, match="a texture other than its"):
        do(folder, replace(SET, tiles=tiles))


def masked_job(folder: Path, content: tuple[int, int], **changed: object) -> Path:
    """A square of which the left half is to be painted; its content has (height, width) texels."""
    mesh = half()
    folder_of(folder, JOB, mesh)
    write_npz(mesh, folder / "mesh.npz", weights=mesh.weights, **changed)
    waves(max(content), (0.9, 0.7, 0.1), 20).resize(content[::-1]).save(folder / "content.png")
    return folder


def test_a_mask_has_the_contents_size_and_is_nothing_outside(tmp_path):
    folder = masked_job(tmp_path / "job", (96, 48))
    do(folder, replace(JOB, steps=8))
    mask = pixels(folder / "mask.png")
    assert mask.shape == (96, 48)
    assert (mask[:, :24] == 255).all()
    assert (mask[:, 24:] == 0).all()
    found = json.loads((folder / "report.json").read_text())
    assert found["coverage"] > 0.9  # of the painted half


def test_a_mask_picture_is_as_good_and_multiplies(tmp_path):
    folder = masked_job(tmp_path / "job", (SIZE, SIZE))
    stripes = np.zeros((SIZE, SIZE), np.uint8)
    stripes[: SIZE // 2] = 255
    Image.fromarray(stripes).save(folder / "painted.png")
    do(folder, replace(JOB, mask="painted.png"))
    mask = pixels(folder / "mask.png")
    assert (mask[: SIZE // 2, : SIZE // 2] == 255).all()
    assert mask.sum() == 255 * (SIZE // 2) ** 2


def test_what_lies_outside_the_mask_shows_in_views_and_previews(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "PREVIEW_SECONDS", 0.0)
    folder = masked_job(tmp_path / "job", (SIZE, SIZE))
    do(folder)
    content, preview = pixels(folder / "content.png"), pixels(folder / "preview.png")
    assert np.abs(preview - content)[:, SIZE // 2 + 1 :].max() <= 1
    assert np.abs(preview - content)[:, : SIZE // 2 - 1].mean() > 20


def test_an_empty_mask_is_refused(tmp_path):
    folder = masked_job(tmp_path / "job", (SIZE, SIZE))
    write_npz(half(), folder / "mesh.npz", weights=np.zeros_like(half().weights))
    with pytest.raises(PatinaError) as caught:
        do(folder)
    assert caught.value.field == "mask"
