"""Set-ups to try things on: planned, and made."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small_index import Index, make_index, make_plan

from addon.setup import machine
from addon.setup.plan import Plan


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return make_index(tmp_path_factory.mktemp("index"))


@pytest.fixture
def plan(index: Index, tmp_path: Path) -> Plan:
    """A set-up into a folder whose name has spaces and letters beyond Latin-1."""
    return make_plan(index, tmp_path / "mein Gerät 絵 café" / "backend")


@pytest.fixture(scope="session")
def _made_once(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    made = make_plan(index, tmp_path_factory.mktemp("made") / "backend")
    machine.set_up(made, lambda progress: None)
    return made


@pytest.fixture
def made(_made_once: Plan, plan: Plan) -> Plan:
    """The same, already set up: a copy, which works because nothing in it depends on where it lies."""
    shutil.copytree(_made_once.folder, plan.folder, symlinks=True)
    return replace(_made_once, folder=plan.folder)
