"""Files for game engines and for printers, from a model with its texture. No Blender, no torch.

`color` and `gutters` are NumPy alone and are used by the add-on too, so what is heavier is imported inside.
"""

from __future__ import annotations

import argparse
import inspect
import json
from pathlib import Path
from typing import Any

from ..protocol import FAILED, FINISHED, Event, PatinaError, write_event

# What each preset writes, and what it is.
PRESETS = {
    "print-3mf": (".3mf", "full-colour 3MF with its texture"),
    "print-obj": (".zip", "OBJ, MTL and PNG in a zip, as print services ask for it"),
    "print-vrml": (".zip", "VRML97 and PNG in a zip, for older colour printers"),
    "print-ply": (".ply", "PLY with vertex colours, subdivided until they follow the texture"),
    "print-stl": (".stl", "STL without colour, for the relief of a height map"),
    "print-check": (".json", "only the print check, as JSON"),
    "game-glb": (".glb", "GLB with power-of-two textures and gutters for mip maps, rig and animations kept"),
}


def export(
    model: Path,
    preset: str,
    out: Path,
    size_mm: float | None = None,
    *,
    texture: Path | None = None,
    height: Path | None = None,
    relief_mm: float | None = None,
    min_wall_mm: float | None = None,
    delta_e: float | None = None,
    repair: bool = False,
    proof: Path | None = None,
    texture_size: int | None = None,
    texture_format: str = "png",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write `model` to `out` as `preset` says, whole or not at all, and report on it.

    `texture` replaces the model's picture. Prints (print-*) need `size_mm`, the longest side; `height`, a
    grey picture, is raised by `relief_mm`; `repair` mends what it safely can on the exported copy; `proof`
    is where the soft-proofed texture goes; `delta_e` is for print-ply. `texture_size` caps game-glb's
    textures and `texture_format` is one of png, jpeg, webp. The report holds the sizes and the print
    check's findings. Raises PatinaError.
    """
    from .files import check_target
    from .inputs import files_of, keep

    model, out = Path(model), Path(out)
    _check_options(preset, out, size_mm, height, relief_mm, texture_size, texture_format)
    check_target(out, overwrite)
    if proof is not None:
        check_target(proof, overwrite)
    keep(
        [file for path in (model, texture, height) if path for file in files_of(Path(path))],
        [Path(path) for path in (out, proof) if path],
    )
    if preset == "game-glb":
        return _game(model, out, texture, texture_size, texture_format)
    assert size_mm is not None  # _check_options asks prints for it
    from .prints import write_print

    return write_print(
        model,
        preset,
        out,
        size_mm,
        texture=texture,
        height=height,
        relief_mm=relief_mm,
        min_wall_mm=min_wall_mm,
        delta_e=delta_e,
        repair=repair,
        proof=proof,
    )


def _check_options(
    preset: str,
    out: Path,
    size_mm: float | None,
    height: Path | None,
    relief_mm: float | None,
    texture_size: int | None,
    format: str,
) -> None:
    if preset not in PRESETS:
        raise PatinaError(f"There is no preset {preset}.", f"Use one of: {', '.join(PRESETS)}.", "preset")
    suffix = PRESETS[preset][0]
    if out.suffix.lower() != suffix:
        raise PatinaError(
            f"{preset} writes {suffix} files, not {out.name}.", f"Name it {out.stem}{suffix}.", "out"
        )
    if preset == "game-glb":
        if size_mm is not None or height is not None or relief_mm is not None:
            raise PatinaError(
                "A size in millimetres and a relief are for prints.",
                "Leave them out for game-glb.",
                "size_mm",
            )
        if format not in ("png", "jpeg", "webp"):
            raise PatinaError(
                f"There is no texture format {format}.", "Use png, jpeg or webp.", "texture_format"
            )
        if texture_size is not None and (texture_size < 1 or texture_size & (texture_size - 1)):
            raise PatinaError(
                f"The texture size is {texture_size}.",
                "Use a power of two, such as 1024 or 2048.",
                "texture_size",
            )
        return
    if size_mm is None:
        raise PatinaError(
            "A print needs a size.", "Give its longest side in millimetres (--size-mm 80).", "size_mm"
        )
    if not 1 <= size_mm <= 10_000:
        raise PatinaError(f"The size is {size_mm:g} mm.", "Use 1 to 10000 millimetres.", "size_mm")
    if (height is None) != (relief_mm is None):
        raise PatinaError(
            "A relief needs a height map and a depth.", "Give both --height and --relief-mm.", "height"
        )


def _game(
    model: Path, out: Path, texture: Path | None, texture_size: int | None, texture_format: str
) -> dict[str, Any]:
    from .files import write_file
    from .game import MOST_TEXELS, game_glb

    data, textures = game_glb(model, texture, texture_size or MOST_TEXELS, texture_format)
    write_file(out, data)
    return {"preset": "game-glb", "file": str(out), "bytes": len(data), "textures": textures, "findings": []}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line's arguments, named like those of `export`."""
    parser.add_argument("model", type=Path, help="GLB, glTF, OBJ, PLY, or a job's mesh.npz")
    presets = "; ".join(f"{name}: {about}" for name, (_, about) in PRESETS.items())
    parser.add_argument("--preset", required=True, choices=PRESETS, help=presets)
    parser.add_argument("--out", required=True, type=Path, help="the file to write")
    parser.add_argument("--size-mm", type=float, help="a print's longest side in millimetres")
    parser.add_argument("--texture", type=Path, help="a picture to use instead of the model's own")
    parser.add_argument(
        "--height", type=Path, help="a grey picture: black is the surface, white the full relief"
    )
    parser.add_argument("--relief-mm", type=float, help="how far white stands out, in millimetres")
    parser.add_argument("--min-wall-mm", type=float, help="the thinnest wall that passes the check (1)")
    parser.add_argument("--delta-e", type=float, help="print-ply: the mean colour error aimed at (2)")
    parser.add_argument(
        "--repair", action="store_true", help="close small holes and turn faces in the printed copy"
    )
    parser.add_argument("--proof", type=Path, help="also write the texture as it may look in print, a PNG")
    parser.add_argument("--texture-size", type=int, help="game-glb: the most texels along a side (2048)")
    parser.add_argument("--texture-format", default="png", choices=("png", "jpeg", "webp"), help="game-glb")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
    parser.add_argument("--json", action="store_true", help="report as one line of JSON")


def run(arguments: argparse.Namespace) -> int:
    """The verb `export`: the report on stdout and 0; with --json an error is told there too, and gives 1."""
    names = inspect.signature(export).parameters
    options = {name: value for name, value in vars(arguments).items() if name in names}
    try:
        report = export(**options)
    except PatinaError as error:
        if not arguments.json:
            raise
        print(write_event(Event("failed", message=error.message, cure=error.cure, field=error.field)))
        return FAILED
    if arguments.json:
        print(json.dumps(report))
    else:
        _tell(report)
    return FINISHED


def _tell(report: dict[str, Any]) -> None:
    print(f"{report['file']}: {report['bytes'] / 1e6:.2f} MB")
    if "size_mm" in report:
        sides = " × ".join(f"{side:.1f}" for side in report["size_mm"])
        volume = "no volume" if report["volume_cm3"] is None else f"{report['volume_cm3']:.2f} cm³"
        print(f"{sides} mm, {report['triangles']} triangles, {report['area_cm2']:.1f} cm², {volume}")
    for texture in report.get("textures", ()):
        print(f"texture {texture['size']}, {texture['format']}, bleed by mip level {texture['bleed']} of 255")
    for finding in report["findings"]:
        if finding["level"] != "ok":
            print(f"{finding['level']}: {finding['message']} {finding['cure']}")
