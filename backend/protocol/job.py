"""What is to be done, as one value that is sound whenever it is there."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, replace
from typing import Any

from .checks import check
from .choices import VERSION
from .files import TEXTURE_FILE, numbered
from .parts import Key, Maps, Material, Style, Target, Tile


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
    maps: Maps = field(
        default_factory=Maps
    )  # what the material of the job's only texture is beside its colour
    version: int = VERSION

    def __post_init__(self) -> None:
        check(self)

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
