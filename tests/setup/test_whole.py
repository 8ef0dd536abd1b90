"""The whole environment, torch and all, set up by the operator without any network.

Minutes and gigabytes, so only where a folder of wheels is named: `make test-whole` does.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_extension import extension
from test_machine import namespace

WHEELHOUSE = os.environ.get("PATINA_WHEELHOUSE")
ARTIST = Path(__file__).with_name("artist.py")


@pytest.mark.skipif(not WHEELHOUSE, reason="PATINA_WHEELHOUSE does not name a folder of wheels")
def test_from_the_zip_to_a_stylized_cube_and_back(tmp_path: Path):
    assert importlib.util.find_spec("bpy")
    user = tmp_path / "user"
    user.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PATINA_BACKEND"}
    environment |= {"BLENDER_USER_RESOURCES": str(user)}
    command = [sys.executable, "-B", str(ARTIST), str(extension.build(tmp_path / "dist")), WHEELHOUSE]
    run = subprocess.run(
        namespace(*command, str(tmp_path / "mein Gerät 絵"), unshare="--net"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    told = json.loads(run.stdout.strip().splitlines()[-1])
    print(told)
    assert told["online"] is False
    assert (told["set_up"], told["state"]) == (["FINISHED"], "ready")
    assert told["stylize"] == ["FINISHED"]
    assert [256, 256] in told["images"]
    assert told["remove"] == ["FINISHED"]
    assert "GB are free again" in told["removed"]
    assert told["left"] == []
