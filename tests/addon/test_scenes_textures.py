"""Textures of every kind: their colours are read right, and what a mask leaves alone comes back exactly."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon.scene import image, material, result, textures
from bl_ext.user_default.patina.backend.errors import PatinaError
from PIL import Image

WIDTH, HEIGHT = 13, 7  # neither square nor powers of two
LINEAR = "Linear Rec.709"


def srgb(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def random(channels: int = 4) -> np.ndarray:
    return np.random.default_rng(5).random((HEIGHT, WIDTH, channels), np.float32)


def write(path: Path, pixels: np.ndarray, format: str, depth: str, **settings: object) -> bpy.types.Image:
    """A file of linear `pixels` (H, W, 4), alpha apart, written by Blender's renderer; loaded again."""
    made = bpy.data.images.new("Made", WIDTH, HEIGHT, alpha=True, float_buffer=True)
    associated = pixels.copy()
    associated[..., :3] *= pixels[..., 3:]
    made.pixels.foreach_set(associated.ravel())
    scene = bpy.data.scenes.new("Made")
    scene.view_settings.view_transform = "Standard"
    options = scene.render.image_settings
    options.file_format, options.color_mode, options.color_depth = format, "RGBA", depth
    for name, value in settings.items():
        setattr(options, name, value)
    made.save_render(str(path), scene=scene)
    bpy.data.images.remove(made)
    bpy.data.scenes.remove(scene)
    return bpy.data.images.load(str(path))


def original(kind: str, folder: Path) -> bpy.types.Image:
    pixels = random()
    pixels[..., 3] = 1 if "alpha" not in kind else 0.25 + 0.75 * pixels[..., 3]
    bright = pixels * np.float32((4, 4, 4, 1))
    match kind.split()[0]:
        case "PNG8":
            return write(folder / "own.png", pixels, "PNG", "8")
        case "PNG16":
            return write(folder / "own.png", pixels, "PNG", "16")
        case "TIFF16":
            return write(folder / "own.tif", pixels, "TIFF", "16")
        case "EXR16":
            return write(folder / "own.exr", bright, "OPEN_EXR", "16", exr_codec="ZIP")
        case "EXR16-DWAA":
            return write(folder / "own.exr", bright, "OPEN_EXR", "16", exr_codec="DWAA")
        case "EXR32":
            return write(folder / "own.exr", bright, "OPEN_EXR", "32", exr_codec="ZIP")
        case "generated":
            made = bpy.data.images.new("own", WIDTH, HEIGHT, alpha=True, float_buffer="float" in kind)
            made.pixels.foreach_set(pixels.ravel())
            return made
        case "grey":
            Image.fromarray((pixels[..., 0] * 255).astype(np.uint8)).save(folder / "own.png")
            return bpy.data.images.load(str(folder / "own.png"))
        case "data":
            made = write(folder / "own.png", pixels, "PNG", "8")
            made.colorspace_settings.name = "Non-Color"
            return made
    raise AssertionError(kind)


KINDS = [
    "PNG8",
    "PNG8 alpha",
    "PNG16",
    "PNG16 alpha",
    "TIFF16",
    "EXR16",
    "EXR16 alpha",
    "EXR16-DWAA",
    "EXR32",
    "generated",
    "generated float",
    "grey",
    "data",
]


@pytest.fixture
def painted(tmp_path) -> Path:
    Image.new("RGB", (32, 32), (188, 64, 0)).save(tmp_path / "texture.png")
    return tmp_path / "texture.png"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("packed", [False, True])
def test_an_untouched_region_comes_back_exactly(kind, packed, tmp_path, painted):
    """The left part is painted, a column is mixed half and half, the right part is left alone."""
    own = original(kind, tmp_path)
    if packed and own.source == "FILE":
        own.pack()
        Path(bpy.path.abspath(own.filepath)).unlink()
    before = image.read_pixels(own)
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[:, :5], mask[:, 5] = 1, 0.5
    file, space = result.composed(own, painted, mask)
    after = result.load_packed(file, "Result", space)
    values = image.read_pixels(after)
    assert after.size[:] == (WIDTH, HEIGHT)
    assert after.is_float == own.is_float
    if own.file_format in ("PNG", "OPEN_EXR"):
        assert after.colorspace_settings.name == (
            own.colorspace_settings.name if "16" not in kind else space or LINEAR
        )
    assert np.array_equal(image.read_pixels(own), before)

    channels = before.shape[2]
    if own.is_float and own.file_format in ("PNG", "TIFF"):  # 16 bits: half a unit, in the file's numbers
        assert np.abs(srgb(values[:, 6:]) - srgb(before[:, 6:])).max() <= 0.5 / 65535
    else:
        assert np.array_equal(values[:, 6:], before[:, 6:])
    paint = np.array([188, 64, 0]) / 255
    if own.is_float or kind == "data":
        paint = np.where(paint <= 0.04045, paint / 12.92, ((paint + 0.055) / 1.055) ** 2.4)
    alpha = before[..., 3:] if channels == 4 else np.ones((HEIGHT, WIDTH, 1))
    full = paint * (alpha if own.is_float else np.ones_like(alpha))
    step = 1 / 255 if not own.is_float else 4e-3  # half floats have 11 bits
    assert values[:, :5, :3] == pytest.approx(full[:, :5], abs=step)
    mixed = (before[:, 5, :3] + full[:, 5]) / 2
    assert values[:, 5, :3] == pytest.approx(mixed, abs=step)
    if channels == 4:
        assert np.array_equal(values[..., 3], before[..., 3])


@pytest.mark.skipif(bpy.app.version < (4, 5), reason="Blender 4.2 saves 32 bits")
def test_half_floats_stay_half_floats(tmp_path, painted):
    own = original("EXR16", tmp_path)
    file, _ = result.composed(own, painted, np.zeros((HEIGHT, WIDTH), np.float32))
    header = file.read_bytes()[:400]
    channels = header[header.index(b"chlist\0") :]
    assert channels[channels.index(b"R\0") + 2] == 1  # OpenEXR: 0 is UINT, 1 HALF, 2 FLOAT
    assert file.stat().st_size == pytest.approx((tmp_path / "own.exr").stat().st_size, rel=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_colours_are_read_right(kind, tmp_path):
    own = original(kind, tmp_path)
    image.save_srgb(own, tmp_path / "content.png")
    with Image.open(tmp_path / "content.png") as file:
        found = np.asarray(file.convert("RGB"))[::-1] / 255
    pixels = random()
    if kind.startswith("EXR"):
        wanted = srgb(4 * pixels[..., :3])
    elif kind == "generated":
        wanted = pixels[..., :3]
    elif kind == "grey":
        wanted = pixels[::-1, :, :1].repeat(3, axis=2)
    else:
        wanted = srgb(pixels[..., :3])
    if kind == "data":
        wanted = srgb(wanted)
    tolerance = 0.02 if kind == "EXR16-DWAA" or "8 alpha" in kind else 1.01 / 255
    assert np.abs(found - wanted).max() < tolerance + (0.05 if kind == "data" else 0)


@pytest.mark.parametrize("space", ["AgX Base sRGB", "AgX Log", "Filmic sRGB", "Filmic Log", "Display P3"])
def test_an_image_in_the_space_of_a_look_is_read_as_cycles_shows_it(space, cube, tmp_path, painted):
    written = (180, 100, 30)
    Image.new("RGB", (16, 16), written).save(tmp_path / "own.png")
    own = bpy.data.images.load(str(tmp_path / "own.png"))
    own.colorspace_settings.name = space
    show(cube, own)

    def content() -> np.ndarray:
        depsgraph = bpy.context.evaluated_depsgraph_get()
        (name,) = textures.write_contents(cube, textures.read(cube, depsgraph), depsgraph, tmp_path, 16)
        with Image.open(tmp_path / name) as picture:
            return np.asarray(picture.convert("RGB"))[8, 8].astype(int)

    read = content()
    tree = cube.data.materials[0].node_tree
    color = tree.nodes["Principled BSDF"].inputs["Base Color"]
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type, mix.inputs[0].default_value = "RGBA", 0
    tree.links.new(color.links[0].from_socket, mix.inputs[6])
    tree.links.new(mix.outputs[2], color)
    assert np.abs(read - content()).max() <= 1  # now it is baked
    assert np.abs(read - written).max() > 5
    file, known = result.composed(own, painted, np.zeros((16, 16), np.float32))
    with Image.open(file) as picture:
        assert np.abs(np.asarray(picture.convert("RGB")) - read).max() <= 1
    assert known == "sRGB"


def test_alpha_is_kept_and_does_not_darken(tmp_path, painted):
    own = original("PNG8 alpha", tmp_path)
    file, space = result.composed(own, painted, None)
    after = result.load_packed(file, "Result", space)
    values = image.read_pixels(after)
    assert values.shape == (32, 32, 4)
    assert np.abs(values[..., :3] - np.array([188, 64, 0]) / 255).max() < 1e-6
    assert values[..., 3].mean() == pytest.approx(image.read_pixels(own)[..., 3].mean(), abs=0.03)
    assert values[..., 3].std() > 0.05
    assert after.alpha_mode == "CHANNEL_PACKED"


def test_an_opaque_original_gives_the_painted_file(tmp_path, painted):
    assert result.composed(original("EXR16", tmp_path), painted, None) == (painted, "sRGB")


def show(obj: bpy.types.Object, own: bpy.types.Image) -> None:
    tree = obj.data.materials[0].node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = own
    tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])


@pytest.mark.parametrize("interpolation", ["Closest", "Linear"])
def test_pixels_that_are_shown_as_squares_stay_squares(interpolation, cube, tmp_path):
    colors = np.random.default_rng(0).integers(0, 256, (8, 4, 3), np.uint8)
    Image.fromarray(colors).save(tmp_path / "own.png")
    show(cube, bpy.data.images.load(str(tmp_path / "own.png")))
    tree = cube.data.materials[0].node_tree
    next(node for node in tree.nodes if node.type == "TEX_IMAGE").interpolation = interpolation
    depsgraph = bpy.context.evaluated_depsgraph_get()
    (name,) = textures.write_contents(cube, textures.read(cube, depsgraph), depsgraph, tmp_path, 60)
    with Image.open(tmp_path / name) as file:
        found = np.asarray(file.convert("RGB"))
    times = 8 if interpolation == "Closest" else 1
    assert np.array_equal(found, colors.repeat(times, 0).repeat(times, 1))


def test_from_object_to_object(cube, tmp_path, painted):
    """The mask of a job, in the texture's place in the list, composes the image that the object shows."""
    own = original("EXR32", tmp_path)
    show(cube, own)
    source = textures.read(cube, bpy.context.evaluated_depsgraph_get())
    (after,) = result.show(cube, source.textures, [painted], {0: np.zeros((32, 32), np.float32)})
    assert material.stylized_node(cube.material_slots[0].material).image == after
    assert after.name == "Cube Stylized"
    assert np.array_equal(image.read_pixels(after), image.read_pixels(own))
    assert [len(bpy.data.scenes), len(bpy.data.images)] == [1, 2]


def test_an_image_linked_from_a_library(tmp_path, painted):
    own = original("PNG8", tmp_path)
    own.use_fake_user = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (found, wanted):
        wanted.images = found.images
    (own,) = wanted.images
    image.save_srgb(own, tmp_path / "content.png")
    assert (tmp_path / "content.png").is_file()
    file, space = result.composed(own, painted, np.zeros((HEIGHT, WIDTH), np.float32))
    values = image.read_pixels(result.load_packed(file, "Result", space))
    assert np.array_equal(values, image.read_pixels(own))


@pytest.mark.parametrize("frame", [1, 2, 3])
def test_of_a_sequence_the_current_frame_is_read(cube, frame, tmp_path):
    for number in (1, 2, 3):
        Image.new("RGB", (16, 16), tuple(200 * (channel == number - 1) for channel in range(3))).save(
            tmp_path / f"own_{number:03}.png"
        )
    own = bpy.data.images.load(str(tmp_path / "own_001.png"))
    own.source = "SEQUENCE"
    show(cube, own)
    user = next(
        node for node in cube.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE"
    ).image_user
    user.frame_duration, user.use_auto_refresh = 3, True
    bpy.context.scene.frame_set(frame)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    (name,) = textures.write_contents(cube, textures.read(cube, depsgraph), depsgraph, tmp_path, 64)
    with Image.open(tmp_path / name) as picture:
        color = np.asarray(picture.convert("RGB"))[32, 32]
    assert np.abs(color.astype(int) - np.eye(3, dtype=int)[frame - 1] * 200).max() <= 1


def test_missing_from_disk(cube, tmp_path):
    own = original("PNG8", tmp_path)
    (tmp_path / "own.png").unlink()
    own.reload()
    show(cube, own)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    with pytest.raises(PatinaError, match=r"own\.png cannot be read") as error:
        textures.write_contents(cube, textures.read(cube, depsgraph), depsgraph, tmp_path, 64)
    assert "Find Missing Files" in error.value.cure


def test_a_result_that_is_lost_changes_nothing(cube, tmp_path):
    mat = cube.data.materials[0]
    source = textures.read(cube, bpy.context.evaluated_depsgraph_get())
    with pytest.raises(PatinaError, match="left no texture for Cube"):
        result.show(cube, source.textures, [tmp_path / "texture.png"])
    (tmp_path / "texture.png").write_text("no image")
    with pytest.raises(PatinaError, match="is not an image"):
        result.show(cube, source.textures, [tmp_path / "texture.png"])
    assert cube.material_slots[0].material == mat
    assert not bpy.data.images
