"""The backend's light against Cycles': the same mesh, maps, camera and light, rendered by both."""

from __future__ import annotations

import math
import os
import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

ROOT = Path(__file__).parents[2]
SIZE, SIDE = 128, 64  # of the render, of the maps
RADIUS = 1 / math.sqrt(3)  # of a sphere whose bounding box has a diagonal of 2


def waves(*shape: int) -> np.ndarray:
    """(SIDE, SIDE, C): smooth numbers in 0..1, the same every time, that repeat."""
    y, x = np.mgrid[:SIDE, :SIDE] * (2 * np.pi / SIDE)
    random = np.random.default_rng(shape)
    found = [
        np.sin(a * x + p) * np.cos(b * y + q)
        for (a, b), (p, q) in zip(
            random.integers(1, 6, (shape[-1], 2)), random.uniform(0, 6, (shape[-1], 2)), strict=True
        )
    ]
    return np.stack(found, 2).astype(np.float32) / 2 + 0.5


def maps() -> dict[str, np.ndarray]:
    """The whole set, each (SIDE, SIDE, C), bottom row first."""
    bent = np.concatenate([0.6 * waves(4, 2) - 0.3, np.ones((SIDE, SIDE, 1), np.float32)], 2)
    bent /= np.linalg.norm(bent, axis=2, keepdims=True)
    return {
        "color": 0.05 + 0.85 * waves(1, 3),
        "roughness": 0.3 + 0.6 * waves(2, 1),
        "metalness": waves(3, 1),
        "normal": bent / 2 + 0.5,
    }


def image_of(name: str, pixels: np.ndarray) -> bpy.types.Image:
    image = bpy.data.images.new(name, SIDE, SIDE, float_buffer=True)
    image.colorspace_settings.name = "Non-Color"  # the numbers are in linear light already
    four = np.ones((SIDE, SIDE, 4), np.float32)
    four[..., :3] = pixels
    image.pixels.foreach_set(four.ravel())
    return image


def material_of(found: dict[str, np.ndarray]) -> bpy.types.Material:
    material = bpy.data.materials.new("Whole")
    material.use_nodes = True
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    shader.distribution = "GGX"
    bend = tree.nodes.new("ShaderNodeNormalMap")
    tree.links.new(bend.outputs[0], shader.inputs["Normal"])
    places = {
        "color": shader.inputs["Base Color"],
        "roughness": shader.inputs["Roughness"],
        "metalness": shader.inputs["Metallic"],
        "normal": bend.inputs["Color"],
    }
    for name, into in places.items():
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image = image_of(name, found[name])
        tree.links.new(node.outputs["Color"], into)
    if hasattr(material, "use_bump_map_correction"):
        material.use_bump_map_correction = False  # which softens what bent normals make of the light
    return material


def render(scene: bpy.types.Scene) -> np.ndarray:
    """(SIZE, SIZE, 3): what Cycles shows, sRGB, the top row first."""
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = 128, False, 0
    scene.cycles.use_adaptive_sampling, scene.cycles.filter_width = False, 0.01  # a pixel's middle
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.view_settings.view_transform = "Raw"
    scene.render.image_settings.file_format = "OPEN_EXR"
    path = Path(bpy.app.tempdir) / "view.exr"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    pixels = np.empty((SIZE, SIZE, 4), np.float32)
    image.pixels.foreach_get(pixels.ravel())
    linear = pixels[::-1, :, :3].clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("slant", [(0.5, -0.6, 0.6), (-0.8, -0.2, 0.2)])
def test_the_same_set_looks_the_same_as_in_cycles(tmp_path, slant):
    """Colour, roughness, metalness and normals, under a sun and a dim sky: within 3 of 255 on average."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=96, ring_count=48, radius=RADIUS, calc_uvs=True)
    ball = bpy.context.object
    bpy.ops.object.shade_smooth()
    found = maps()
    ball.data.materials.append(material_of(found))
    scene = bpy.context.scene
    backward = np.array((0.25, -1.0, 0.35)) / np.linalg.norm((0.25, -1.0, 0.35))
    right = np.cross((0, 0, 1), backward)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(backward, right), backward])
    fov = math.radians(10)
    position = backward * 1.3 / (2 * math.tan(fov / 2))
    eye = bpy.data.objects.new("Eye", bpy.data.cameras.new("Eye"))
    eye.data.angle, eye.data.clip_end = fov, 100
    eye.matrix_world = Matrix.Translation(position) @ Matrix(axes.T.tolist()).to_4x4()
    direction = np.array(slant) / np.linalg.norm(slant)
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = 2.5, 0.0
    sun.data.use_shadow = False
    sun.rotation_euler = Vector(-direction).to_track_quat("-Z", "Y").to_euler()
    for thing in (eye, sun):
        scene.collection.objects.link(thing)
    scene.camera = eye
    scene.world = bpy.data.worlds.new("Sky")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.25
    shown = render(scene)
    mesh = ball.data
    mesh.calc_loop_triangles()
    loops = np.array([t.loops[:] for t in mesh.loop_triangles])
    np.savez(
        tmp_path / "scene.npz",
        vertices=np.array([v.co[:] for v in mesh.vertices], np.float32),
        faces=np.array([t.vertices[:] for t in mesh.loop_triangles], np.int32),
        uvs=np.array([d.uv[:] for d in mesh.uv_layers.active.data], np.float32)[loops],
        normals=np.array([n.vector[:] for n in mesh.corner_normals], np.float32)[loops],
        position=position,
        axes=axes,
        size=SIZE,
        direction=direction,
        irradiance=2.5,
        sky=0.25,
        **{name: pixels[::-1] for name, pixels in found.items()},
    )
    python = ROOT / ".env" / "backend" / "bin" / "python"
    command = [str(python), "-B", str(Path(__file__).with_name("shade_view.py")), "scene.npz", "view.npy"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    ours = np.load(tmp_path / "view.npy")
    seen = np.isfinite(ours[..., 0])
    assert 0.3 < seen.mean() < 0.8
    if out := os.environ.get("SHADING_OUT"):
        np.savez(out, ours=ours, shown=shown)
    assert np.abs(ours - shown)[seen].mean() < 3 / 255
