"""The whole material: read from glTF, begun by strokes, seen under lights, painted, and written."""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from meshes import quad, sphere
from PIL import Image
from test_gbuffer import BELOW, look
from test_models import planned
from test_stylize_job import JOB, do, folder_of, waves
from world_models import Writer, cube, encoded, one

from backend.cli.mesh import own_maps, painted_maps
from backend.errors import PatinaError
from backend.export.wear import NewMaps, wear
from backend.models import gltf, texture_uses
from backend.models.parts import read_parts
from backend.models.textures import plan
from backend.painting import material
from backend.painting.material import DRY, GLOSSY, LEVEL, Own
from backend.pictures.decode import deep_colors
from backend.pictures.images import write_map
from backend.pictures.png import deep, encode
from backend.protocol.job_file import read_job, write_job
from backend.protocol.parts import Maps, Material
from backend.rendering import camera
from backend.rendering.mesh import Mesh, build_mesh
from backend.rendering.sampling import levels_of
from backend.rendering.shading import draw_light
from backend.rendering.texels import locate
from backend.result import report
from backend.result.maps import normals_of, slopes_of

SIZE, WHOLE = 64, Material()
WRITTEN = {"roughness.png", "metalness.png", "normal.png", "height.png"}


@pytest.fixture(autouse=True)
def few_views(monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)


def whole_folder(folder: Path, wanted: Material, **more: object) -> Path:
    """The job folder of `test_stylize_job`, with a whole material and maps of all kinds."""
    maps = {name: f"own_{name}.png" for name in asdict(Maps()) if name != "height"}
    folder_of(folder, replace(JOB, material=wanted, maps=Maps(**maps), **more))
    for seed, file in enumerate(maps.values(), 3):
        waves(SIZE, (1.0, 1.0, 1.0), seed).save(folder / file)
    return folder


def grey(path: Path) -> np.ndarray:
    image = np.asarray(Image.open(path)).astype(float)
    return image / (65535 if path.name.startswith("height") else 255)


def test_a_whole_material_is_painted_where_the_mask_lets_it_and_what_is_at_0_is_left_alone(tmp_path):
    folder = whole_folder(tmp_path / "job", Material(metalness=0.0), mask="mask_in.png")
    half = np.zeros((SIZE, SIZE), np.uint8)
    half[: SIZE // 2] = 255
    Image.fromarray(half).save(folder / "mask_in.png")
    do(folder, read_job(folder))
    found = {path.name for path in folder.iterdir()}
    assert found & WRITTEN == WRITTEN - {"metalness.png"}
    for name in WRITTEN & found:
        assert grey(folder / name).std() > 0.005
        assert Image.open(folder / name).size == (SIZE, SIZE)
    mask = grey(folder / "mask.png")
    kept, changed = mask == 0, mask == 1
    used = locate(sphere(2), SIZE).used
    moved = np.abs(grey(folder / "roughness.png") - grey(folder / "own_roughness.png").mean(2))
    assert moved[kept & used].max() < 2 / 255
    assert moved[changed & used].mean() > 0.05
    assert np.abs(grey(folder / "height.png") - LEVEL)[kept & used].max() < 1e-3


def test_maps_of_16_bits_give_maps_of_16_bits(tmp_path):
    """Where nothing is painted, each number of the original, which 8 bits could not hold."""
    folder = whole_folder(tmp_path / "job", Material(), mask="mask_in.png")
    half = np.zeros((SIZE, SIZE), np.uint8)
    half[: SIZE // 2] = 255
    Image.fromarray(half).save(folder / "mask_in.png")
    rough = np.random.default_rng(0).integers(0, 65536, (SIZE, SIZE)).astype(np.uint16)
    leaning = np.random.default_rng(1).uniform(-0.5, 0.5, (2, SIZE, SIZE)).astype(np.float32)
    normal = deep(normals_of(torch.from_numpy(leaning)).permute(1, 2, 0).numpy())
    for name, values in (("roughness", rough), ("normal", normal)):
        (folder / f"own_{name}.png").write_bytes(encode(values))
    do(folder, read_job(folder))
    kept = locate(sphere(2), SIZE).used & (grey(folder / "mask.png") == 0)
    with Image.open(folder / "roughness.png") as image:
        assert (np.asarray(image) == rough)[kept].all()
        assert len(np.unique(np.asarray(image)[half > 0] % 257)) > 200  # and not 8 bits, enlarged
    with Image.open(folder / "metalness.png") as image:
        assert image.mode == "L"
    with Image.open(folder / "normal.png") as image:
        found = deep_colors(image)
    assert np.abs(found.astype(int) - normal)[kept].max() <= 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"material": Material(roughness=1.5)}, "material"),
        ({"material": Material(), "relief": True}, "material"),
        ({"maps": Maps(normal=3)}, "maps"),
    ],
)
def test_what_no_material_can_be_is_refused(wrong, field):
    with pytest.raises(PatinaError) as error:
        replace(JOB, **wrong)
    assert error.value.field == field


def test_a_job_with_a_material_is_read_as_it_was_written(tmp_path):
    job = replace(JOB, material=Material(0.1, 0.2, 0.3, 0.4, 0.5), maps=Maps(normal="own_normal.png"))
    write_job(tmp_path, job)
    assert read_job(tmp_path) == job


def test_a_missing_map_is_named(tmp_path):
    folder = whole_folder(tmp_path / "job", Material())
    (folder / "own_normal.png").unlink()
    with pytest.raises(PatinaError, match=r"own_normal\.png"):
        do(folder, read_job(folder))


def plain(wanted: Material = WHOLE, metal: float = 0.0) -> Own:
    """An object whose material is the same all over."""
    one, two = torch.ones(1, SIZE, SIZE), torch.zeros(2, SIZE, SIZE)
    return Own(wanted, 0.5 * one, metal * one, LEVEL * one, one, one.repeat(3, 1, 1) * 0, two, two, one)


def striped(width: int = 8) -> torch.Tensor:
    """(3, SIZE, SIZE): light and dark strokes."""
    wave = torch.sin(torch.arange(SIZE) * (np.pi / width))
    return (0.5 + 0.3 * wave).expand(3, SIZE, SIZE).clone()


def test_thick_strokes_stand_high_and_shine_and_thin_ones_are_low_and_dry():
    paint, used = striped(), np.ones((SIZE, SIZE), bool)
    roughness, bare, height = material.impasto(plain(), paint, used, 8.0)
    light, dark = paint[0] > 0.7, paint[0] < 0.3
    assert height[light].min() > height[dark].max() + 0.2
    assert roughness[light].max() < roughness[dark].min() - 0.1
    assert roughness.min() >= GLOSSY
    assert roughness.max() <= DRY
    assert bare[light].max() < 0.1  # paint hides metal, the more the thicker it is
    assert bare[dark].mean() > bare[light].mean()
    own = plain()
    glossy, rough = (replace(own, roughness=each * torch.ones_like(own.roughness)) for each in (0.2, 0.9))
    on_glossy, on_rough = (material.impasto(each, paint, used, 8.0)[0] for each in (glossy, rough))
    assert (on_rough > on_glossy + 0.1).all()  # paint is a little as what it lies on


def test_what_is_no_metal_stays_none_and_metal_gives_way_to_paint():
    mesh = sphere(3)
    texels = locate(mesh, SIZE)
    painted = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    made = {
        metal: material.finished(plain(metal=metal), painted, None, mesh, texels, 1.0) for metal in (0.0, 1.0)
    }
    assert (made[0.0]["metalness"] == 0).all()
    assert torch.equal(made[1.0]["metalness"], painted[1:2])


def test_one_slider_keeps_detail_smooths_it_away_or_makes_strokes_of_it():
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    fine = 0.4 * torch.stack([torch.sin(1.5 * x), torch.cos(1.3 * y)]) * (x < SIZE / 2)
    broad = 0.3 * torch.stack([torch.sin(x * (2 * np.pi / SIZE)), torch.zeros(SIZE, SIZE)])
    used = np.ones((SIZE, SIZE), bool)
    kept, smoothed, strokes = (material.detailed(fine + broad, used, detail) for detail in (0.0, 0.5, 1.0))
    assert torch.equal(kept[0], fine + broad) or torch.allclose(kept[0], fine + broad, atol=1e-6)
    assert (kept[1] == 1).all()
    assert (smoothed[1] == 1).all()
    assert (smoothed[0] - broad).abs().mean() < 0.25 * fine.abs().mean()  # large forms stay
    assert torch.equal(strokes[0], smoothed[0])
    plain = strokes[1][0, :, SIZE // 2 + 8 : -8]  # textures repeat: the last columns are beside the first
    assert strokes[1][0, :, 8 : SIZE // 2 - 8].min() > plain.max() + 0.3


def turned(mesh: Mesh, angle: float, mirrored: bool) -> Mesh:
    """The same with its UVs turned about the middle, smaller, and mirrored perhaps."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    uvs = (mesh.uvs - 0.5) @ turn * 0.6 * ((-1, 1) if mirrored else (1, 1)) + 0.5
    return build_mesh(mesh.vertices, mesh.faces, uvs)


@pytest.mark.parametrize(("angle", "mirrored"), [(0.0, False), (0.7, False), (0.7, True)])
def test_a_height_s_normals_lean_as_its_surface_does(angle, mirrored):
    """On a plane whose UVs are turned, scaled and mirrored, seen through the renderer's own frames."""
    mesh = turned(quad(), angle, mirrored)
    texels = locate(mesh, 256)
    height = torch.zeros(256, 256)
    height[torch.from_numpy(texels.used)] = torch.from_numpy(texels.points @ np.float32((0.3, -0.2, 0)))
    picture = normals_of(slopes_of(height, mesh, texels))
    own = replace(plain(), slopes=-2 * (picture[:2] - 0.5) / (2 * picture[2:] - 1))
    grown = {
        name: F.interpolate(getattr(own, name)[None], (256, 256))[0]
        for name in ("roughness", "metalness", "height", "occlusion", "emission", "gain")
    }
    own = replace(own, staying=own.slopes, **grown)
    eye = camera.look_at(np.zeros(3), BELOW, 1.0, 24)
    view = look(mesh, eye)
    whole = material.whole_of(own, mesh, levels_of(own.slopes), 1.0, torch.device("cpu"))
    seen = F.normalize(material.look_at(whole, view, eye).normals, dim=1)
    wanted = F.normalize(torch.tensor([-0.3, 0.2, 1.0]), dim=0)
    assert torch.allclose(seen, wanted.expand_as(seen), atol=0.01)


def test_views_are_as_bright_as_their_colours_and_tell_the_maps_what_light_does():
    mesh = sphere(3)
    eye = camera.look_at(np.zeros(3), BELOW, 1.4, 48)
    view = look(mesh, eye)
    own = plain(metal=0.5)
    whole = material.whole_of(own, mesh, levels_of(own.slopes), 1.0, torch.device("cpu"))
    shown = material.look_at(whole, view, eye)
    random = np.random.default_rng(0)
    values = torch.rand(len(view.pixels), 6, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.1
    values.requires_grad_()
    lights = [draw_light(shown.frame.to_eye, random) for _ in range(4)]
    for light in lights:
        assert light.direction @ F.normalize(shown.frame.to_eye.mean(0), dim=0) > 0.3
    pictures = [material.lit(values, shown, light) for light in lights]
    linear = [material.to_linear(picture).mean() for picture in pictures]
    wanted = material.to_linear(values[:, :3]).mean()
    assert all(abs(float((found / wanted).detach()) - 1) < 0.1 for found in linear)
    assert not torch.allclose(pictures[0], pictures[1], atol=0.05)
    (gradient,) = torch.autograd.grad(pictures[0].square().sum(), values)
    assert torch.isfinite(gradient).all()
    assert (gradient.abs().mean(0) > 1e-4).all()  # of colours, roughness, metalness and height


def test_what_is_left_alone_has_no_gradient():
    mesh = sphere(3)
    eye = camera.look_at(np.zeros(3), BELOW, 1.4, 32)
    view = look(mesh, eye)
    own = plain(Material(roughness=0.0, metalness=0.0, normal=0.0))
    whole = material.whole_of(own, mesh, levels_of(own.slopes), 1.0, torch.device("cpu"))
    shown = material.look_at(whole, view, eye)
    values = torch.full((len(view.pixels), 6), 0.4, requires_grad=True)
    light = draw_light(shown.frame.to_eye, np.random.default_rng(0))
    (gradient,) = torch.autograd.grad(material.lit(values, shown, light).sum(), values)
    assert (gradient[:, 3:] == 0).all()
    assert (gradient[:, :3] != 0).any()


def dressed(uv_map: str = "TEXCOORD_0") -> Writer:
    """A cube with the whole set: packed occlusion, roughness and metalness, normals, light."""
    writer = one()
    y, x = np.mgrid[:32, :32] * 8
    packed = np.stack([255 - x // 2, x, y], 2).astype(np.uint8)
    orm = writer.texture(encoded(Image.fromarray(packed)))
    normal = writer.texture(encoded(Image.new("RGB", (16, 16), (160, 128, 250))))
    glow = writer.texture(encoded(Image.new("RGB", (16, 16), (255, 0, 128))))
    record = writer.tree["materials"][0]
    record["pbrMetallicRoughness"] |= {
        "metallicRoughnessTexture": {"index": orm},
        "roughnessFactor": 0.5,
        "metallicFactor": 1.0,
    }
    record |= {
        "normalTexture": {"index": normal},
        "occlusionTexture": {"index": orm, "strength": 0.5},
        "emissiveTexture": {"index": glow},
        "emissiveFactor": [1.0, 1.0, 0.5],
    }
    return writer


def at_middle(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture's colour at the middle of one of the cube's islands, in 0..1."""
    height, width = picture.shape[:2]
    return picture[int((1.5 - side // 3) / 2 * height), int((side % 3 + 0.5) / 3 * width)] / 255


def test_the_whole_set_of_a_gltf_is_read(tmp_path):
    path = tmp_path / "dressed.glb"
    path.write_bytes(dressed().glb())
    found = own_maps(planned(path), 64)
    assert set(found) == {
        f"own_{name}.png" for name in ("roughness", "metalness", "normal", "occlusion", "emission")
    }
    for side in range(6):
        u, v = (side % 3 + 0.5) / 3, (side // 3 + 0.5) / 2
        assert at_middle(found["own_roughness.png"], side) == pytest.approx(0.5 * u, abs=0.03)
        assert at_middle(found["own_metalness.png"], side) == pytest.approx(1 - v, abs=0.04)
        assert at_middle(found["own_occlusion.png"], side) == pytest.approx(1 - 0.25 * u, abs=0.03)
        assert at_middle(found["own_normal.png"], side) == pytest.approx(
            (160 / 255, 0.5, 250 / 255), abs=0.02
        )
        red, green, blue = at_middle(found["own_emission.png"], side)
        assert (red, green) == (1, 0)
        assert 0.3 < blue < 0.4  # half as much light, in sRGB


@pytest.mark.parametrize("size", [8, 32])
def test_a_map_at_0_is_bit_for_bit_what_it_was_though_gltf_packs_it_with_one_that_is_painted(tmp_path, size):
    """Also where it is larger than what is painted."""
    path = tmp_path / "dressed.glb"
    path.write_bytes(dressed().glb())
    found = painted_beside_kept(path, tmp_path, size)
    assert set(found.pictures) == {"metallicRoughnessTexture"}  # the normals' picture is not touched at all
    _, green, blue = np.moveaxis(found.pictures["metallicRoughnessTexture"], 2, 0)
    assert green.dtype == np.uint8
    assert (green == np.arange(32) * 8).all()
    assert green.shape == (32, 32)
    assert (blue == 7).all()
    assert found.factors == {"roughnessFactor": 0.5}
    worn = gltf.parse(
        wear(planned(path).model, planned(path).textures, [Image.new("RGB", (8, 8))], [found]), tmp_path
    )
    (record,) = worn.tree["materials"]
    assert record["pbrMetallicRoughness"]["roughnessFactor"] == 0.5
    assert record["pbrMetallicRoughness"]["metallicFactor"] == 1


def painted_beside_kept(path: Path, folder: Path, size: int) -> NewMaps:
    """What a job of `size`² makes of a model whose roughness is to stay: metalness is 7 of 255 all over."""
    painted = planned(path)
    for name, pixels in own_maps(painted, size).items():
        write_map(pixels, folder / name)
    write_map(np.full((size, size, 1), 7, np.uint8), folder / "metalness.png")
    return painted_maps(painted, folder, 0, Material(roughness=0.0, normal=0.0))


def test_a_deep_map_at_0_stays_so_beside_one_that_is_painted(tmp_path):
    """16 bits: each number of the original, where 8 would hold one in 257 of them."""
    writer, random = dressed(), np.random.default_rng(0)
    packed = random.integers(0, 65536, (48, 32, 3)).astype(np.uint16)
    orm = writer.texture(encode(packed))
    writer.tree["materials"][0]["pbrMetallicRoughness"]["metallicRoughnessTexture"] = {"index": orm}
    path = tmp_path / "deep.glb"
    path.write_bytes(writer.glb())
    found = painted_beside_kept(path, tmp_path, 16).pictures["metallicRoughnessTexture"]
    assert (found[..., 1] == packed[..., 1]).all()
    assert (found[..., 2] == 7 * 257).all()


def test_a_map_that_lies_elsewhere_is_laid_as_the_texture_is(tmp_path):
    writer = dressed()
    surface = writer.tree["materials"][0]["pbrMetallicRoughness"]["metallicRoughnessTexture"]
    surface["extensions"] = {"KHR_texture_transform": {"scale": [0.5, 1.0]}}
    path = tmp_path / "moved.glb"
    path.write_bytes(writer.glb())
    found = painted_beside_kept(path, tmp_path, 64)
    assert found.factors == {}
    green = found.pictures["metallicRoughnessTexture"][..., 1:2]
    for side in range(6):
        assert at_middle(green, side) == pytest.approx(0.25 * (side % 3 + 0.5) / 3, abs=0.03)


def test_normals_follow_into_a_new_layout(tmp_path):
    """Two maps of one cube, the colours' turned by a quarter: a slope along u becomes one along v."""
    writer = dressed()
    shape = cube()
    middle = np.repeat(shape.uvs.reshape(6, 4, 2).mean(1), 4, 0)
    quarter = (shape.uvs - middle)[:, ::-1] * (-1 / 1.5, 1.5) + middle
    primitive = writer.tree["meshes"][0]["primitives"][0]
    primitive["attributes"]["TEXCOORD_1"] = writer.numbers(quarter * (1, -1) + (0, 1), "VEC2")
    writer.tree["materials"][0]["normalTexture"]["texCoord"] = 1
    path = tmp_path / "two.glb"
    path.write_bytes(writer.glb())
    picture = own_maps(planned(path), 64)["own_normal.png"]
    for side in range(6):
        red, green, _ = at_middle(picture, side)
        assert red == pytest.approx(0.5, abs=0.03)
        assert abs(green - 0.5) == pytest.approx(160 / 255 - 0.5, abs=0.03)


def test_a_glb_wears_the_maps_packed_as_gltf_has_them(tmp_path):
    path = tmp_path / "dressed.glb"
    path.write_bytes(dressed().glb())
    model = gltf.read(path)
    painted = plan(model, read_parts(model), 32)
    red = Image.new("RGB", (32, 32), "red")
    blue, packed = (np.full((32, 32, 3), color, np.uint8) for color in ((90, 120, 250), (200, 40, 10)))
    maps = [NewMaps({"normalTexture": blue, "metallicRoughnessTexture": packed})]
    worn = gltf.parse(wear(painted.model, painted.textures, [red], maps), tmp_path)
    (record,) = worn.tree["materials"]
    slots = {slot.name: slot for slot in texture_uses.slots(worn)}
    shown = {
        name: Image.open(io.BytesIO(gltf.image_bytes(worn, slot.image))).getpixel((4, 4))
        for name, slot in slots.items()
    }
    assert shown["metallicRoughnessTexture"] == (200, 40, 10)
    assert shown["normalTexture"] == (90, 120, 250)
    assert shown["emissiveTexture"] == (255, 0, 128)  # not painted, and so as it was
    assert record["pbrMetallicRoughness"]["roughnessFactor"] == 1
    assert record["occlusionTexture"]["strength"] == 0.5
    assert slots["occlusionTexture"].image != slots["metallicRoughnessTexture"].image
