"""The panel: what each mode shows, what it says about every selection, and that drawing never raises."""

from __future__ import annotations

import bpy
import pytest
import recorder
from bl_ext.user_default.patina.addon import (
    catalogue,
    job_fields,
    modes,
    readiness,
    recent,
    thumbnails,
    timings,
)
from bl_ext.user_default.patina.addon.properties.advanced import NETWORK_NAMES
from bl_ext.user_default.patina.addon.properties.dream import PatinaTarget
from bl_ext.user_default.patina.addon.properties.settings import MODES, PatinaSettings
from bl_ext.user_default.patina.addon.properties.style import PatinaKey, PatinaStyle
from bl_ext.user_default.patina.addon.ui import advanced, panel
from bl_ext.user_default.patina.addon.ui.text import _letters, lines

MODES = [mode[0] for mode in MODES]


@pytest.fixture(autouse=True)
def settings(_clean_file) -> bpy.types.PropertyGroup:
    return bpy.context.scene.patina


def drawn(width: int = 240) -> recorder.Recorder:
    """The panel and its fold."""
    layout = recorder.draw(panel.PATINA_PT_stylize, width)
    fold = recorder.draw(advanced.PATINA_PT_advanced, width)
    layout.props += fold.props
    return layout


def shown() -> set[str]:
    return {name for _, name in drawn().props}


SHOWN = {
    "style": {
        "style",
        "strength",
        "palette",
        "follow_shape",
        "style_size",
        "motifs",
        "relief",
        "material",
        "layers",
        "style_loss",
    },
    "dream": {"present", "reflectance", "kind", "class_name"},
    "texture": {"style", "relief", "style_size", "layers"},
    "transparent": {"kind", "class_name"},
    "animate": {"between", "style", "frames", "aligned", "layers"},
}
OF_A_MODE = set().union(*SHOWN.values())


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_shows_its_own_settings_only(cube, settings, mode):
    settings.mode = mode
    assert shown() & OF_A_MODE == SHOWN[mode]
    assert {"mode", "seed", "network", "steps", "texture_size", "views"} <= shown()
    assert ("quality" in shown()) == (mode != "texture")  # which is sewn, and is so in seconds


@pytest.mark.parametrize(
    ("name", "value"), [("relief", True), ("steps", 20), ("parameterization", "fourier")]
)
def test_a_texture_that_is_optimised_has_scales_and_a_quality(cube, settings, name, value):
    settings.mode = "texture"
    setattr(settings, name, value)
    assert {"scales", "quality"} <= shown()
    assert "style_size" not in shown()


def test_a_dream_of_what_is_there_asks_for_no_class(cube, settings):
    settings.mode, settings.present = "dream", True
    assert not {"kind", "class_name", "layer", "reflectance"} & shown()


def test_a_channel_asks_for_its_layer(cube, settings):
    settings.mode, settings.target.kind = "dream", "channel"
    assert {"layer", "channel"} <= shown()
    assert "class_name" not in shown()


def library_object() -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(calc_uvs=True)
    return bpy.context.object


def nothing() -> None:
    bpy.ops.object.select_all(action="DESELECT")


def lamp() -> None:
    nothing()
    bpy.ops.object.light_add()


def text() -> None:
    nothing()
    bpy.ops.object.text_add()


def no_uvs() -> None:
    for layer in list(bpy.context.object.data.uv_layers):
        bpy.context.object.data.uv_layers.remove(layer)


def edited() -> None:
    bpy.ops.object.mode_set(mode="EDIT")


def shared() -> None:
    bpy.context.object.data.users  # noqa: B018
    copy = bpy.data.objects.new("Twin", bpy.context.object.data)
    bpy.context.scene.collection.objects.link(copy)


def kept() -> None:
    bpy.context.object.material_slots[0].material.use_fake_user = True


def several() -> None:
    bpy.context.object.select_set(True)
    first = bpy.context.object
    bpy.ops.mesh.primitive_monkey_add(calc_uvs=True)
    first.select_set(True)


def empty_slot() -> None:
    bpy.context.object.data.materials.append(None)


SELECTIONS = {
    "nothing": (nothing, "Select a mesh", True),
    "no surface": (lamp, "has no surface", True),
    "a text": (text, "becomes a mesh", False),
    "no UVs": (no_uvs, "has no UV map", False),
    "Edit Mode": (edited, "", False),
    "a shared mesh": (shared, "Others share", False),
    "a fake user": (kept, "", False),
    "several": (several, "", False),
    "an empty slot": (empty_slot, "", False),
}


@pytest.mark.parametrize("what", SELECTIONS)
def test_every_selection_is_told_what_would_happen(cube, what):
    make, words, stops = SELECTIONS[what]
    make()
    try:
        layout = drawn()
        advice = readiness.of_selection(bpy.context)
        assert words in " ".join(each.text for each in advice)
        assert any(each.stops for each in advice) == stops
        assert "patina.stylize" in layout.operators
        assert words.split(maxsplit=1)[0] in " ".join(layout.texts) if words else True
    finally:
        if bpy.context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")


def test_a_linked_object_is_told_to_be_made_local(tmp_path):
    bpy.ops.mesh.primitive_cube_add(calc_uvs=True)
    bpy.context.object.name = "Borrowed"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"), copy=True)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, into):
        into.objects = ["Borrowed"]
    (obj,) = into.objects
    bpy.context.scene.collection.objects.link(obj)
    obj.select_set(True)
    (advice,) = readiness.of_selection(bpy.context)
    assert advice.stops
    assert "linked from a library" in advice.text
    drawn()


def test_one_bad_object_among_several_does_not_stop_the_others(cube, settings):
    several()
    settings.unwrap = False
    no_uvs()
    advice = readiness.of_selection(bpy.context)
    assert [each.text.startswith("{} has no UV map. Switch on Unwrap") for each in advice] == [True]
    assert not any(each.stops for each in advice)
    cube.select_set(False)
    assert any(each.stops for each in readiness.of_selection(bpy.context))


def test_an_image_that_is_not_chosen_stops_it(cube, settings):
    settings.style = "FILE"
    assert any(each.stops for each in readiness.of_settings(settings, "style"))
    settings.style_file = "/somewhere/a.png"
    assert not readiness.of_settings(settings, "style")
    assert "style_file" in shown()


def test_an_animation_needs_two_ends(settings):
    assert settings.style != settings.style_to.style
    assert not readiness.of_settings(settings, "animate")
    settings.style_to.style = settings.style
    assert readiness.of_settings(settings, "animate")[0].stops
    settings.between = "dreams"
    assert readiness.of_settings(settings, "animate")[0].stops
    settings.target_to.class_name = "lion"
    assert not readiness.of_settings(settings, "animate")


@pytest.mark.parametrize("width", [0, 80, 160, 400])
def test_it_draws_in_every_width(width):
    drawn(width)


TEXT = "Cube is linked from a library. Make it local first (Object > Relations)."
PATH = "The style image /a/very/long/path/without/any/space/in/it/style.png does not exist."


@pytest.mark.parametrize("text", [TEXT, PATH, "立方体は編集モードです。Tab キーで抜けてください。", "", "a"])
@pytest.mark.parametrize("letters", [-3, 12, 20, 1000])
def test_running_text_keeps_to_its_width(text, letters):
    wrapped = lines(text, letters)
    assert "".join(wrapped).replace(" ", "") == text.replace(" ", "")
    most = max(12, letters)
    assert all(_letters(line) <= most + 2 for line in wrapped)
    assert letters < 1000 or wrapped == ([text] if text else [])


def test_styles_are_mixed(cube, settings):
    assert bpy.ops.patina.style_add() == {"FINISHED"}
    assert bpy.ops.patina.style_add() == {"FINISHED"}
    names = {settings.style, *(choice.style for choice in settings.mixed)}
    assert len(names) == 3
    assert {"mixed", "weight"} <= shown()
    settings.mixed_index = 0
    second = settings.mixed[1].style
    assert bpy.ops.patina.style_remove() == {"FINISHED"}
    assert [choice.style for choice in settings.mixed] == [second]
    bpy.ops.patina.style_remove()
    assert not bpy.ops.patina.style_remove.poll()


def test_keys_are_set_at_frames_of_the_scene(cube, settings):
    settings.mode, settings.between = "animate", "keys"
    assert not {"style_keys", "strength", "hold"} & shown()
    assert readiness.of_settings(settings, "animate")[0].stops
    scene = bpy.context.scene
    scene.frame_end = 40
    for frame in (5, 20, 20):  # where one is, the next stands at the end
        scene.frame_current = frame
        assert bpy.ops.patina.key_add() == {"FINISHED"}
    assert [key.frame for key in settings.style_keys] == [5, 20, 40]
    assert len({key.style for key in settings.style_keys}) == 3
    assert {"style_keys", "frame", "strength", "textures", "easing", "loop"} <= shown()
    assert not readiness.of_settings(settings, "animate")
    scene.frame_current, settings.style_key_index = 30, 0
    assert bpy.ops.patina.key_move() == {"FINISHED"}
    assert [key.frame for key in modes.keys_in_order(settings)] == [20, 30, 40]
    bpy.ops.patina.style_open(filepath="/pictures/c.png", choice="patina.style_keys[0]")
    assert settings.style_keys[0].style_file == "/pictures/c.png"
    for _ in range(3):
        bpy.ops.patina.key_remove()
    assert not bpy.ops.patina.key_remove.poll()


def test_keys_of_dreams_are_a_list_of_their_own(cube, settings):
    settings.mode, settings.between = "animate", "dream_keys"
    settings.target.kind, settings.target.channel = "channel", 5
    assert readiness.of_settings(settings, "animate")[0].stops
    scene = bpy.context.scene
    scene.frame_end = 40
    for frame in (5, 20):
        scene.frame_current = frame
        assert bpy.ops.patina.key_add() == {"FINISHED"}
    assert [(key.frame, key.kind, key.channel) for key in settings.dream_keys] == [
        (5, "channel", 5),
        (20, "channel", 6),
    ]
    assert not settings.style_keys
    assert {"dream_keys", "frame", "kind", "layer", "channel", "textures", "easing", "loop"} <= shown()
    assert not {"strength", "style", "palette", "style_size", "aligned"} & shown()
    assert not readiness.of_settings(settings, "animate")
    scene.frame_current, settings.dream_key_index = 30, 0
    assert bpy.ops.patina.key_move() == {"FINISHED"}
    assert [key.frame for key in modes.keys_in_order(settings)] == [20, 30]
    for _ in range(2):
        bpy.ops.patina.key_remove()
    assert not bpy.ops.patina.key_remove.poll()


def test_a_recent_style_becomes_the_own_image(cube, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(recent, "_path", tmp_path / "recent.json")
    monkeypatch.setattr(recent, "files", [])
    files = [tmp_path / f"{number}.png" for number in range(recent.MAX_FILES + 2)]
    for file in files:
        bpy.data.images.new("x", 4, 4).save(filepath=str(file))
        recent.remember(file)
    assert recent.files[0] == str(files[-1])
    assert len(recent.files) == recent.MAX_FILES
    files[-1].unlink()
    recent.load(tmp_path / "recent.json")
    assert recent.files[0] == str(files[-2])
    items = thumbnails.style_items()
    identifier = next(item[0] for item in items if item[1] == files[-3].name)
    settings.style = identifier
    assert (settings.style, settings.style_file) == ("FILE", str(files[-3]))
    assert files[-3].name not in [item[1] for item in thumbnails.style_items(str(files[-3]))[7:]]


def test_an_image_is_opened_as_the_style(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(recent, "_path", tmp_path / "recent.json")
    monkeypatch.setattr(recent, "files", [])
    assert bpy.ops.patina.style_open(filepath="/pictures/a.png") == {"FINISHED"}
    assert bpy.ops.patina.style_open(filepath="/pictures/b.png", choice="patina.style_to") == {"FINISHED"}
    assert (settings.style, settings.style_file) == ("FILE", "/pictures/a.png")
    assert (settings.style_to.style, settings.style_to.style_file) == ("FILE", "/pictures/b.png")
    assert recent.files == ["/pictures/b.png", "/pictures/a.png"]


def test_another_seed_each_time(settings):
    seeds = set()
    for _ in range(5):
        bpy.ops.patina.new_seed()
        seeds.add(settings.seed)
    assert len(seeds) == 5


def test_layers_belong_to_their_network(settings):
    settings.layers = {"relu1_1", "relu3_1"}
    settings.network = "googlenet"
    assert settings.layers == set()
    settings.layers = {"mixed4a"}
    assert all(1 <= len(catalogue.style_choices(name)) <= 32 for name in catalogue.networks())
    assert list(catalogue.networks()) == list(NETWORK_NAMES)


def test_every_setting_says_what_it_does():
    ours = PatinaSettings, PatinaStyle, PatinaKey, PatinaTarget
    for group in ours:
        for prop in group.bl_rna.properties:
            if prop.identifier not in ("rna_type", "name"):
                assert len(prop.description) > 10, prop.identifier
                assert not prop.description.endswith("."), prop.identifier


def test_operators_say_what_they_do():
    for name in dir(bpy.ops.patina):
        assert getattr(bpy.ops.patina, name).get_rna_type().description, name


def report(folder, quality, seconds, **values) -> None:
    import json

    job = {"mesh": "mesh.npz", "device": "auto", "task": "stylize", "quality": quality, "steps": None}
    job |= {"texture_size": 1024, "image_size": 256} | values
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps({"job": job, "seconds": {"total": seconds}}))
    timings.learn(folder)


def test_times_are_learnt_and_guessed(cube, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(timings, "_path", None)
    timings.load(tmp_path / "timings.json")

    def labels() -> list[str]:
        return [text for text in drawn().texts if text.startswith(("Draft", "Standard", "Final"))]

    assert labels() == ["Draft", "Standard", "Final"]
    for seconds in (300, 60, 62, 64):
        report(tmp_path / "job", "standard", seconds)
    draft, standard, final = labels()
    assert standard == "Standard   1:02"
    assert draft.startswith("Draft   ≈ ")
    assert final.startswith("Final   ≈ ")
    report(tmp_path / "job", "draft", 20)
    assert labels()[0] == "Draft   0:20"
    for odd in ({"tiles": [{"name": "a"}, {"name": "b"}]}, {"resume": "resume.npz"}):
        report(tmp_path / "job", "draft", 900, **odd)
    assert labels()[0] == "Draft   0:20"
    settings.steps = 38
    assert labels()[1] == "Standard   ≈ 0:22"
    settings.mode = "dream"
    assert labels() == ["Draft", "Standard", "Final"]
    settings.mode, settings.steps = "style", 0
    timings.load(tmp_path / "timings.json")
    assert labels()[0] == "Draft   0:20"
    (tmp_path / "timings.json").write_text('[3, {"device": "auto"}, null]')
    timings.load(tmp_path / "timings.json")
    assert labels()[0] == "Draft"
    (tmp_path / "job" / "report.json").write_text("[]")
    timings.learn(tmp_path / "job")
    assert labels()[0] == "Draft"
    assert timings.expected(dict.fromkeys(timings.KEYS)) is None


def test_a_dream_of_one_kind_says_little_of_another(cube, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(timings, "_path", None)
    timings.load(tmp_path / "timings.json")

    def standard() -> str:
        return next(text for text in drawn().texts if text.startswith("Standard"))

    settings.mode, settings.target.kind = "dream", "channel"
    report(tmp_path / "job", "standard", 100, task="dream", targets=[{"kind": "channel"}])
    assert standard() == "Standard   1:40"
    settings.target.kind = "class"
    assert standard() == "Standard   ≈ 5:00"
    settings.present = True
    assert standard() == "Standard   ≈ 0:12"
    report(tmp_path / "job", "standard", 15, task="dream", targets=[{"kind": "deepdream"}])
    assert standard() == "Standard   0:15"
    settings.present, settings.target.kind = False, "channel"
    assert standard() == "Standard   1:40"


def test_the_time_of_what_moves_grows_with_its_frames_and_keys(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(timings, "_path", None)
    timings.load(tmp_path / "timings.json")

    def draft() -> timings.Expected | None:
        return timings.expected(job_fields.kind(settings, "animate", "draft"))

    settings.between, settings.frames = "boil", 4
    report(tmp_path / "job", "draft", 32, boil=0.25, frames=4)
    assert draft() == timings.Expected(32, True)
    settings.frames = 16
    boiling = draft()
    assert not boiling.measured
    assert 55 < boiling.seconds < 90  # a further painting takes about a seventh of the first
    settings.between, settings.textures, settings.loop = "keys", 16, False
    for frame in (1, 200):
        settings.style_keys.add().frame = frame
    assert boiling.seconds * 1.1 < draft().seconds < boiling.seconds * 1.5
    settings.style_keys[1].frame = 1  # no two can be there: a guess all the same
    assert draft().seconds > boiling.seconds
    settings.between = "dreams"
    report(tmp_path / "job", "draft", 30, task="interpolate", frames=4)
    settings.frames = 8
    assert draft() == timings.Expected(60, False)
