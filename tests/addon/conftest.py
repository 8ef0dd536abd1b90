"""The add-on as an artist has it: an extension in a user folder of its own, switched on in a real Blender."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Blender reads this as it starts, which it does when bpy is imported: so before any test module is.
USER = Path(tempfile.mkdtemp(prefix="patina-tests-"))
atexit.register(shutil.rmtree, USER, ignore_errors=True)
os.environ["BLENDER_USER_RESOURCES"] = str(USER)
(USER / "extensions" / "user_default").mkdir(parents=True)
(USER / "extensions" / "user_default" / "patina").symlink_to(ROOT, target_is_directory=True)

import bpy  # noqa: E402


def _switch_on() -> None:
    import addon_utils  # bpy brings it

    addon_utils.enable("bl_ext.user_default.patina", default_set=True)


_switch_on()


@pytest.fixture(autouse=True)
def _clean_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test starts from an empty file, without a job and without what earlier ones left or taught."""
    from bl_ext.user_default.patina.addon import folders, jobs, problems, recent, timings

    monkeypatch.setenv("PATINA_BACKEND", str(ROOT / ".env" / "backend"))
    for module, learnt in ((timings, "_records"), (recent, "files")):
        monkeypatch.setattr(module, "_path", None)
        monkeypatch.setattr(module, learnt, [])
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    yield
    jobs.stop()
    problems.shown.clear()
    shutil.rmtree(folders.jobs(), ignore_errors=True)


@pytest.fixture
def cube() -> bpy.types.Object:
    """A selected cube with UVs and a material of its own."""
    bpy.ops.mesh.primitive_cube_add(size=2, calc_uvs=True)
    obj = bpy.context.object
    obj.data.materials.append(bpy.data.materials.new("Paint"))
    obj.data.materials[0].use_nodes = True
    return obj


@pytest.fixture
def fox() -> bpy.types.Object:
    """The fox, alone selected."""
    bpy.ops.import_scene.gltf(filepath=str(ROOT / "tests" / "assets" / "fox.gltf"))
    bpy.ops.object.select_all(action="DESELECT")
    obj = bpy.data.objects["fox"]
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    return obj
