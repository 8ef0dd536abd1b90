"""Patina from scripts: the page about it runs, the panel is left alone, and what is wrong is said before."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default import patina
from bl_ext.user_default.patina.addon import folders, given, jobs, problems, scope
from bl_ext.user_default.patina.addon.operators import stylize as stylizing
from bl_ext.user_default.patina.addon.properties.settings import PatinaSettings
from bl_ext.user_default.patina.addon.settings import dump
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.protocol.events import Event
from bl_ext.user_default.patina.backend.protocol.job_file import read_job

PAGE = (Path(__file__).parents[2] / "docs" / "scripting.md").read_text(encoding="utf-8")
TINY = {"quality": "sketch", "texture_size": "256"}


def test_the_page_runs(fox, capsys):
    """And does what it says: the painted fox wears what the last of its examples left, and shows its own."""
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 5
    names: dict[str, object] = {}
    for example in examples[:4]:
        exec(example, names)
    assert [image["patina_folder"] for image in names["images"]] == [names["result"].folder.name]
    exec(examples[4], names)
    first, (second,) = names["result"], names["results"]
    assert [first.state, second.state] == ["finished", "finished"]
    assert second.objects == [fox]
    assert read_job(second.folder).seed == 7
    assert [round(style.weight, 1) for style in read_job(second.folder).styles] == [2.0, 1.0]
    said = capsys.readouterr().out
    assert "There is no setting 'qualty'. Did you mean quality?" in said
    assert re.search(r"fox: \d+%", said)
    last = read_job(jobs.ended[-1].folder)
    assert (last.quality, [Path(style.image).stem for style in last.styles]) == (
        "sketch",
        ["style", "style_1"],
    )
    assert bpy.data.objects["fox"].patina.slots[0].original == fox.material_slots[0].material


def test_a_script_neither_heeds_the_panel_nor_changes_it(cube, monkeypatch):
    panel, limits = bpy.context.scene.patina, bpy.context.scene.patina_scope
    panel.seed, panel.network, panel.layers = 5, "vgg16", {"relu1_2"}
    panel.mixed.add().weight = 3.0
    picture = bpy.data.images.new("Mask", 8, 8)
    limits.mask_image, limits.share = picture, True
    bpy.ops.mesh.primitive_cube_add()
    other = bpy.context.object
    before = dump(panel), dump(limits)
    (result,) = patina.stylize("Cube", "poppies", **TINY, strength=0.25, wait=False)
    assert (dump(panel), dump(limits), limits.mask_image) == (*before, picture)
    assert bpy.context.selected_objects == [other] == [bpy.context.object]
    made = read_job(result.folder)
    assert (made.seed, made.strength, made.layers, len(made.styles)) == (0, 0.25, (), 1)
    assert (result.state, result.is_over, result.error, result.report) == ("waiting", False, None, {})
    result.cancel()
    assert (result.state, result.is_over) == ("cancelled", True)


@pytest.mark.parametrize(
    ("objects", "settings", "words"),
    [
        ("Cube", {"quality": "quick"}, "quality cannot be 'quick'. Use one of: sketch, draft"),
        ("Cube", {"seed": "much"}, "seed cannot be 'much'. It is: Another number"),
        ("Cube", {"mask": "IMAGE", "mask_image": "Gone"}, "names 'Gone', which is not in this file"),
        ("Cube", {"mask": "IMAGE", "mask_image": 3}, "mask_image cannot be 3. Give one of kind Image"),
        ("Cube", {"style": "no/such.png"}, "no/such.png does not exist"),
        ("Cube", {"style": []}, "There is no style"),
        ("Sphere", {}, "There is no object 'Sphere' here"),
        ([], {}, "There are no objects"),
    ],
)
def test_what_is_wrong_is_said_before_anything_changes(cube, objects, settings, words):
    before = dump(bpy.context.scene.patina), dump(bpy.context.scene.patina_scope)
    with pytest.raises(PatinaError, match=re.escape(words)):
        patina.stylize(objects, **({"style": "poppies"} | settings))
    assert (dump(bpy.context.scene.patina), dump(bpy.context.scene.patina_scope)) == before
    assert not jobs.queue
    assert not list(folders.jobs().glob("*")) or settings.get("mask") is None


def test_one_that_cannot_be_painted_does_not_keep_the_others_from_it(cube):
    bpy.ops.mesh.primitive_plane_add()
    bpy.context.object.data.clear_geometry()
    bpy.context.object.name = "Empty"
    results = patina.stylize(["Cube", "Empty"], "poppies", **TINY, wait=False)
    assert [result.name for result in results] == ["Cube", "Empty"]
    assert results[1].state == "failed"
    assert "Empty" in results[1].error.message
    assert (results[1].folder, results[1].textures, results[1].objects) == (None, [], [])
    results[0].cancel()
    patina.wait_for(results)


def test_a_watcher_is_told_how_a_job_ends_and_may_stumble(cube, monkeypatch):
    told: list[Event] = []
    (result,) = patina.stylize(
        cube, "poppies", **TINY, wait=False, on_event=lambda _, event: told.append(event)
    )
    result.run.python = Path(sys.executable).with_name("no-such-python")
    patina.wait_for([result])
    assert [event.kind for event in told] == ["failed"]
    assert result.error.message == told[0].message != ""

    def stumble(*_):
        raise ZeroDivisionError

    (result,) = patina.stylize(cube, "poppies", **TINY, wait=False, on_event=stumble)
    result.cancel()
    assert result.state == "cancelled"


def test_an_operator_has_every_setting_of_the_panel():
    known = set(bpy.ops.patina.stylize.get_rna_type().properties.keys())
    for group in (PatinaSettings, scope.PatinaScope):
        for prop in group.bl_rna.properties:
            inside = prop.type == "POINTER" and hasattr(prop.fixed_type, "properties")
            names = {prop.identifier} - {"rna_type", "name", "colors"}
            if names and inside and prop.identifier not in known:
                names = {f"{prop.identifier}__{one.identifier}" for one in prop.fixed_type.properties}
                names -= {f"{prop.identifier}__{name}" for name in ("rna_type", "name")}
                assert names
            assert names <= known


def test_what_is_given_counts_once(cube, monkeypatch):
    panel = bpy.context.scene.patina
    panel.seed, panel.quality = 3, "final"
    picture = bpy.data.images.new("Mask", 8, 8)
    begun = []

    def begin(context, values, anew=False):
        with given.given(panel, values), given.given(context.scene.patina_scope, values):
            begun.append((dump(panel), context.scene.patina_scope.mask_image))
        raise PatinaError("Enough.")

    monkeypatch.setattr(stylizing, "begin", begin)
    with pytest.raises(RuntimeError, match="Enough"):
        bpy.ops.patina.stylize(quality="draft", target__class_name="goldfish", mask_image="Mask")
    with pytest.raises(RuntimeError, match="Enough"):
        bpy.ops.patina.stylize()
    (first, mask), (second, none) = begun
    assert (first["quality"], first["seed"], first["target"]["class_name"], mask) == (
        "draft",
        3,
        "goldfish",
        picture,
    )
    assert (second["quality"], second["target"]["class_name"], none) == ("final", "daisy", None)
    assert problems.shown
