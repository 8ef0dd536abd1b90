"""The benchmarks' own machinery on a small scale: runs that are cut off, numbers that are kept, the page."""

from __future__ import annotations

import json
from functools import partial

import pytest
import torch

from backend.painting import optimize
from backend.rendering.texels import locate
from backend.rendering.views import Viewing
from backend.result import report
from benchmarks import (
    jobs,
    judging,
    lucid_recipe,
    page,
    pictures,
    results,
    step_shares,
    subjects,
    surfaces,
    time_to_quality,
)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Everything small, on one thread, and in a folder that goes away."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for module in (subjects, lucid_recipe, jobs):
        monkeypatch.setattr(module, "SIZE", 64, raising=False)
    for module in (subjects, jobs, time_to_quality):
        monkeypatch.setattr(module, "SCRATCH", tmp_path / "scratch", raising=False)
    for module in (results, page, pictures):
        monkeypatch.setattr(module, "FIGURES", tmp_path / "docs" / "benchmarks")
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


def test_time_to_quality_and_surfaces_end_on_the_page(small, monkeypatch):
    monkeypatch.setattr(time_to_quality, "LADDER", ({"quality": "draft", "steps": 2},))
    monkeypatch.setattr(time_to_quality, "PROBE", 1)
    time_to_quality.measure("fox", "starry_night")
    monkeypatch.setattr(surfaces, "SURFACES", (("islands", "starry_night"),))
    paint = jobs.paint
    monkeypatch.setattr(jobs, "paint", lambda who, style, **options: paint(who, style, steps=2, **options))
    surfaces.surfaces()
    found = json.loads(results.PATH.read_text(encoding="utf-8"))
    pair = found["time_to_quality"]["fox starry_night"]
    assert [step for step, _ in pair["peer"]][-1] == pytest.approx(pair["peer_seconds"], abs=1)
    assert pair["ours"][0][0] == "draft 2"
    assert found["surfaces"]["islands starry_night"]["seam_ratio"] > 0
    assert found["surfaces"]["machine"]["cores"] > 0
    page.write()
    text = (small / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert "## Time to quality" in text
    assert "islands starry_night" in text
    assert f"networks in {found['surfaces']['machine']['networks']}" in text
    assert "Not measured yet: texture_size" in text
    assert (small / "docs" / "benchmarks" / "time_to_quality_fox_starry_night.png").exists()


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
