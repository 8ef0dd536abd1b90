"""A job's process hit at each of its writes, and at any time: see injected.py. Some at every `make test`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

INJECTED = Path(__file__).with_name("injected.py")
ALL = int(os.environ.get("PATINA_FAULTS", "1")) > 1
SEED = 25
# Of each way, how many cases: at a quick run, and of `make test-faults`; 0: each write of a job.
COUNTS = {"kill": (3, 0), "full": (2, 18)}
if ALL:
    COUNTS |= {"kill at any time": (0, 30), "read-only": (0, 12), "vanish": (0, 12), "stop": (0, 4)}
    COUNTS |= {"descriptors": (0, 12)}


def may_mount(folder: Path) -> bool:
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        return False
    subprocess.run(["umount", str(folder)], check=True)
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="forks, mounts and signals as Linux has them")
@pytest.mark.parametrize("way", COUNTS)
def test_whatever_hits_a_job_nothing_is_half_written_and_the_next_one_goes_on(way, tmp_path):
    if way in ("full", "read-only") and not may_mount(tmp_path):
        pytest.skip("needs the right to mount a small disk")
    command = [sys.executable, "-B", "-W", "ignore", str(INJECTED), way, str(SEED), str(COUNTS[way][ALL])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["wrong"] == []
    assert sum(found["ended"].values()) == found["cases"] >= 1
    assert found["moments"] > 30  # previews, checkpoints, texture and report: opened and renamed
    if way == "kill":
        assert found["ended"] == {"killed": found["cases"]}
    if way == "stop":
        assert found["ended"] == {"finished": found["cases"]}
