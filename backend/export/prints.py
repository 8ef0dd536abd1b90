"""The print presets: read, scale, raise, repair, check, write."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from ..errors import PatinaError
from .color import soft_proof
from .encode import png
from .files import write_file
from .model import Model, read_model, to_size
from .obj import obj_zip
from .options import AtStage, Options
from .print_check import MIN_WALL_MM, check, measures
from .relief import raise_relief, read_height
from .repair import repair as repaired
from .three_mf import three_mf
from .vertex_colors import TARGET_DELTA_E, ply
from .vrml import vrml_zip

PROOF_ROWS = 64  # of a soft proof, made at a time
COLORED: dict[str, Callable[[Model], bytes]] = {
    "print-3mf": three_mf,
    "print-obj": obj_zip,
    "print-vrml": vrml_zip,
}


def write_print(path: Path, preset: str, out: Path, options: Options, at: AtStage) -> dict[str, Any]:
    """Write a file for a printer, as backend.export.export says.

    `options` hold a size, and a height with its relief or neither.
    """
    assert options.size_mm is not None
    at("reading", 0.0)
    heights = read_height(options.height) if options.height is not None else None
    model = read_model(path, options.texture)
    if not model.colored and preset not in ("print-stl", "print-check"):
        raise PatinaError(
            f"{path.name} has no texture: nothing was stylized yet.",
            "Stylize it first, or name a picture (--texture).",
            "model",
        )
    model = to_size(model, options.size_mm)
    if options.repair:
        at("repairing", 0.2)
        model = repaired(model)
    if heights is not None and options.relief_mm is not None:
        at("raising the relief", 0.3)
        model = raise_relief(model, heights, options.relief_mm)
        model = to_size(model, float(np.ptp(model.vertices, axis=0).max()))  # back to the origin
    at("checking", 0.5)
    findings = [asdict(finding) for finding in check(model, options.min_wall_mm or MIN_WALL_MM)]
    report = {"preset": preset, "file": str(out), **measures(model), "findings": findings}
    at("writing", 0.7)
    if preset == "print-ply":
        data, fine, report["delta_e"] = ply(model, options.delta_e or TARGET_DELTA_E)
        report["triangles"] = len(fine.faces)
    elif preset == "print-stl":
        data = cast(bytes, model.mesh.export(file_type="stl"))
    elif preset == "print-check":
        data = json.dumps(report, indent=2).encode() + b"\n"
    else:
        data = COLORED[preset](model)
    write_file(out, data)
    report["bytes"] = len(data)
    if options.proof is not None:
        write_file(options.proof, png(_proofed(model)))
    return report


def _proofed(model: Model) -> Image.Image:
    """The model's largest texture as it may look in print."""
    pixels = np.array(max(model.textures, key=lambda image: image.size[0] * image.size[1]))
    for row in range(0, len(pixels), PROOF_ROWS):  # some at a time: colours take fifty times their bytes
        part = pixels[row : row + PROOF_ROWS]
        part[:] = np.round(soft_proof(part / 255) * 255)
    return Image.fromarray(pixels)
