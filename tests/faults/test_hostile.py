"""Hostile input: some of every kind at each `make test`, many more by `make test-faults`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOSTILE = Path(__file__).with_name("hostile.py")
SEED = 25
QUICK = {"job": 1000, "npz": 250, "checkpoint": 150, "event": 1500, "picture": 250, "model": 60, "cppn": 100}
QUICK |= {"weights": 150}
GUIDED = {
    "job": 10_000,
    "event": 20_000,
    "npz": 3000,
    "picture": 5000,
    "glb": 2000,
    "gltf": 2000,
    "obj": 3000,
}
GUIDED |= {"mtl": 2000, "ply": 3000, "cppn": 1500, "pickle": 5000}
SHARE = int(os.environ.get("PATINA_FAULTS", "1"))  # times as many, from another seed


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What came of each kind, all in one process, and what it said on the way."""
    words = [str(word) for kind in QUICK for word in (kind, SEED + SHARE - 1, QUICK[kind] * SHARE)]
    done = subprocess.run(
        [sys.executable, "-B", "-W", "ignore", str(HOSTILE), *words], capture_output=True, text=True
    )
    found = {line["kind"]: line for line in map(json.loads, done.stdout.splitlines())}
    print(*found.values(), sep="\n")
    return found | {"code": done.returncode, "errors": done.stderr[-2000:]}


@pytest.mark.parametrize("kind", QUICK)
def test_hostile_input_is_read_or_refused_and_does_nothing_else(kind, told):
    assert kind in told, told["errors"]
    found, count = told[kind], QUICK[kind] * SHARE
    assert found["wrong"] == []
    assert found["read"] + found["refused"] == count
    assert found["refused"] > count / 4  # they do have something wrong with them
    assert found["read"] > 0


def test_whoever_read_all_of_it_ends_as_any_program_does(told):
    assert told["code"] == 0, told["errors"]


@pytest.mark.skipif(SHARE == 1, reason="takes minutes: make test-faults")
@pytest.mark.parametrize("kind", GUIDED)
def test_so_is_what_coverage_leads_to(kind):
    pytest.importorskip("atheris", reason="needs pip install atheris")
    command = [sys.executable, "-B", "-W", "ignore", str(HOSTILE.with_name("guided.py")), kind, "1"]
    done = subprocess.run([*command, str(GUIDED[kind])], capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["wrong"] == []
    assert found["read"] + found["refused"] == GUIDED[kind], done.stderr[-2000:]
