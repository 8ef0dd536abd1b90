"""What the add-on knows of networks, classes and qualities without torch is what the backend has."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from backend import networks
from backend.canvas import job as canvas_job
from backend.painting import motion, optimize
from backend.protocol.choices import QUALITIES

ROOT = Path(__file__).parents[2]


def of_addon(name: str) -> ModuleType:
    """A module of the add-on that needs no bpy, imported as Blender does: below the extension."""
    if "patina" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "patina", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        sys.modules["patina"] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"patina.addon.{name}")


def test_the_files_are_what_the_tool_writes():
    spec = importlib.util.spec_from_file_location("catalogue", ROOT / "tools" / "catalogue.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    for name, text in tool.files().items():
        assert (tool.FOLDER / name).read_text(encoding="utf-8") == text, f"run tools/catalogue.py: {name}"


@pytest.mark.parametrize("name", ["vgg16", "efficientnet_lite0"])
def test_a_network_with_its_weights_has_the_same_layers(name):
    catalogue = of_addon("catalogue")
    network = networks.load(name, torch.device("cpu"))
    layers = {layer.name: layer.channels for layer in network.layers() if layer.stride}
    assert layers == catalogue.networks()[name].layers
    assert set(network.style_layers) <= set(catalogue.style_choices(name))
    assert catalogue.networks()[name].classes == ("logits" in {layer.name for layer in network.layers()})


@pytest.mark.parametrize("name", of_addon("catalogue").networks())
def test_every_network_that_is_shown_has_a_layer_to_dream_from(name):
    entry = networks.entry(name)
    with torch.device("meta"):
        network = networks.Network(entry, entry.build())
    assert network.dream_layer in of_addon("catalogue").networks()[name].layers
    assert network.dream_layer == "relu4_3" or not name.startswith("vgg")


def test_guessed_times_grow_as_the_work_does():
    """A guess need not be exact, but the next quality must not surprise by a factor of two."""
    timings = of_addon("timings")
    pixels = {q: sum(stage.steps * stage.pixels for stage in optimize.STAGES[q]) for q in QUALITIES}
    for quality in QUALITIES:
        assert timings.OTHER[quality] == round(canvas_job.STEPS["dream"] * canvas_job.QUALITY_STEPS[quality])
        assert timings.FRAME_STEPS[quality] == motion.STEPS[quality]
        steps, work = timings.ON_MESH[quality]
        if not optimize.STAGES[quality]:  # a sketch takes no steps
            assert (steps, work < 1) == (0, True)
            continue
        assert 0.5 < work / (pixels[quality] / pixels["draft"]) < 2
        assert 0.5 < steps / sum(stage.steps for stage in optimize.STAGES[quality]) < 2
    assert canvas_job.STEPS["dream"] * timings.DEEPDREAM == canvas_job.DEEPDREAM_STEPS
    assert canvas_job.STEPS["dream"] * timings.CLASS_ON_MESH == canvas_job.CLASS_STEPS
