"""What an export is asked for: its preset, its options, and which of them make sense together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import PatinaError

# Hears of each stage as it begins: its name, and the share that is done. It may raise to end the export.
AtStage = Callable[[str, float], None]

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


@dataclass(frozen=True)
class Options:
    """Options of all presets; prints (print-*) need `size_mm`, the longest side in millimetres.

    texture: a picture in place of the model's own. height: a grey picture, raised by relief_mm.
    min_wall_mm: the thinnest wall that passes the check. delta_e: of print-ply, the mean colour error aimed
    at. repair: close small holes and turn faces of the exported copy. proof: where the soft-proofed texture
    goes. texture_size, texture_format: of game-glb, the most texels along a side; png, jpeg or webp.
    overwrite: replace the files if they are there.
    """

    size_mm: float | None = None
    texture: Path | None = None
    height: Path | None = None
    relief_mm: float | None = None
    min_wall_mm: float | None = None
    delta_e: float | None = None
    repair: bool = False
    proof: Path | None = None
    texture_size: int | None = None
    texture_format: str = "png"
    overwrite: bool = False


def check(preset: str, out: Path, options: Options) -> None:
    """Raise PatinaError for an unknown preset, a file named otherwise, or options that do not fit it."""
    if preset not in PRESETS:
        raise PatinaError(f"There is no preset {preset}.", f"Use one of: {', '.join(PRESETS)}.", "preset")
    suffix = PRESETS[preset][0]
    if out.suffix.lower() != suffix:
        raise PatinaError(
            f"{preset} writes {suffix} files, not {out.name}.", f"Name it {out.stem}{suffix}.", "out"
        )
    if preset == "game-glb":
        _check_game(options)
    else:
        _check_print(options)


def _check_game(options: Options) -> None:
    if options.size_mm is not None or options.height is not None or options.relief_mm is not None:
        raise PatinaError(
            "A size in millimetres and a relief are for prints.", "Leave them out for game-glb.", "size_mm"
        )
    if options.texture_format not in ("png", "jpeg", "webp"):
        raise PatinaError(
            f"There is no texture format {options.texture_format}.",
            "Use png, jpeg or webp.",
            "texture_format",
        )
    size = options.texture_size
    if size is not None and (size < 1 or size & (size - 1)):
        raise PatinaError(
            f"The texture size is {size}.", "Use a power of two, such as 1024 or 2048.", "texture_size"
        )


def _check_print(options: Options) -> None:
    size = options.size_mm
    if size is None:
        raise PatinaError(
            "A print needs a size.", "Give its longest side in millimetres (--size-mm 80).", "size_mm"
        )
    if not 1 <= size <= 10_000:
        raise PatinaError(f"The size is {size:g} mm.", "Use 1 to 10000 millimetres.", "size_mm")
    if (options.height is None) != (options.relief_mm is None):
        raise PatinaError(
            "A relief needs a height map and a depth.", "Give both --height and --relief-mm.", "height"
        )
