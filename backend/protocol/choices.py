"""What a job chooses from."""

from __future__ import annotations

VERSION = 1  # of the format: a job of another is refused

QUALITIES = ("sketch", "draft", "standard", "final")
COLORS = {"style": 0.0, "object": 1.0}  # words for the ends, as older files have them
USUAL_BOIL = 0.25  # features then change by less than a quarter of what another painting has (docs/motion.md)
STYLE_LOSSES = ("gram", "gaussian", "sliced", "nearest")  # see backend/objectives/style_losses.py
FRAMINGS = ("surface", "bounding_box")
DEVICES = ("auto", "cpu", "cuda", "mps")
RASTERIZERS = ("embree", "nvdiffrast")
TASKS = ("stylize", "dream", "synthesize", "interpolate", "morph")
EASINGS = ("linear", "smooth")  # how frames go from one key to the next
TARGETS = ("class", "channel", "neuron", "direction", "deepdream", "own")
OWN = "own:"  # a parameterization that begins so is a plugin's: see backend/plugins.py
PARAMETERIZATIONS = ("pyramid", "fourier", "pixel", "cppn", "shared", "pieces")
TEXTURE_SIZES = (64, 128, 256, 512, 1024, 2048, 4096, 8192)
