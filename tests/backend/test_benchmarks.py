"""The benchmarks' own machinery on a small scale: runs that are cut off, numbers that are kept, the page."""

from __future__ import annotations

import json
import shutil
from functools import partial

import numpy as np
import pytest
import torch

from backend.painting import optimize
from backend.pictures.images import write_image
from backend.rendering.texels import locate
from backend.rendering.views import Viewing
from backend.result import report
from benchmarks import (
    beside,
    blind,
    coherence,
    jobs,
    judging,
    lucid_recipe,
    page,
    pictures,
    race,
    results,
    step_shares,
    subjects,
    surfaces,
)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Everything small, on one thread, and in a folder that goes away."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for module in (subjects, lucid_recipe, jobs):
        monkeypatch.setattr(module, "SIZE", 64, raising=False)
    for module in (subjects, jobs, race):
        monkeypatch.setattr(module, "SCRATCH", tmp_path / "scratch", raising=False)
    for module in (results, page, pictures, blind):
        monkeypatch.setattr(module, "FIGURES", tmp_path / "docs" / "benchmarks")
    monkeypatch.setattr(blind, "VOTES", tmp_path / "docs" / "benchmarks" / "votes.json")
    monkeypatch.setattr(results, "PATH", tmp_path / "docs" / "benchmarks" / "results.json")
    monkeypatch.setattr(page, "ROOT", tmp_path)
    for name, value in {"VIEW": 48, "STEPS": 4, "PART": 2}.items():
        monkeypatch.setattr(lucid_recipe, name, value)
    monkeypatch.setattr(report, "VIEWS", 3)
    caches = subjects.subject, jobs.paint
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    for cache in caches:
        cache.cache_clear()
    torch.set_num_threads(threads)


def test_the_peer_goes_on_where_it_was_cut_off_as_if_it_had_not_been(small):
    who, style = subjects.subject("fox"), subjects.painting("starry_night")
    whole = lucid_recipe.peer(who, style, 1.0, small / "whole")
    first = lucid_recipe.Recipe(who, style, 1.0)
    first.steps(2)
    first.save(small / "cut")
    run = lucid_recipe.peer(who, style, 1.0, small / "cut")
    assert sorted(run.pictures) == sorted(whole.pictures) == [2, 4]
    assert run.seconds > run.pictures[2] > 0
    one, other = (jobs.read_image(small / name / "004.png", "", "") for name in ("whole", "cut"))
    assert (one - other).abs().max() <= 2 / 255


def test_the_peer_comes_nearer_to_the_style(small, monkeypatch):
    monkeypatch.setattr(lucid_recipe, "STEPS", 14)
    monkeypatch.setattr(lucid_recipe, "VIEW", 128)
    who, style = subjects.subject("fox"), subjects.painting("starry_night")
    span = subjects.viewing_of(who, style).style_width
    viewing = Viewing(0.015, span, torch.device("cpu"))
    judged = report.Judge(who.mesh, subjects.styles_of(style), viewing)
    start = judging.style_distance(judged, lucid_recipe.Recipe(who, style, span).picture())
    lucid_recipe.peer(who, style, span, small / "run")
    assert judging.style_distance(judged, jobs.read_image(small / "run" / "014.png", "", "")) < start


def test_pieces_of_what_is_even_are_all_alike(small):
    who = subjects.subject("fox")
    judged = judging.judge(who, subjects.painting("starry_night"), views=3)
    even, no_deviation = judging.of_pieces(judged, torch.full((3, 40, 300), 0.5))
    assert no_deviation < 1e-6
    picture = jobs.read_image(subjects.painting("starry_night"), "", "")
    own, deviation = judging.of_pieces(judged, picture)
    assert deviation > 0.001
    assert own < even


def test_the_qualities_are_judged_from_near_and_far(small, monkeypatch):
    monkeypatch.setattr(judging, "VIEWS", 3)
    monkeypatch.setattr(jobs, "paint", partial(jobs.paint, steps=2))
    monkeypatch.setattr(jobs, "texture", partial(jobs.texture, steps=2))
    surfaces.qualities("fox", "starry_night")
    found = json.loads(results.PATH.read_text(encoding="utf-8"))["near_and_far"]
    for looked in (*surfaces.QUALITIES, "painting"):
        assert list(found[f"fox {looked}"]) == list(judging.AWAY)
    assert all(found[f"fox {quality}"]["near"] > 0 for quality in surfaces.QUALITIES)
    page.write()
    text = (small / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert "From near and far" in text
    assert (small / "docs" / "benchmarks" / "qualities_fox.jpg").stat().st_size < 300_000


def test_the_race_and_surfaces_end_on_the_page(small, monkeypatch):
    monkeypatch.setattr(race, "PROBE", 1)
    paint, folder = jobs.paint, jobs.folder
    monkeypatch.setattr(jobs, "paint", lambda who, style, **options: paint(who, style, steps=2, **options))
    monkeypatch.setattr(jobs, "folder", lambda who, style, **more: folder(who, style, **{"steps": 2} | more))
    race.measure("fox", "starry_night")
    monkeypatch.setattr(surfaces, "SURFACES", (("islands", "starry_night"),))
    surfaces.surfaces()
    monkeypatch.setattr(coherence, "PAIRS", (("fox", "starry_night"),))
    monkeypatch.setattr(coherence, "KEPT", 500)
    coherence.measure()
    found = json.loads(results.PATH.read_text(encoding="utf-8"))
    pair = found["race"]["fox starry_night"]
    assert set(pair["times_less"]) == {"draft", "standard"}
    assert pair["ours"]["draft"]["processor_seconds"] > 0
    assert (small / "scratch" / "race" / "sheets" / "draft" / "01_painting.png").exists()
    assert found["surfaces"]["islands starry_night"]["seam_ratio"] > 0
    assert found["surfaces"]["machine"]["cores"] > 0
    page.write()
    text = (small / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert "## Beside the recipe of 2018" in text
    assert "## Coherence, an alarm" in text
    assert "islands starry_night" in text
    assert f"networks in {found['surfaces']['machine']['networks']}" in text
    assert "Not measured yet: texture_size" in text


def test_a_coin_is_undone_when_votes_are_counted(small, monkeypatch):
    """Twelve sheets of a red texture and a blue one: whoever is for red in all of them is for the new one."""
    who, folder = subjects.subject("sphere"), small / "sheets"
    monkeypatch.setattr(blind, "SIDE", 16)
    for name, color in (("new", (1.0, 0, 0)), ("old", (0, 0, 1.0))):
        image = torch.tensor(color)[:, None, None].expand(3, 64, 64)
        pictures.to_pillow(image).save(small / f"{name}.png")
    shutil.copytree(who.folder, small / "sphere", dirs_exist_ok=True)
    painting, votes = str(subjects.painting("poppies")), {}
    for _ in range(12):
        files = [str(small / "sphere"), painting, *(str(small / f"{name}.png") for name in ("new", "old"))]
        blind.main(["sheet", str(folder), *files])
    for sheet in folder.glob("??.png"):
        image = jobs.read_image(sheet, "", "")
        upper = image[:, : image.shape[1] // 2].mean((1, 2))
        red, scores = "A" if upper[0] > upper[2] else "B", ([8, 8, 8, 8], [4, 4, 4, 4])
        votes[sheet.stem] = {"choice": red, "sure": 0.8, red: scores[0], "AB".strip(red): scores[1]}
    (small / "votes.json").write_text(json.dumps(votes))
    firsts = {one["A"] for one in json.loads((folder / "key.json").read_text()).values()}
    assert firsts == {"new", "old"}  # but once in 2,000 runs
    for judge in ("1", "2"):
        blind.main(["count", str(folder), str(small / "votes.json"), "surfaces", "Red", "Blue"])
        assert blind.row(blind.known()[-1]) == [
            *("Red against Blue", "surfaces", judge, "12 of 12", "0.80 to 0.80"),
            "8.0 8.0 8.0 8.0 against 4.0 4.0 4.0 4.0",
        ]


def test_of_a_painting_its_own_patches_are_no_alarm(small):
    judged = judging.judge(subjects.subject("sphere"), subjects.painting("poppies"), views=3)
    own = jobs.read_image(subjects.painting("poppies"), "", "")
    whole = coherence.of_painting(judged, own, (1.0,))
    assert coherence.distance(whole, whole) < 1e-3
    other = jobs.read_image(subjects.painting("starry_night"), "", "")
    assert coherence.distance(coherence.of_painting(judged, other, (1.0,)), whole) > 0.1


def test_results_are_kept_section_by_section(small):
    results.record("circles", {"a": 1})
    results.record("circles", {"b": 2})
    results.record("surfaces", {"c": 3})
    found = results.known()
    assert found["circles"].items() >= {"a": 1, "b": 2}.items()
    assert found["surfaces"]["c"] == 3


def test_islands_are_many_and_do_not_overlap(small):
    mesh = subjects.subject("islands").mesh
    texels = locate(mesh, 512)
    assert len(mesh.faces) == 320 * 16
    assert texels.used.mean() == pytest.approx(mesh.uv_areas.sum(), rel=0.02)  # each texel has one place


def test_the_networks_passes_are_counted_as_the_loop_makes_them(small, monkeypatch):
    monkeypatch.setitem(optimize.STAGES, "standard", (optimize.Stage("composing", 2, 48, 6, 0.05),))
    monkeypatch.setattr(step_shares, "EVERY", 2)
    timed = []
    monkeypatch.setattr(step_shares, "_seconds", lambda work: timed.append(work()) or (2.0, 3.0))
    step_shares.measure()
    found = results.known()["step_shares"]
    assert len(timed) == 2 * 3  # after every other of six steps, a step's passes and those of new views
    steps, draws = 6, 6  # the bank is never full
    assert found["steps"] == steps
    assert found["network_alone_seconds"] == 2.0 * (steps + draws)
    assert found["network_alone_processor_seconds"] == 3.0 * (steps + draws)
    loop = found["loop_seconds"]
    assert loop == pytest.approx(sum(found["parts"].values()), abs=0.02)
    assert found["not_the_network"] == pytest.approx(1 - 24 / loop, rel=0.05)


@pytest.mark.parametrize("degrees", [0, 70])
def test_an_object_beside_its_painting_fills_its_place_and_is_not_cut(small, degrees):
    job = small / "job"
    shutil.copytree(subjects.subject("fox").folder, job)
    write_image(torch.tensor([0.9, 0.1, 0.1])[:, None, None].expand(3, 8, 8), job / "texture.png")
    page = np.asarray(beside.pair(job, subjects.painting("starry_night"), degrees)).astype(int)
    for left in (-2 * beside.VIEW, -beside.VIEW):
        view = page[:, page.shape[1] + left :][:, : beside.VIEW]
        shown = (np.abs(view - beside.GROUND) > 4).any(2)
        assert not shown[[0, -1]].any()
        assert not shown[:, [0, -1]].any()
        high, wide = (np.ptp(shown.any(axis).nonzero()[0]) + 1 for axis in (1, 0))
        assert max(high, wide) > 0.75 * beside.VIEW
