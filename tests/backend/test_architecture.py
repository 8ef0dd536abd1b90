"""That docs/architecture.md is true: its code paints, and the rooms stand as it says."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
import torch
from meshes import sphere
from PIL import Image
from test_stylize_job import JOB, folder_of

from addon import MODULES
from backend import networks
from backend.machine.parallel import serial_map
from backend.painting.bank import Bank
from backend.painting.optimize import resolved_level
from backend.painting.pyramid import Pyramid
from backend.painting.score import Score
from backend.painting.subject import read_subject
from backend.pictures.styles import read_styles
from backend.protocol.job_file import read_job
from backend.rendering.sampling import mipmaps
from backend.rendering.views import Viewing, ViewMaker
from backend.result.finish import finish
from backend.result.report import Judge
from backend.result.textures import write_textures

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# What the page's code takes from the backend.
TAKEN = (
    *(Bank, Pyramid, Score, ViewMaker, finish, mipmaps, read_job, read_styles, read_subject, resolved_level),
    *(serial_map, write_textures),
)


def modules_of(program: str) -> dict[str, Path]:
    """The files of "backend" or "addon" by their names as modules within it."""
    top = ROOT / program
    return {
        ".".join(path.relative_to(top).with_suffix("").parts).removesuffix(".__init__"): path
        for path in top.rglob("*.py")
        if path != top / "__init__.py"
    }


def imports(name: str, modules: dict[str, Path]) -> set[str]:
    """Those of `modules` that one of them imports, wherever in it, be it inside a function."""
    path = modules[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - (node.level - 1)]
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = ".".join(filter(None, [module, alias.name]))
                found.add(inner if inner in modules else module)
    return found & set(modules) - {name}


def test_the_code_on_the_page_paints(tmp_path):
    folder = folder_of(tmp_path / "job", replace(JOB, texture_size=256), sphere(2))
    painting = Image.open(ROOT / "addon" / "styles" / "starry_night.jpg")
    painting.resize((256, 200)).save(folder / "style.png")
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    given = {"folder": folder, "steps": 12, "random": np.random.default_rng(0)}
    names = {thing.__name__: thing for thing in TAKEN} | {"networks": networks, "torch": torch} | given
    exec(code, names)
    subject, pixel = names["subject"], names["width"]
    judge = Judge(subject.mesh, names["styles"], Viewing(pixel, 1.6, torch.device("cpu")), views=4)
    after, before = (judge.activations(texture) for texture in (names["texture"], subject.content))
    assert judge.style_distance(after) < 0.7 * judge.style_distance(before)
    assert Image.open(folder / "texture.png").size == (256, 256)


def rooms_of(program: str) -> dict[str, set[str]]:
    """The rooms of a program, with those that each imports from. A circle of modules raises CycleError."""
    modules = modules_of(program)
    graph = {name: imports(name, modules) for name in modules}
    tuple(TopologicalSorter(graph).static_order())
    rooms: dict[str, set[str]] = {}
    for name, others in graph.items():
        room = name.split(".")[0]
        rooms.setdefault(room, set()).update({other.split(".")[0] for other in others} - {room})
    return rooms


@pytest.mark.parametrize("program", ["backend", "addon"])
def test_no_module_and_no_room_imports_in_a_circle(program):
    tuple(TopologicalSorter(rooms_of(program)).static_order())


def test_the_two_kinds_of_job_know_nothing_of_each_other():
    rooms = rooms_of("backend")
    assert "painting" not in rooms["canvas"]
    assert "canvas" not in rooms["painting"]


def test_blender_never_meets_torch():
    for program, never in (("backend", {"bpy", "mathutils", "gpu"}), ("addon", {"torch", "torchvision"})):
        for name, path in modules_of(program).items():
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            found = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
            found |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
            assert not {one.split(".")[0] for one in found} & never, name


def test_what_has_something_to_register_is_registered():
    for name, path in modules_of("addon").items():
        inside = {getattr(node, "name", "") for node in ast.parse(path.read_text(encoding="utf-8")).body}
        text = path.read_text(encoding="utf-8")
        if "\nclasses = (" in text or inside & {"register", "unregister"}:
            assert name in MODULES, name


def test_no_function_takes_or_does_too_much():
    """At most eight parameters and sixty lines, in both programs; `self` and what documents do not count."""
    for path in [*(ROOT / "backend").rglob("*.py"), *(ROOT / "addon").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            where, words = f"{path.relative_to(ROOT)}: {node.name}", node.args
            every = [*words.posonlyargs, *words.args, *words.kwonlyargs, words.vararg, words.kwarg]
            assert len([word for word in every if word and word.arg not in ("self", "cls")]) <= 8, where
            first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
            assert (node.end_lineno or 0) - first.lineno < 60, where


def named_by(table: str, program: str) -> dict[str, int]:
    """The files and folders that a table names, by their paths within the program, with their rows.

    Each of them is there. A file is of the room that is named with it, or before it in the row, or in bold
    above; or at the top.
    """
    found: dict[str, int] = {}
    above = ""
    for row, line in enumerate(re.findall(r"^\| (.*`.*?) \|", table, re.MULTILINE)):
        if bold := re.match(r"\*\*`(\w+)/`\*\*", line):
            above = bold[1]
        room = above
        for folder, name in re.findall(r"`(?:(\w+)/)?(\w+(?:\.py|/))`", line):
            room = folder or room
            places = [place for place in (f"{room}/{name}", name) if (ROOT / program / place).exists()]
            assert places, line
            found.setdefault(places[0].strip("/"), row)
    return found


def test_the_page_names_every_file_of_the_backend_in_its_room():
    table = PAGE[PAGE.index("## The rooms of the backend") : PAGE.index("Why so:")]
    files = {path.relative_to(ROOT / "backend") for path in modules_of("backend").values()}
    shown = {path.as_posix() for path in files if path.name != "__init__.py" and len(path.parts) < 3}
    assert shown <= (named := set(named_by(table, "backend"))), shown - named


def test_the_page_names_every_file_of_the_add_on_in_its_room():
    """But for those of rooms that it describes as a whole."""
    table = PAGE[PAGE.index("## The add-on") : PAGE.index("A run knows its object")]
    named = named_by(table, "addon")
    files = {path.relative_to(ROOT / "addon") for path in modules_of("addon").values()}
    shown = {path for path in files if path.name != "__init__.py" and path.parts[0] not in named}
    assert {path.as_posix() for path in shown} <= set(named), shown


def test_rooms_import_only_from_rooms_that_stand_below_them_on_the_page():
    table = PAGE[PAGE.index("## The rooms of the backend") : PAGE.index("Why so:")]
    rows = {name.removesuffix(".py"): row for name, row in named_by(table, "backend").items()}
    for room, others in rooms_of("backend").items():
        assert all(rows[room] <= rows[other] for other in others), room
