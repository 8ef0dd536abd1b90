"""`blender --command patina` in Debian's Blender: its own way of calling what an extension offers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cage import DESK, Cage
from conftest import BACKEND, TRIXIE
from window import USER, lent_paths

TINY = ("--set", "quality=sketch", "--set", "texture_size=256")


@pytest.fixture
def cage(resources: Path, tmp_path: Path) -> Cage:
    """A Blender with the extension, and a file with the default cube."""
    shutil.copytree(resources, tmp_path / USER)
    tmp_path.chmod(0o700)
    cage = Cage(TRIXIE.resolve(), tmp_path, lent_paths(BACKEND))
    cage.environment |= {"BLENDER_USER_RESOURCES": f"{DESK}/{USER}", "PATINA_BACKEND": str(BACKEND)}
    script = f"import bpy; bpy.ops.wm.save_as_mainfile(filepath='{DESK}/cube.blend')"
    cage.run("blender", "--background", "--factory-startup", "--python-expr", script)
    return cage


def patina(cage: Cage, *words: str) -> tuple[int, str, str]:
    """Call the command: its exit code, the last line of stdout, and stderr."""
    command = cage.command(["blender", "--command", "patina", *words])
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    lines = done.stdout.strip().splitlines()
    return done.returncode, lines[-1] if lines else "", done.stderr


def test_paint_and_export_without_a_window(cage: Cage, tmp_path: Path):
    code, said, progress = patina(
        cage, "stylize", f"{DESK}/cube.blend", "--style", "poppies", *TINY, "--json"
    )
    assert code == 0, said + progress
    told = json.loads(said)
    assert told["file"] == f"{DESK}/cube_patina.blend"
    assert [(one["state"], one["objects"]) for one in told["results"]] == [("finished", ["Cube"])]
    assert "Cube [########################] 100%" in progress
    code, said, error = patina(
        cage, "export", told["file"], "--for", "godot", "--out", f"{DESK}/cube.glb", "--json"
    )
    assert (code, json.loads(said)) == (0, {"file": f"{DESK}/cube.glb"}), error
    assert (tmp_path / "cube.glb").read_bytes()[:4] == b"glTF"


def test_what_goes_wrong_is_told_by_words_and_exit_codes(cage: Cage):
    code, _, error = patina(cage, "stylize", f"{DESK}/sphere.blend", "--style", "poppies")
    assert (code, f"There is no file {DESK}/sphere.blend." in error) == (1, True)
    code, said, _ = patina(cage, "setup", "--json")
    assert (code, json.loads(said)["cure"]) == (1, "Start with blender --online-mode --command patina setup.")
    assert patina(cage, "varnish")[0] == 2
