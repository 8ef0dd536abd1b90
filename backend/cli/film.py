"""`python -m backend film` and `atlas`: frames as one file, for the web and for games."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from PIL import Image

from ..errors import PatinaError
from ..export.inputs import keep
from ..pictures.door import opened
from ..pictures.images import cannot_write, save
from ..protocol.events import FINISHED
from ..writing import replacing, write_bytes

FORMATS = {".webp": "WEBP", ".gif": "GIF"}
QUALITY = 82  # of WebP
LARGEST = 16384  # pixels along a side that graphics cards take


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both verbs' parsers to the command line's."""
    film = _verb(verbs, "film", "put pictures together as a moving WebP or GIF", make_film)
    film.add_argument("--fps", type=float, default=24.0, help="pictures a second (24)")
    atlas = _verb(verbs, "atlas", "lay frames out in one picture, for a game's flip-book", make_atlas)
    atlas.add_argument("--fps", type=float, help="frames a second, for the .json beside it")


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    do: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument("frames", type=Path, nargs="+", metavar="FRAME", help="pictures, in their order")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    parser.set_defaults(do=do)
    return parser


def make_film(options: argparse.Namespace) -> int:
    """Write the frames as `options.out`, which repeats for ever. Raises PatinaError."""
    kind = FORMATS.get(options.out.suffix.lower())
    if kind is None:
        raise PatinaError(f"{options.out.name} is neither a .webp nor a .gif.", "Name one.", "out")
    _check_pace(options.fps, 100)
    frames = _read(options.frames, options.out)
    if kind == "GIF":  # one palette for all, so that nothing flickers that stays the same
        strip = Image.new("RGB", (64 * len(frames), 64))
        for k, frame in enumerate(frames):
            strip.paste(frame.resize((64, 64)), (64 * k, 0))
        palette = strip.quantize(256)
        frames = [frame.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for frame in frames]
    unit = 10 if kind == "GIF" else 1  # milliseconds that it counts in
    ends = [round(1000 * k / options.fps / unit) * unit for k in range(len(frames) + 1)]
    try:
        with replacing(options.out) as stream:
            frames[0].save(
                stream,
                format=kind,
                save_all=True,
                append_images=frames[1:],
                duration=[end - start for start, end in pairwise(ends)],
                loop=0,
                **({"quality": QUALITY, "method": 4} if kind == "WEBP" else {}),
            )
    except OSError as error:
        raise cannot_write(options.out, error) from None
    print(options.out)
    return FINISHED


def make_atlas(options: argparse.Namespace) -> int:
    """Write the frames, row by row from the top left, as a PNG, and a .json beside it that says how they lie.

    Raises PatinaError.
    """
    if options.out.suffix.lower() != ".png":
        raise PatinaError(f"{options.out.name} is no .png.", "Name one.", "out")
    if options.fps is not None:
        _check_pace(options.fps, 1000)
    frames = _read(options.frames, options.out)
    width, height = frames[0].size
    columns, rows = grid(len(frames))
    if max(columns * width, rows * height) > LARGEST:
        raise PatinaError(
            f"{len(frames)} frames of {width} × {height} are larger than {LARGEST} pixels together.",
            "Use fewer, or smaller ones.",
            "frames",
        )
    atlas = Image.new("RGB", (columns * width, rows * height))
    for k, frame in enumerate(frames):
        atlas.paste(frame, (k % columns * width, k // columns * height))
    save(atlas, options.out)
    known = {"frames": len(frames), "columns": columns, "rows": rows, "width": width, "height": height}
    known |= {} if options.fps is None else {"fps": options.fps}
    try:
        write_bytes(options.out.with_suffix(".json"), (json.dumps(known, indent=2) + "\n").encode())
    except OSError as error:
        raise cannot_write(options.out.with_suffix(".json"), error) from None
    print(options.out)
    return FINISHED


def _check_pace(fps: float, most: int) -> None:
    """Raise PatinaError unless `fps` is a pace up to `most`."""
    if not 0 < fps <= most:
        raise PatinaError(f"{fps:g} pictures a second cannot be.", f"Use up to {most}.", "fps")


def grid(count: int) -> tuple[int, int]:
    """Choose columns and rows for `count` frames: nearly a square, with as few places empty as can be."""
    most = math.ceil(math.sqrt(count))
    columns = min(range(most, most + 2), key=lambda c: (c * math.ceil(count / c) - count, c))
    return columns, math.ceil(count / columns)


def _read(paths: Sequence[Path], out: Path) -> list[Image.Image]:
    """Read the frames, of one size, without opacity. Raises PatinaError."""
    keep(paths, [out, out.with_suffix(".json")])
    frames = []
    for path in paths:
        with opened(path, f"The frame {path}", "frames") as image:
            frames.append(image.convert("RGB"))
        if frames[-1].size != frames[0].size:
            text = f"{path} is of another size than {paths[0]}."
            raise PatinaError(text, "Use frames of one size.", "frames")
    return frames
