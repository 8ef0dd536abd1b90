"""Options whose values are more than a word or a number: palettes, pictures with weights, parts of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import PatinaError
from ..protocol.choices import COLORS, OWN, PARAMETERIZATIONS
from ..protocol.parts import Style, Target

DREAMS = ("class:", "channel:")  # a key that begins so is no picture


def colors(text: str) -> float:
    """Parse "style", "object", or a number from 0 to 1 between them (see `Job.colors`)."""
    if text in COLORS:
        return COLORS[text]
    try:
        return share(text)
    except argparse.ArgumentTypeError:
        said = f"{text!r} is none of {', '.join(COLORS)}, or a number from 0 to 1"
        raise argparse.ArgumentTypeError(said) from None


def share(text: str) -> float:
    """Parse a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return value


def parameterization(text: str) -> str:
    """Parse one of choices.PARAMETERIZATIONS, or a plugin's, as "own:NAME"."""
    if text not in PARAMETERIZATIONS and not text.startswith(OWN):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(PARAMETERIZATIONS)}, {OWN}NAME")
    return text


def add_crop(parser: argparse.ArgumentParser, of: str, after: str = "") -> None:
    """Add --crop, whose values `styles_of` takes. `after`: the dest of the option that it follows.

    Without one, the first is of the first picture, and so on.
    """
    parser.add_argument(
        "--crop",
        dest="crops",
        action=_Crop,
        nargs=4,
        type=float,
        default={},
        const=after,
        metavar=("X", "Y", "WIDTH", "HEIGHT"),
        help=f"only this part {of}, in fractions of it, from its top left: 0 0 1 0.5 is the upper half",
    )


class _Crop(argparse.Action):
    """Keeps crops by the place of the picture that they are of."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Any = None
    ) -> None:
        known: dict[int, tuple[float, ...]] = getattr(namespace, self.dest)
        index = len(getattr(namespace, self.const) or ()) - 1 if self.const else len(known)
        if index < 0:
            raise argparse.ArgumentError(self, f"comes after the --{self.const} that it is a part of")
        if index in known:
            raise argparse.ArgumentError(self, f"is given twice for one --{self.const}")
        setattr(namespace, self.dest, known | {index: tuple(values)})


def styles_of(pictures: Sequence[tuple[Path, float]], crops: dict[int, Any]) -> list[Style]:
    """List the pictures (path, weight), as they lie on the disk, with their parts.

    Raises PatinaError for more parts than pictures.
    """
    if len(crops) > len(pictures):
        raise PatinaError(
            f"There are {len(crops)} --crop for {len(pictures)} pictures.", "Give each picture one.", "styles"
        )
    return [Style(str(path), weight, crops.get(index)) for index, (path, weight) in enumerate(pictures)]


def weighted_path(text: str) -> tuple[Path, float]:
    """Parse "IMAGE:2" as (IMAGE, 2.0); the weight is 1 where there is none."""
    name, _, weight = text.rpartition(":")
    try:
        return Path(name or text), float(weight) if name else 1.0
    except ValueError:
        return Path(text), 1.0  # the colon is the name's own


def strong_path(text: str) -> tuple[Path, float | None]:
    """Parse "IMAGE:0.8" as (IMAGE, 0.8), a picture and a strength; None where there is none."""
    path, strength = weighted_path(text)
    return path, None if str(path) == str(Path(text)) else strength


def key_path(text: str) -> tuple[Path, float | None, float | None]:
    """Parse "IMAGE:0.8:2" as (IMAGE, 0.8, 2): a picture, its strength, its stroke size; None: not said."""
    path, last = strong_path(text)
    before, strength = strong_path(str(path)) if last is not None else (path, None)
    return (path, last, None) if strength is None else (before, strength, last)


def key_target(text: str) -> Target:
    """Parse "class:daisy" or "channel:relu4_1:7"; a key dreams of it. Raises PatinaError for another text."""
    kind, _, rest = text.partition(":")
    if kind == "class" and rest:
        return Target("class", name=rest)
    layer, _, channel = rest.rpartition(":")
    if kind == "channel" and layer and channel.isdecimal():
        return Target("channel", layer=layer, channel=int(channel))
    raise PatinaError(
        f"{text!r} is nothing to dream of.",
        "Write class:NAME or channel:LAYER:NUMBER for each key, or a picture for each.",
        "keys",
    )
