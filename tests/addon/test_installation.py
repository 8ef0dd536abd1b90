"""Set-up from inside Blender: consent, errors with their cure, the doctor, removal; with a real backend."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.patina.addon import folders, installation
from bl_ext.user_default.patina.addon.setup import environment, system, variants
from bl_ext.user_default.patina.backend.errors import PatinaError

REAL_BACKEND = os.environ.get("PATINA_BACKEND", "")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[bpy.types.AddonPreferences]:
    """The preferences, with a backend folder of the test's own, that is not set up."""
    monkeypatch.delenv("PATINA_BACKEND")
    settings = folders.preferences()
    settings.folder = str(tmp_path / "my backends")
    installation.known.error, installation.known.message = None, ""
    installation.refresh()
    yield settings
    for name in ("folder", "wheelhouse", "python", "index", "torch_index"):
        settings.property_unset(name)
    settings.property_unset("variant")
    bpy.context.preferences.system.use_online_access = False


def record_of(settings: bpy.types.AddonPreferences, **changes: object) -> None:
    """Leave in the artist's folder what a set-up leaves, as far as the add-on looks at it."""
    folder = folders.backend()
    system.python_in(folder).parent.mkdir(parents=True, exist_ok=True)
    system.python_in(folder).write_text("")
    (folder / "pyvenv.cfg").write_text("")
    variant = variants.available()[0]
    whole = environment.Record("ready", True, variant.name, variants.fingerprint(variant), "3.11")
    environment.write(folder, replace(whole, **changes))
    installation.refresh()


def test_where_the_backend_lies(settings: bpy.types.AddonPreferences, tmp_path: Path, monkeypatch):
    assert folders.backend() == tmp_path / "my backends" / "patina-backend"
    settings.folder = ""
    assert folders.backend().parts[-3:] == ("user_default", "patina", "backend")
    monkeypatch.setenv("PATINA_BACKEND", str(tmp_path / "elsewhere"))
    assert folders.backend() == tmp_path / "elsewhere"


def test_a_backend_folder_itself_can_be_chosen(settings: bpy.types.AddonPreferences):
    record_of(settings)
    made = folders.backend()
    settings.folder = str(made)
    assert folders.backend() == made
    assert installation.known.record.state == environment.READY


def test_the_backend_of_another_blender_is_found(settings: bpy.types.AddonPreferences, tmp_path, monkeypatch):
    """User folders lie side by side, one a version."""
    inside = Path("extensions/.user/user_default/patina/backend")
    settings.folder = ""
    here = tmp_path / "{}.{}".format(*bpy.app.version) / inside
    monkeypatch.setattr(folders, "_own_backend", lambda: here)
    for version in ("4.1", "4.3"):
        (tmp_path / version / inside).mkdir(parents=True)
        environment.write(tmp_path / version / inside, environment.Record("choosing"))
    assert folders.other_backends() == [tmp_path / name / inside for name in ("4.3", "4.1")]
    installation.refresh()
    assert bpy.ops.patina.use_other_backend() == {"FINISHED"}
    assert folders.backend() == tmp_path / "4.3" / inside


def test_nothing_goes_online_without_consent(settings: bpy.types.AddonPreferences, tmp_path: Path):
    bpy.context.preferences.system.use_online_access = False
    for operator in (bpy.ops.patina.set_up, bpy.ops.patina.update, bpy.ops.patina.repair):
        assert not operator.poll()
    with pytest.raises(RuntimeError, match="may not go online"):
        bpy.ops.patina.set_up()
    assert not folders.backend().exists()
    settings.wheelhouse = str(tmp_path)
    assert bpy.ops.patina.set_up.poll()
    settings.wheelhouse = ""
    bpy.context.preferences.system.use_online_access = True
    assert bpy.ops.patina.set_up.poll()


def test_refusals_come_with_their_cure(settings: bpy.types.AddonPreferences, tmp_path: Path):
    """From the set-up's process, through its events, to the artist."""
    settings.wheelhouse = str(tmp_path / "no such folder")
    with pytest.raises(RuntimeError, match=r"no wheel folder .* Choose the folder"):
        bpy.ops.patina.set_up()
    assert installation.known.record.state == environment.BROKEN
    assert "no wheel folder" in installation.known.record.reason

    (tmp_path / "wheels").mkdir()
    settings.wheelhouse = str(tmp_path / "wheels")
    settings.python = "/bin/true"
    with pytest.raises(RuntimeError, match="/bin/true is not a Python that runs"):
        bpy.ops.patina.set_up()

    settings.folder = str(tmp_path / "full")
    folders.backend().mkdir(parents=True)
    (folders.backend() / "thesis.txt").write_text("")
    with pytest.raises(RuntimeError, match="already holds other files"):
        bpy.ops.patina.set_up()
    assert [path.name for path in folders.backend().iterdir()] == ["thesis.txt"]


def test_an_empty_wheel_folder(settings: bpy.types.AddonPreferences, tmp_path: Path):
    """A real environment is made, and pip says what it does not find, without a network."""
    (tmp_path / "wheels").mkdir()
    settings.wheelhouse = str(tmp_path / "wheels")
    with pytest.raises(RuntimeError, match="was not found: the index cannot"):
        bpy.ops.patina.set_up()
    assert installation.known.record.state == environment.BROKEN


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"state": "downloading"}, "interrupted, while downloading"),
        ({"state": "broken", "reason": "It rained.", "cure": "Wait."}, "It rained. Wait."),
        ({"fingerprint": "0" * 64}, "another version of Patina.*Press Update"),
    ],
)
def test_a_backend_that_is_not_whole_is_not_used(settings, changes: dict[str, object], message: str):
    record_of(settings, **changes)
    with pytest.raises(PatinaError) as caught:
        folders.backend_python()
    assert caught.value.field == "backend"
    assert "Preferences" in caught.value.cure
    with pytest.raises(PatinaError, match=message):
        folders.backend_python()


def test_a_backend_that_vanished(settings: bpy.types.AddonPreferences):
    record_of(settings)
    assert folders.backend_python().name.startswith("python")
    shutil.rmtree(folders.backend())
    with pytest.raises(PatinaError, match="not set up yet"):
        folders.backend_python()


def test_remove_tells_the_bytes(settings: bpy.types.AddonPreferences, tmp_path: Path):
    record_of(settings)
    (folders.backend() / "lib").mkdir()
    (folders.backend() / "lib" / "large").write_bytes(bytes(12_000_000))
    assert bpy.ops.patina.remove() == {"FINISHED"}
    assert installation.known.message == "Removed: 12 MB are free again."
    assert installation.known.record.state == environment.ABSENT
    assert list((tmp_path / "my backends").iterdir()) == []
    with pytest.raises(RuntimeError, match="no environment"):
        bpy.ops.patina.remove()


def test_one_at_a_time(settings: bpy.types.AddonPreferences, tmp_path: Path):
    settings.wheelhouse = str(tmp_path)
    installation.begin(installation.SET_UP)
    try:
        assert not bpy.ops.patina.set_up.poll()
        assert not bpy.ops.patina.remove.poll()
        assert bpy.ops.patina.cancel_set_up() == {"FINISHED"}
        installation.run_to_end()
    finally:
        installation.stop()
    assert bpy.ops.patina.set_up.poll()


def test_doctor_on_the_real_backend():
    """The whole report, which can be pasted anywhere: nobody's name is in it, and no path."""
    installation.refresh()
    assert bpy.ops.patina.verify() == {"FINISHED"}
    report = "\n".join(installation.known.doctor)
    for subject in ("torch", "Embree", "nvdiffrast", "vgg16", "Disk", "One step", "Tiny job  "):
        assert subject in report
    assert installation.known.message == "The backend works."
    assert getpass.getuser() not in report.split()
    assert "/" not in report.replace("forward and backward", "")
    assert str(Path.home()) not in report


def test_torch_that_only_pytorchs_index_has(settings: bpy.types.AddonPreferences):
    """Its button works once that index is named, the whole command as pytorch.org shows it, for one."""
    bpy.context.preferences.system.use_online_access = True
    elsewhere = next(variant for variant in variants.available() if variant.shelf)
    assert bpy.ops.patina.set_up.poll()
    settings.variant = elsewhere.name
    assert not bpy.ops.patina.set_up.poll()
    assert "PyTorch Index" in installation.may_begin(installation.SET_UP)
    settings.torch_index = "pip3 install torch --index-url file:///nowhere/of/that/name"
    assert bpy.ops.patina.set_up.poll()
    settings.torch_index = "pip3 install torch"
    with pytest.raises(RuntimeError, match="holds no address"):
        bpy.ops.patina.set_up()
    assert not folders.backend().exists()


def test_weights_need_consent_and_say_why_they_do_not_come(settings, tmp_path: Path, monkeypatch):
    """The backend asks a proxy on this machine, where nobody is: no byte leaves it."""
    monkeypatch.setenv("PATINA_BACKEND", REAL_BACKEND)
    monkeypatch.setenv("PATINA_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(RuntimeError, match="may not go online"):
        bpy.ops.patina.fetch_weights(network="googlenet")
    bpy.context.preferences.system.use_online_access = True
    with pytest.raises(RuntimeError, match=r"googlenet-1378be20.pth cannot be downloaded: .*refused"):
        bpy.ops.patina.fetch_weights(network="googlenet")
    assert installation.known.error.field == "network"
    bpy.context.preferences.system.use_online_access = False
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"not weights")
    with pytest.raises(RuntimeError, match=r"mine.pth holds no weights that are known here"):
        bpy.ops.patina.choose_weights_file(filepath=str(mine))
    assert list((tmp_path / "weights").glob("*")) == []
