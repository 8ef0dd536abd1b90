"""The texture so far, shown on its object in the 3D viewports while the job runs.

It is drawn over the object from the job's own mesh and preview picture, in every shading mode. No material,
image or undo step is made for it, so there is nothing that a cancel, a save or an undo could leave behind.

Of textures that move, those that there are by now show at their frames of the scene, so that it can be played
while the others are painted: one is read when the scene comes to it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..backend.pictures import png
from ..backend.protocol.files import PREVIEW_FILE, numbered
from ..backend.reading import read_bytes
from .keying import Timing, shown_at
from .process import beside
from .scene.records import Member

MAX_BYTES = 64 << 20  # of a picture
MAX_TRIANGLES = 2_000_000  # more would take too much memory
MAX_PIECE = 1 << 16  # triangles that go to the GPU at a time
PIECE_SECONDS = 0.006  # in which a redraw puts pieces there, at least one
DEPTH_OFFSET = 2e-5  # in clip space, so that it wins against the object's own surface
STUDIO_LIGHT = 0.36  # what Solid shading's studio light leaves of a colour; else the result seemed darker

# The number of an object, that of a texture, and attributes (T, 3, N) of triangles of that which show this.
Piece = tuple[int, int, dict[str, np.ndarray]]

_VERTEX = """
void main() {
  gl_Position = matrix * vec4(position, 1.0);
  gl_Position.z -= closer * gl_Position.w;
  place = uv;
  light = brightness * (0.45 + 0.55 * abs(dot(normalize(normal), toward)));
}
"""
_FRAGMENT = """
void main() {  // viewports take linear light
  vec3 color = texture(picture, fract(place)).rgb;
  vec3 decoded = mix(color / 12.92, pow((color + 0.055) / 1.055, vec3(2.4)), step(0.04045, color));
  fragment = vec4(decoded * light, 1.0);
}
"""


@dataclass
class Shown:
    """A job's preview: what is drawn, and on which objects."""

    folder: Path
    members: Sequence[Member]
    pictures: list[np.ndarray | None]  # of each texture: (H, W, 4) float32 in sRGB, bottom row first
    textures: list[Any]  # on the GPU, made when drawn
    timing: Timing | None = None  # of what moves: when which of its frames shows
    there: list[int] = field(default_factory=list)  # the frames of which there are pictures, in their order
    frame: int | None = None  # which of them `pictures` show; None: that with which all begin
    waiting: list[int] = field(default_factory=list)  # pictures that have changed on the disk, in their order
    pieces: Future[list[Piece]] = field(default_factory=Future)  # that are not on the GPU yet
    batches: list[tuple[int, int, Any]] = field(default_factory=list)  # triangles by member and texture


shown: Shown | None = None
_handler: Any = None
_shader: Any = None


def show(folder: Path, count: int, members: Sequence[Member], timing: Timing | None = None) -> None:
    """Show the new previews of a job's `count` textures: the first from the next redraw on, the others as
    `advance` reads them. timing: when which of its frames shows, where they move."""
    global shown, _handler
    if shown is None or shown.folder != folder:
        shown = Shown(folder, members, [None] * count, [None] * count, timing)
        if not bpy.app.background:
            shown.pieces = beside(lambda: split(folder, len(members)))
    first = not shown.waiting
    if timing is not None:
        frames = range(len(timing.starts))
        shown.there = [frame for frame in frames if (folder / _file(shown, 0, frame)).is_file()]
        shown.frame = _frame_now(shown)
    shown.waiting += [index for index in range(count) if index not in shown.waiting]
    if first:
        advance()
    if _handler is None and not bpy.app.background:
        _handler = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def advance() -> None:
    """Read the next picture that waits, and have more of the triangles drawn. Either takes some milliseconds,
    in which Blender stands still."""
    if shown is None:
        return
    if shown.pieces.done() and (shown.pieces.exception() or shown.pieces.result()):
        redraw()
    if (frame := _frame_now(shown)) != shown.frame:
        shown.frame, shown.waiting = frame, [*range(len(shown.pictures))]
    if not shown.waiting:
        return
    index = shown.waiting.pop(0)
    picture = read(shown.folder / _file(shown, index, shown.frame))
    if picture is not None:
        shown.pictures[index], shown.textures[index] = picture, None
        redraw()


def _frame_now(preview: Shown) -> int | None:
    """Find the frame that is to show now: the scene's own, or the last before it that is there."""
    if preview.timing is None:
        return None
    wanted = shown_at(preview.timing, bpy.context.scene.frame_current)
    return max((frame for frame in preview.there if frame <= wanted), default=None)


def _file(preview: Shown, index: int, frame: int | None) -> str:
    """Name the picture of a texture, or of one of its frames."""
    name = numbered(PREVIEW_FILE, index, len(preview.pictures))
    if frame is None or preview.timing is None:
        return name
    return numbered(name, frame, len(preview.timing.starts))


def clear() -> None:
    """Show nothing more."""
    global shown, _handler
    if shown is not None:
        shown = None
        redraw()
    if _handler is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handler, "WINDOW")
        _handler = None


def read(path: Path) -> np.ndarray | None:
    """Read the pixels (H, W, 4) of a preview, bottom row first; None where there is none.

    Without Blender, which takes several times as long for it, and much longer for its first picture.
    """
    try:
        colors = png.decode_plain(read_bytes(path, MAX_BYTES))
    except (OSError, ValueError):
        return None
    pixels = np.full((*colors.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = colors[::-1, :, :3]
    return np.divide(pixels, 255, dtype=np.float32)


def redraw() -> None:
    """Have the 3D viewports drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def find(name: str, uid: int) -> bpy.types.Object | None:
    """Find the object with the session's number `uid`, which most likely is still called `name`."""
    obj = bpy.data.objects.get(name)
    if obj is not None and obj.session_uid == uid:
        return obj
    return next((obj for obj in bpy.data.objects if obj.session_uid == uid), None)


def _draw() -> None:
    """The draw handler: runs for every redraw of every viewport."""
    if shown is None:
        return
    try:
        found = [find(member.name, member.uid) for member in shown.members]
        places = {
            number: obj.matrix_world
            for number, obj in enumerate(found)
            if obj is not None and obj.visible_get(viewport=bpy.context.space_data)
        }
        if places:
            shading = bpy.context.space_data.shading
            is_solid = shading.type == "SOLID" and shading.light == "STUDIO"
            _paint(shown, places, bpy.context.region_data, STUDIO_LIGHT if is_solid else 1.0)
    except Exception as error:  # a handler that raises does so at every redraw
        print(f"Patina: no preview ({error!r})")
        clear()


def _paint(
    preview: Shown, places: dict[int, Matrix], view: bpy.types.RegionView3D, brightness: float
) -> None:
    """Draw the members, by number, that have a place in the world."""
    import gpu

    global _shader
    _shader = _shader or _make_shader()
    _take_pieces(preview)
    gpu.state.depth_test_set("LESS_EQUAL")
    _shader.bind()
    viewer = view.view_matrix.inverted().col[2].xyz
    for number, index, batch in preview.batches:
        if number not in places or preview.pictures[index] is None:
            continue
        if preview.textures[index] is None:
            preview.textures[index] = _make_texture(preview.pictures[index])
        moved = places[number] @ preview.members[number].world.inverted_safe()
        _shader.uniform_float("matrix", view.perspective_matrix @ moved)
        _shader.uniform_float("toward", (moved.to_3x3().inverted_safe() @ viewer).normalized())
        _shader.uniform_float("closer", DEPTH_OFFSET)
        _shader.uniform_float("brightness", brightness)
        _shader.uniform_sampler("picture", preview.textures[index])
        batch.draw(_shader)
    gpu.state.depth_test_set("NONE")


def _make_shader() -> Any:
    import gpu

    between = gpu.types.GPUStageInterfaceInfo("patina_preview")
    between.smooth("VEC2", "place")
    between.smooth("FLOAT", "light")
    info = gpu.types.GPUShaderCreateInfo()
    info.push_constant("MAT4", "matrix")
    info.push_constant("VEC3", "toward")
    info.push_constant("FLOAT", "closer")
    info.push_constant("FLOAT", "brightness")
    info.sampler(0, "FLOAT_2D", "picture")
    for place, (kind, name) in enumerate((("VEC3", "position"), ("VEC3", "normal"), ("VEC2", "uv"))):
        info.vertex_in(place, kind, name)
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "fragment")
    info.vertex_source(_VERTEX)
    info.fragment_source(_FRAGMENT)
    return gpu.shader.create_from_info(info)


def _make_texture(picture: np.ndarray) -> Any:
    import gpu

    height, width, _ = picture.shape
    data = gpu.types.Buffer("FLOAT", picture.size, picture.ravel())
    return gpu.types.GPUTexture((width, height), format="RGBA8", data=data)


def _take_pieces(preview: Shown) -> None:
    """Put more triangles on the GPU, as far as that takes some milliseconds. Raises as `split` does."""
    began = time.perf_counter()
    while preview.pieces.done() and preview.pieces.result():
        member, texture, corners = preview.pieces.result().pop(0)
        preview.batches.append((member, texture, _make_batch(corners)))
        if time.perf_counter() - began > PIECE_SECONDS:
            break


def split(folder: Path, members: int) -> list[Piece]:
    """Split a job's triangles by object and texture, and into pieces of MAX_PIECE. For any thread.

    Raises ValueError for too many, OSError.
    """
    return [
        (member, texture, {name: values[start : start + MAX_PIECE] for name, values in corners.items()})
        for member, texture, corners in _parts(folder, members)
        for start in range(0, len(corners["uv"]), MAX_PIECE)
    ]


def _parts(folder: Path, members: int) -> list[Piece]:
    with np.load(folder / "mesh.npz") as mesh:
        faces = mesh["faces"]
        if len(faces) > MAX_TRIANGLES:
            raise ValueError(f"{len(faces)} triangles")
        none = np.zeros(len(faces), np.int32)
        tiles = mesh.get("tiles", none)
        objects = np.minimum(mesh["objects"], members - 1) if "objects" in mesh else none
        corners = {"position": mesh["vertices"][faces], "normal": mesh["normals"], "uv": mesh["uvs"]}
    pair = objects * (int(tiles.max(initial=0)) + 1) + tiles  # of few: to sort millions takes seconds
    found = np.flatnonzero(np.bincount(pair))
    if len(found) < 2:
        return [(int(objects[0]), int(tiles[0]), corners)] if len(found) else []
    parts = [np.flatnonzero(pair == number) for number in found]
    return [
        (int(objects[part[0]]), int(tiles[part[0]]), {name: values[part] for name, values in corners.items()})
        for part in parts
    ]


def _make_batch(corners: dict[str, np.ndarray]) -> Any:
    """Triangles with attributes (T, 3, N) at their corners."""
    import gpu

    layout = gpu.types.GPUVertFormat()
    for name, values in corners.items():
        layout.attr_add(id=name, comp_type="F32", len=values.shape[2], fetch_mode="FLOAT")
    vertices = gpu.types.GPUVertBuf(layout, 3 * len(corners["position"]))
    for name, values in corners.items():
        vertices.attr_fill(name, np.ascontiguousarray(values, np.float32).reshape(-1, values.shape[2]))
    return gpu.types.GPUBatch(type="TRIS", buf=vertices)
