"""Files for game engines and for printers, from a model with its texture. No Blender, no torch.

`color` and `gutters` are NumPy alone and are used by the add-on too, so what is heavier is imported inside.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..conversation import Cancelled, Emit, IsCancelled, speaking
from ..errors import PatinaError
from ..protocol.events import CANCELLED, FAILED, FINISHED, Event, write_event
from ..writing import write_bytes
from .options import PRESETS, AtStage, Options, check


def export(
    model: Path,
    preset: str,
    out: Path,
    options: Options | None = None,
    at: AtStage = lambda stage, done: None,
) -> dict[str, Any]:
    """Write `model` to `out` as `preset` says, whole or not at all, and report on it.

    The report holds the sizes and the print check's findings; `at` hears of each stage. Raises PatinaError.
    """
    from .files import check_target
    from .inputs import files_of, keep

    options, model, out = options or Options(), Path(model), Path(out)
    check(preset, out, options)
    written = [path for path in (out, options.proof) if path]
    for path in written:
        check_target(path, options.overwrite)
    inputs = [path for path in (model, options.texture, options.height) if path]
    keep([file for path in inputs for file in files_of(path)], written)
    if preset == "game-glb":
        return _game(model, out, options)
    from .prints import write_print

    return write_print(model, preset, out, options, at)


def _game(model: Path, out: Path, options: Options) -> dict[str, Any]:
    from .files import write_file
    from .game import MAX_TEXELS, game_glb

    most = options.texture_size or MAX_TEXELS
    data, textures = game_glb(model, options.texture, most, options.texture_format)
    write_file(out, data)
    return {"preset": "game-glb", "file": str(out), "bytes": len(data), "textures": textures, "findings": []}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command line's arguments, named like those of `export` and `Options`."""
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
    told = parser.add_mutually_exclusive_group()
    told.add_argument("--json", action="store_true", help="report as one line of JSON")
    told.add_argument(
        "--events",
        type=Path,
        metavar="REPORT",
        help="speak as a job does, for a program; the report goes to this file",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do the verb `export`, and report on stdout; gives 0.

    With --json an error is told there too, and gives 1. With --events it speaks as a job does: events on
    stdout, `cancel` on stdin.
    """
    options = Options(**{field.name: getattr(arguments, field.name) for field in fields(Options)})
    job = arguments.model, arguments.preset, arguments.out, options
    if arguments.events:
        return speaking(lambda emit, cancelled: _run_for_a_program(job, arguments.events, emit, cancelled))
    try:
        report = export(*job)
    except PatinaError as error:
        if not arguments.json:
            raise
        print(write_event(_failed(error)))
        return FAILED
    if arguments.json:
        print(json.dumps(report))
    else:
        _tell(report)
    return FINISHED


def _run_for_a_program(
    job: tuple[Path, str, Path, Options], report: Path, emit: Emit, cancelled: IsCancelled
) -> int:
    def at(stage: str, done: float) -> None:
        if cancelled():
            raise Cancelled
        emit(Event("progress", stage=stage, fraction=done))

    try:
        write_bytes(report, json.dumps(export(*job, at)).encode())
    except PatinaError as error:
        emit(_failed(error))
        return FAILED
    except Cancelled:
        emit(Event("cancelled"))
        return CANCELLED
    emit(Event("finished", path=str(job[2]), report=str(report)))
    return FINISHED


def _failed(error: PatinaError) -> Event:
    return Event("failed", message=error.message, cure=error.cure, field=error.field)


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
