"""Frames as a moving picture, and as the atlas of a flip-book."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from backend.__main__ import main
from backend.cli.film import grid

COLORS = [(200, 20, 20), (20, 200, 20), (20, 20, 200), (200, 200, 20), (20, 200, 200)]


@pytest.fixture
def frames(tmp_path) -> list[str]:
    paths = [tmp_path / f"frame_{k}.png" for k in range(len(COLORS))]
    for color, path in zip(COLORS, paths, strict=True):
        Image.new("RGB", (16, 8), color).save(path)
    return [str(path) for path in paths]


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_a_film_shows_its_frames_for_as_long_as_they_last(suffix, frames, tmp_path, capsys):
    out = tmp_path / f"film{suffix}"
    assert main(["film", *frames, "--out", str(out), "--fps", "12"]) == 0
    assert Path(capsys.readouterr().out.strip()) == out
    shown, lasted = [], 0
    with Image.open(out) as film:
        assert film.info.get("loop") == 0
        for frame in ImageSequence.Iterator(film):
            shown.append(frame.convert("RGB").getpixel((8, 4)))
            lasted += frame.info["duration"]
    assert len(shown) == len(COLORS)
    for seen, color in zip(shown, COLORS, strict=True):
        assert max(abs(a - b) for a, b in zip(seen, color, strict=True)) < 12
    assert lasted == pytest.approx(1000 * len(COLORS) / 12, abs=10)


def test_an_atlas_lies_as_its_numbers_say(frames, tmp_path):
    out = tmp_path / "atlas.png"
    assert main(["atlas", *frames, "--out", str(out), "--fps", "12.5"]) == 0
    known = json.loads(out.with_suffix(".json").read_text())
    assert known == {"frames": 5, "columns": 3, "rows": 2, "width": 16, "height": 8, "fps": 12.5}
    with Image.open(out) as atlas:
        assert atlas.size == (48, 16)
        for k, color in enumerate(COLORS):
            assert atlas.getpixel((k % 3 * 16 + 8, k // 3 * 8 + 4)) == color


def test_a_grid_is_nearly_a_square_and_has_few_empty_places():
    assert [grid(count) for count in (1, 4, 6, 8, 12)] == [(1, 1), (2, 2), (3, 2), (4, 2), (4, 3)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["film", "--out", "film.mp4"], ".webp"),
        (["film", "--out", "film.gif", "--fps", "0"], "second"),
        (["atlas", "--out", "atlas.jpg"], ".png"),
        (["atlas", "--out", "atlas.png", "--fps", "-1"], "second"),
        (["atlas", "--out", "frame_1.png"], "written over"),
    ],
)
def test_what_cannot_be_written_is_refused(words, said, frames, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([words[0], *frames, *words[1:]]) == 1
    assert said in capsys.readouterr().err


def test_frames_of_other_sizes_are_refused(frames, tmp_path, capsys):
    Image.new("RGB", (8, 8)).save(frames[2])
    assert main(["film", *frames, "--out", str(tmp_path / "film.webp")]) == 1
    assert "another size" in capsys.readouterr().err
