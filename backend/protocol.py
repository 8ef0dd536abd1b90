"""What the add-on and the backend say to each other: a job (a folder) and events (JSON lines).

Standard library only: the add-on imports this module inside Blender, the backend in its own Python.

A job folder holds `job.json` (a `Job`) and the files it names, by paths relative to the folder:

    mesh.npz      vertices (V, 3) float32, scene units; faces (F, 3) int32 into them;
                  uvs (F, 3, 2) float32, one per corner, v up; normals (F, 3, 3) float32, one per corner
    content.png   the object's present base colour, sRGB; row 0 is v = 1
    style.jpg     any image Pillow reads

mesh.npz may hold more:

    tiles         (F,) int32, index into `Job.tiles` of the texture that a face shows; without it, one texture
    objects       (F,) int32, index of the object that a face is of; no vertex is of two; without it, one
    weights       (F, 3) float32, one per corner, 0..1: how far to paint there; without it, all the way
    directions    (F, 3, 3) float32, one per corner, scene axes, any length: along it strokes run; 0: anyhow

A surface that moves may come with a file of poses, which views look at in turn, so that what is painted suits
all of them:

    poses.npz     vertices (K, V, 3) float32, scene units: where those of mesh.npz are at K other times

So several objects, or the tiles of a UDIM image, are one job. `Job.tiles` names the textures, all of
`texture_size`, and each face names its own; UVs wrap within it (those of UDIM tiles may stay as they are).
They are painted together, to one set of statistics, with strokes of one size in scene units. Unless
`Job.occlusion` is set, each view shows one object, as if it stood alone.

A mask (`weights`, a mask picture, or both, multiplied) limits what is painted: outside it, views show the
content, and so does the result. The whole mask is then written too, as `mask.png`: 8 bits of grey, 0 where
nothing was painted, at the content's own size (of one of more than 67 million pixels, at half or less),
so that it can be composed at the content's own depth.

`Job.material` asks for the whole material: beside the colours, maps of what else it is (`Maps`) are painted,
and written as `roughness.png`, `metalness.png` (grey), `normal.png` (tangent space, green up) and
`height.png` (grey; the middle is the surface), of the textures' size; what is not to change is not written. A
height has 16 bits, another map as many as the job's own has, 8 or 16. `Job.reflectance` has a dream be of
roughness and metalness, too, which are written likewise.

The backend adds `preview.png`, `texture.png` (`image.png` where there is no mesh), `report.json` and
`checkpoint.npz` (from which another job can go on: see `backend/painting/checkpoint.py`),
each written beside and renamed, so a reader never sees half a file. Several frames are `texture_0.png`,
`texture_1.png`, …, and so are the textures of several tiles, their masks and previews (see `numbered`);
frames of several tiles are `texture_TILE_FRAME.png`. Frames of a style are there one after the other, and a
job that goes on keeps those that its folder has already;
a CPPN is also kept as `picture.cppn`, from two of which a morph makes frames; relief gives `height.png`
(16 bits) and `normal.png` (tangent space, green up) too. It writes one event a line to stdout; everything
else goes to stderr. It reads stdin: a line `cancel` ends the job within two seconds, and so does the end of
the stream.

A painter (`python -m backend serve`) stays after a job. It reads one `Request` a line from stdin and does the
jobs one after the other; each event names its job's folder. `enough` has a job take what there is by now as
its result. `steer` has one go on, from what it has painted, by what its job.json says now, of which only the
fields in STEERED may have changed; with another seed, other style images or other targets it starts over. New
files have new names: those that the job had stay as they are. The end of stdin ends the painter.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from .rules import RANGES, RULES, Rule, is_number, is_part, is_share, is_whole
from .writing import write_bytes

Part = TypeVar("Part")

VERSION = 1

JOB_FILE = "job.json"
MAX_JOB_BYTES = 1 << 24
MESH_FILE = "mesh.npz"
POSES_FILE = "poses.npz"
MAX_POSES = 64
CONTENT_FILE = "content.png"
PREVIEW_FILE = "preview.png"
CHECKPOINT_FILE = "checkpoint.npz"
TEXTURE_FILE = "texture.png"
MASK_FILE = "mask.png"
HEIGHT_FILE = "height.png"
NORMAL_FILE = "normal.png"
ROUGHNESS_FILE = "roughness.png"
METALNESS_FILE = "metalness.png"
OWN_FILE = "own_{}.png"  # of a job's input: a map of the material that the object has
IMAGE_FILE = "image.png"
CPPN_FILE = "picture.cppn"
REPORT_FILE = "report.json"

# Exit codes of `python -m backend run`.
FINISHED, FAILED, USAGE, CANCELLED = 0, 1, 2, 3

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
REQUESTS = ("paint", "cancel", "enough", "steer")
# Fields of a job that may change under way: see `steer` above.
STEERED = (
    *("strength", "colors", "style_size", "follow_shape", "motifs", "styles", "style_loss", "quality"),
    "steps",
    # Of the mesh and the tiles: where to paint; the content: what shows elsewhere.
    *("seed", "targets", "mesh", "content", "mask", "tiles"),
)
PARAMETERIZATIONS = ("pyramid", "fourier", "pixel", "cppn", "shared", "pieces")
TEXTURE_SIZES = (64, 128, 256, 512, 1024, 2048, 4096, 8192)


def readable(text: str) -> str:
    """Put a ? for what no text may hold: names of files may, on Linux (lone surrogates)."""
    return text.encode("utf-8", "replace").decode("utf-8")


class PatinaError(Exception):
    """Something a person can mend: what is wrong, and what to do about it.

    `field` names the job's field, the file or the object at fault.
    """

    def __init__(self, message: str, cure: str = "", field: str = "") -> None:
        message, cure = readable(message), readable(cure)
        super().__init__(message)
        self.message, self.cure, self.field = message, cure, field

    def __str__(self) -> str:
        return f"{self.message} {self.cure}".strip()


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


@dataclass(frozen=True)
class Job:
    """What is to be done. Paths are relative to the job folder. Without a mesh it is a flat picture."""

    name: str = ""  # whom it is for, in messages: the object's name
    mesh: str | None = None
    content: str | None = None
    styles: tuple[Style, ...] = ()
    texture_size: int = 1024  # texels along a side
    quality: str = "standard"
    strength: float = 0.5  # 0 keeps the content, 1 gives all to the style
    colors: float = 0.0  # whose palette the result has: 0 the style's, 1 the object's own
    follow_shape: float | None = None  # stylize on a mesh: how far its form sets the tones; None: as suits
    motifs: bool = True  # stylize on a mesh: one plain object may show recognisable pieces of the styles
    style_loss: str = "gram"  # stylize on a pyramid or in pixels: what is compared of features
    style_size: float | None = None  # scene units that the style's shorter side spans; 0, None: what fits
    seed: int = 0
    network: str = "vgg16"
    parameterization: str = "pyramid"
    steps: int | None = None  # None: the quality's own
    framing: str = "surface"
    rasterizer: str = "embree"
    device: str = "auto"
    task: str = "stylize"
    targets: tuple[Target, ...] = ()  # of dream and interpolate
    image_size: int = 256  # pixels along a flat picture's longer side
    frames: int = 4  # of interpolate and morph, and of a style that moves
    # A style that moves, on a mesh: how much its frames' strokes differ, 0..1; what is large is the same.
    boil: float = 0.0
    # The same, and interpolate between targets: what the frames go between; empty: the style is one, or there
    # are two ends.
    keys: tuple[Key, ...] = ()
    loop: bool = False  # after the last key frames go back to the first, so that they can be repeated
    easing: str = "linear"  # between keys
    aligned: bool = False  # interpolate: neighbouring frames must look alike to the network's middle
    transparent: bool = False  # dream: with alpha, opaque only where it matters
    relief: bool = False  # stylize and synthesize on a mesh: a height map beside the colour
    reflectance: bool = False  # dream on a mesh: roughness and metalness beside the colour
    tileable: bool = False  # synthesize: left goes on at right, top at bottom
    scales: int = 3  # synthesize, but in pieces: of the exemplar's pyramid; 1 is plain Gram matrices
    cppns: tuple[str, ...] = ()  # morph: the two ends
    tiles: tuple[
        Tile, ...
    ] = ()  # stylize on a mesh: its several textures; then `content` and `mask` are theirs
    mask: str | None = None  # stylize: a grey picture, of a mesh in texture space, white where to paint
    occlusion: bool = (
        False  # stylize: objects hide each other as in the scene, and what is hidden matters less
    )
    resume: str | None = (
        None  # stylize on a mesh: the checkpoint to go on from; `steps` are further ones, or what it lacks
    )
    drawn: str | None = None  # with `resume`: as in `Tile`, of a job with one texture, or a picture
    drawn_mask: str | None = None
    layers: tuple[str, ...] = ()  # of the network, whose statistics make the style; empty: its own choice
    views: int | None = None  # views a step; None: the loop's own
    # Stylize on a mesh: which way who looks at it is, in scene axes; what is seen from there is shown first.
    looked_from: tuple[float, float, float] | None = None
    poses: str | None = None  # stylize on a pyramid: where the mesh's vertices are at other times
    material: Material | None = None  # stylize on a pyramid: paint the whole material; None: its colour alone
    maps: Maps = Maps()  # what the material of the job's only texture is beside its colour
    version: int = VERSION

    def __post_init__(self) -> None:
        _check(self)

    @property
    def textures(self) -> tuple[Tile, ...]:
        """The job's textures: those it names, or its one."""
        own = Tile(self.name, self.content, self.mask, self.drawn, self.drawn_mask, self.maps)
        return self.tiles or (own,)

    @property
    def files(self) -> set[str]:
        """The files that it reads, as it names them."""
        named = [self.mesh, self.poses, self.resume, *self.cppns, *(style.image for style in self.styles)]
        for tile in self.textures:
            named += [tile.content, tile.mask, tile.drawn, tile.drawn_mask, *astuple(tile.maps)]
        return {name for name in named if name}

    def without_drawn(self) -> Job:
        """Make the same job where nobody has drawn anything."""
        tiles = tuple(replace(tile, drawn=None, drawn_mask=None) for tile in self.tiles)
        return replace(self, tiles=tiles, drawn=None, drawn_mask=None)

    @property
    def on_pyramid(self) -> bool:
        """Whether a mesh gets its style on the sparse pyramid, which alone has tiles and checkpoints."""
        on_mesh = self.mesh is not None and self.task == "stylize"
        return on_mesh and self.parameterization == "pyramid" and not self.relief

    @property
    def painted_maps(self) -> Material | None:
        """How far it paints what a material is beside its colour; None: it leaves no such maps."""
        return Material(normal=0.0, height=0.0) if self.reflectance else self.material

    @property
    def moves(self) -> bool:
        """Whether a style is painted in several frames."""
        return self.boil > 0 or (bool(self.keys) and self.task != "interpolate")

    @property
    def plays(self) -> bool:
        """Whether it leaves textures of a mesh that show one after the other, as many as there are frames."""
        in_frames = self.task == "morph" or (self.task == "interpolate" and bool(self.keys))
        return self.moves or (in_frames and self.mesh is not None)

    def frame_files(self, frame: int, name: str = TEXTURE_FILE) -> list[str]:
        """Name the textures' files of a frame, or those like `name`, where the job plays."""
        count = len(self.textures)
        files = [numbered(name, tile, count) for tile in range(count)]
        return [numbered(file, frame, self.frames) for file in files]

    @property
    def on_pixels(self) -> bool:
        """Whether a flat picture gets its style as a whole, in its own pixels."""
        return self.mesh is None and self.task == "stylize" and self.parameterization == "pixel"

    @property
    def in_pieces(self) -> bool:
        """Whether it is sewn from pieces of its exemplars, without any optimisation."""
        return self.task == "synthesize" and self.parameterization == "pieces"

    @property
    def pictures(self) -> tuple[tuple[str, Any], ...]:
        """Which parts of which images its styles are."""
        return tuple((style.image, style.crop) for style in self.styles)

    @property
    def kinds(self) -> set[str]:
        """The kinds of its targets."""
        return {target.kind for target in self.targets}


# What a field can be at all.
_CHOICES: dict[str, tuple[Any, ...]] = {
    "quality": QUALITIES,
    "style_loss": STYLE_LOSSES,
    "framing": FRAMINGS,
    "device": DEVICES,
    "rasterizer": RASTERIZERS,
    "texture_size": TEXTURE_SIZES,
    "task": TASKS,
    "easing": EASINGS,
} | dict.fromkeys(
    ("aligned", "transparent", "relief", "reflectance", "tileable", "occlusion", "motifs", "loop"),
    (True, False),
)


def _check(job: Job) -> None:
    """Raise PatinaError for the first thing that is wrong with `job`."""
    if job.version != VERSION:
        _refuse(
            "version",
            f"is {job.version!r}, this backend reads version {VERSION}",
            "Update the extension and its backend together (Preferences > Patina > Update).",
        )
    for name in ("name", "network", "parameterization"):
        if not isinstance(getattr(job, name), str):
            _refuse(name, f"is {getattr(job, name)!r:.100}", "Use a text.")
    for name in ("mesh", "poses", "content", "mask", "resume", "drawn", "drawn_mask"):
        if not isinstance(getattr(job, name), str | None):
            _refuse(
                name, f"is {getattr(job, name)!r:.100}", "Use a path relative to the job folder, or null."
            )
    if job.parameterization not in PARAMETERIZATIONS and not str(job.parameterization).startswith(OWN):
        _refuse(
            "parameterization",
            f"is {job.parameterization!r}",
            f"Use one of: {', '.join(PARAMETERIZATIONS)}, or a plugin's, as {OWN}NAME.",
        )
    for name, allowed in _CHOICES.items():
        value = getattr(job, name)
        if value not in allowed or type(value) is not type(allowed[0]):  # 1024.0 is equal, but no size
            _refuse(name, f"is {value!r}", f"Use one of: {', '.join(map(str, allowed))}.")
    _obey(RANGES, job)
    for style in job.styles:
        _check_style(style)
    for target in job.targets:
        _check_target(target)
    for tile in job.tiles:
        _check_tile(tile)
    _check_maps(job.maps)
    if job.material is not None:
        _check_material(job.material)
    for key in job.keys:
        _check_key(key, len(job.targets if job.task == "interpolate" else job.styles))
    _obey(RULES, job)


def _obey(rules: tuple[Rule, ...], job: Job) -> None:
    for rule in rules:
        if rule.when(job):
            _refuse(rule.field, rule.why.format(job=job), rule.cure)


def _refuse(name: str, why: str, cure: str) -> NoReturn:
    raise PatinaError(f"job.json: {name} {why}.", cure, name)


def _check_style(style: Style) -> None:
    if not isinstance(style.image, str) or not style.image:
        _refuse("styles", "has an entry without an image", "Name an image file.")
    if not is_number(style.weight) or style.weight <= 0:
        _refuse("styles", f"gives {style.image} the weight {style.weight!r}", "Use a positive number.")
    if style.crop is not None and not is_part(style.crop):
        _refuse(
            "styles",
            f"gives {style.image} the crop {style.crop!r}",
            "Use x, y, width and height within it, in its fractions: 0 0 1 0.5 is the upper half.",
        )


def _check_tile(tile: Tile) -> None:
    paths = tile.content, tile.mask, tile.drawn, tile.drawn_mask
    if not isinstance(tile.name, str) or not all(isinstance(path, str | None) for path in paths):
        _refuse("tiles", f"has {tile!r}", "Give each a name, and paths or null.")
    _check_maps(tile.maps)


def _check_maps(maps: Maps) -> None:
    if not isinstance(maps, Maps) or not all(isinstance(path, str | None) for path in asdict(maps).values()):
        _refuse("maps", f"is {maps!r:.200}", "Give paths or null.")


def _check_material(material: Material) -> None:
    shares = asdict(material) if isinstance(material, Material) else {"": None}
    for name, share in shares.items():
        if not is_share(share):
            _refuse("material", f"has {name} {share!r:.100}", "Use numbers from 0 to 1, or null.")


def _check_key(key: Key, count: int) -> None:
    """count: of the styles or targets that it may weigh."""
    if not is_whole(key.frame) or key.frame < 0:
        _refuse("keys", f"has one at the frame {key.frame!r}", "Use a whole number from 0 on.")
    if key.strength is not None and not is_share(key.strength):
        _refuse("keys", f"has the strength {key.strength!r}", "Use a number from 0 to 1, or null.")
    size = key.style_size
    if size is not None and (not is_number(size) or size <= 0):
        _refuse("keys", f"has the stroke size {size!r}", "Use a positive number of scene units, or null.")
    weights = key.weights
    sound = isinstance(weights, tuple) and all(is_number(weight) and weight >= 0 for weight in weights)
    if not sound or (weights and (len(weights) != count or not any(weights))):
        _refuse("keys", f"has the weights {weights!r:.100}", "Give each style or target one, and not all 0.")


def _check_target(target: Target) -> None:
    kind = target.kind
    if kind not in TARGETS:
        _refuse("targets", f"has a {kind!r}", f"Use one of: {', '.join(TARGETS)}.")
    if kind == "class" and (not isinstance(target.name, str) or not target.name.strip()):
        _refuse("targets", "has a class without a name", 'Name an ImageNet class, such as "daisy".')
    if kind == "own" and (not isinstance(target.name, str) or not target.name):
        _refuse("targets", "has an objective of a plugin without a name", "Name it.")
    if not isinstance(target.layer, str) or (not target.layer and kind in ("channel", "neuron", "direction")):
        _refuse("targets", f"has a {kind} without a layer", "Name a layer of the network.")
    if kind in ("channel", "neuron") and (not is_whole(target.channel) or target.channel < 0):
        _refuse("targets", f"has the channel {target.channel!r}", "Use a whole number from 0 on.")
    if kind == "direction":
        pairs = target.direction
        if not pairs or not all(len(p) == 2 and is_whole(p[0]) and is_number(p[1]) for p in pairs):
            _refuse("targets", "has a malformed direction", "Give pairs of a channel and its weight.")
    if not is_number(target.weight) or target.weight == 0:
        _refuse("targets", f"has the weight {target.weight!r}", "Use a number other than 0.")


def numbered(name: str, index: int, count: int) -> str:
    """Name the file `name` of the picture `index` of `count`.

    It keeps its name where it is the only one, else it gets its number.
    """
    stem, dot, suffix = name.rpartition(".")
    return name if count <= 1 else f"{stem}_{index}{dot}{suffix}"


def write_job(folder: Path, job: Job) -> Path:
    """Write `job.json` in `folder`, whole or not at all, and give its path. Raises OSError."""
    path = Path(folder) / JOB_FILE
    text = json.dumps(asdict(job), indent=2, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))  # names that are no text: JSON's own escape
    return path


def read_job(folder: Path) -> Job:
    """Read and check `folder/job.json`. Raises PatinaError naming the field that is wrong."""
    path = Path(folder) / JOB_FILE
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_JOB_BYTES:
            raise ValueError("it is no ordinary file, or far too long")  # a pipe would wait for its writer
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise PatinaError(f"There is no {JOB_FILE} in {folder}.", "Name a job folder.", "job") from None
    except (OSError, ValueError, RecursionError) as error:
        raise PatinaError(f"{path} cannot be read: {error}.", "Write the job again.", "job") from None
    if not isinstance(raw, dict):
        raise PatinaError(f"{path} is not a job.", "Write the job again.", "job")
    if raw.get("version") != VERSION:  # before anything else: another version may have other fields
        Job(version=raw.get("version", 0))
    unknown = sorted(set(raw) - {f.name for f in fields(Job)})
    if unknown:
        raise PatinaError(f"job.json: unknown field {unknown[0]}.", "Remove it.", unknown[0])
    styles = _records(raw, "styles", _style, '[{"image": …, "weight": …}]')
    targets = _records(raw, "targets", _target, '[{"kind": "class", …}]')
    tiles = _records(raw, "tiles", _tile, '[{"name": …, "content": …}]')
    for name, kind in (("maps", Maps), ("material", Material)):
        if isinstance(raw.get(name), dict):
            raw[name] = _record(raw[name], name, kind)
    keys = _records(raw, "keys", _key, '[{"frame": …, "weights": …}]')
    for name in ("cppns", "layers"):
        value = raw.get(name, ())
        if not isinstance(value, list | tuple):
            raise PatinaError(f"job.json: {name} is {value!r}.", "Write it as a list of texts.", name)
        raw[name] = tuple(value)
    if isinstance(raw.get("looked_from"), list):
        raw["looked_from"] = tuple(raw["looked_from"])
    if isinstance(raw.get("colors"), str):
        raw["colors"] = COLORS.get(raw["colors"], raw["colors"])
    return Job(styles=styles, targets=targets, tiles=tiles, keys=keys, **raw)


def _records(
    raw: dict[str, Any], name: str, read: Callable[[dict[str, Any]], Part], like: str
) -> tuple[Part, ...]:
    """Take the list `name` out of `raw` and `read` each of its records."""
    try:
        return tuple(read(record) for record in raw.pop(name, ()))
    except (TypeError, AttributeError) as error:
        raise PatinaError(f"job.json: {name} is malformed ({error}).", f"Write it as {like}.", name) from None


def _record(record: dict[str, Any], name: str, kind: Callable[..., Part]) -> Part:
    try:
        return kind(**record)
    except TypeError as error:
        raise PatinaError(f"job.json: {name} is malformed ({error}).", "Leave it out.", name) from None


def _tile(record: dict[str, Any]) -> Tile:
    maps = record.get("maps")
    return Tile(**(record | ({"maps": Maps(**maps)} if isinstance(maps, dict) else {})))


def _key(record: dict[str, Any]) -> Key:
    return Key(**(record | {"weights": tuple(record.get("weights", ()))}))


def _target(record: dict[str, Any]) -> Target:
    return Target(**(record | {"direction": tuple(tuple(pair) for pair in record.get("direction", ()))}))


def _style(record: dict[str, Any]) -> Style:
    crop = record.get("crop")
    return Style(**(record | {"crop": tuple(crop) if isinstance(crop, list) else crop}))


@dataclass(frozen=True)
class Event:
    """One thing that happened. `kind` tells which fields are set:

    started    message (device and rasterizer)
    progress   stage, step, steps (of the whole job), fraction 0..1, seconds_left (None while unknown), loss,
               reached: the quality below the job's that there is by now, if any, and `enough` would take
    preview    path: a texture so far; of several, the first, when all are written. A job that plays writes
               those of its frames (`Job.frame_files` of PREVIEW_FILE), one after the other or all
    message    message: something the person should know; the job goes on
    finished   path: the texture; report: the report's path
    failed     message, cure, field
    cancelled

    A painter sets `job`, the folder of the job that an event is of, and has two more, of no job:

    ready      memory: bytes that it holds while it waits
    spent      it had better be let go: the system's memory is short, or something happened to it
    """

    kind: str
    message: str = ""
    cure: str = ""
    field: str = ""
    stage: str = ""
    step: int = 0
    steps: int = 0
    fraction: float = 0.0
    seconds_left: float | None = None
    loss: float | None = None
    reached: str = ""
    path: str = ""
    report: str = ""
    job: str = ""
    memory: int = 0


MAX_TEXT = 2000  # characters of an event's text: what a panel can show
ENDINGS = ("finished", "failed", "cancelled")
EVENT_KINDS = ("started", "progress", "preview", "message", *ENDINGS, "ready", "spent")


def write_event(event: Event) -> str:
    """Write an event as one JSON line, without the fields that are at their defaults."""
    defaults = asdict(Event(event.kind))
    record = {k: v for k, v in asdict(event).items() if k == "kind" or v != defaults[k]}
    return json.dumps(record, ensure_ascii=True, allow_nan=False)


def read_event(line: str) -> Event | None:
    """Read the event on a line; None where it is something else (a library's chatter), or of other types.

    Texts are cut to MAX_TEXT characters, what is no finite number is none.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("kind") not in EVENT_KINDS:
        return None
    known: dict[str, Any] = {}
    for field in fields(Event):
        value = record.get(field.name, field.default)
        if isinstance(value, str) and field.type == "str":
            known[field.name] = value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "…"
        elif (
            (field.type == "int" and is_whole(value) and is_number(value))
            or (field.type != "str" and field.type != "int" and is_number(value))
            or (field.type == "float | None" and value is None)
        ):
            known[field.name] = value
        else:
            return None
    return Event(**known)


END_OF_LOG = (
    "patina: the end of this job's log"  # a painter's line on stderr, after which the next one's begins
)


@dataclass(frozen=True)
class Request:
    """What a painter is asked: `do` is one of REQUESTS, `folder` the job's.

    online: whether weights that are not here may be downloaded.
    """

    do: str
    folder: str
    online: bool = False


def write_request(request: Request) -> str:
    """One JSON line."""
    return json.dumps(asdict(request))


def read_request(line: str) -> Request | None:
    """The request on a line; None where it is none."""
    try:
        request = Request(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    sound = request.do in REQUESTS and isinstance(request.folder, str) and isinstance(request.online, bool)
    return request if sound else None
