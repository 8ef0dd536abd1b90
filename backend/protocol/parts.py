"""What a job is made of: its styles, targets, textures, maps, keys."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """One style image and its share among several (any positive weights; they are normalised).

    crop: the part of it that counts, as x, y, width and height in fractions of the image, from its top
    left; None: all of it.
    """

    image: str
    weight: float = 1.0
    crop: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Target:
    """What a dream is of, and its share in a sum; which fields are set depends on `kind`.

    class        name: of an ImageNet class
    channel      layer, channel
    neuron       layer, channel; the neuron in the middle
    direction    layer, direction: pairs of channel and weight
    deepdream    layer: whatever it sees already; empty: of the one that suits the network
    own          name: of a plugin's objective, which makes of the other fields what it likes
    """

    kind: str
    name: str = ""
    layer: str = ""
    channel: int = 0
    direction: tuple[tuple[int, float], ...] = ()
    weight: float = 1.0


@dataclass(frozen=True)
class Maps:
    """What a texture's material is beside its base colour: pictures laid as that is, of any size.

    roughness, metalness, height and occlusion are grey, normal is in tangent space with green up, emission in
    sRGB. None: what nobody chose, which is rough by a half, no metal, even, open to the sky, and dark.
    """

    roughness: str | None = None
    metalness: str | None = None
    normal: str | None = None
    height: str | None = None
    occlusion: str | None = None
    emission: str | None = None


@dataclass(frozen=True)
class Material:
    """How far each map of a whole material is painted, 0..1; at 0 it is left as it is. Colours: Job.strength.

    detail: what becomes of the normals that the object has: at 0 they are kept, at 0.5 smoothed away, at 1
    strokes stand thick where they were.
    """

    roughness: float = 1.0
    metalness: float = 1.0
    normal: float = 1.0
    height: float = 1.0
    detail: float = 0.4


@dataclass(frozen=True)
class Tile:
    """One texture of a job that paints several: an object's, or a tile of a UDIM image.

    name: for messages and the report; content: its present base colour; mask: grey, white where to paint;
    maps: what else its material is.
    drawn, drawn_mask: an earlier result, with what the artist has drawn on it since, and where that is.
    """

    name: str
    content: str | None = None
    mask: str | None = None
    drawn: str | None = None
    drawn_mask: str | None = None
    maps: Maps = Maps()


@dataclass(frozen=True)
class Key:
    """How a style, or a dream, looks at one frame of several: the frame's number, from 0.

    weights: of the job's styles or targets, one each, 0 for one that does not count; empty: as the styles
    have them, all targets alike. strength, style_size, of a style: as those of `Job`; None: the job's.
    """

    frame: int
    weights: tuple[float, ...] = ()
    strength: float | None = None
    style_size: float | None = None
