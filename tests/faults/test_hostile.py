"""Hostile input: some of every kind at each `make test`, many more by `make test-faults`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HOSTILE = Path(__file__).with_name("hostile.py")
SEED = 25
QUICK = {"job": 1000, "npz": 250, "checkpoint": 150, "event": 1500, "picture": 250, "model": 60, "cppn": 100}
QUICK |= {"weights": 150}
SHARE = int(os.environ.get("PATINA_FAULTS", "1"))  # times as many, from another seed


@pytest.mark.parametrize("kind", QUICK)
def test_hostile_input_is_read_or_refused_and_does_nothing_else(kind):
    count = QUICK[kind] * SHARE
    command = [sys.executable, "-B", "-W", "ignore", str(HOSTILE), kind, str(SEED + SHARE - 1), str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert found["read"] + found["refused"] == count
    assert found["refused"] > count / 4  # they do have something wrong with them
    assert found["read"] > 0
