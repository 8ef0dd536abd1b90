"""Models with known volumes and pictures, for the tests of export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from PIL import Image


def picture(size: int = 64) -> Image.Image:
    """Smooth in v, striped in u, different at every texel: a flip or a shift shows."""
    y, x = np.mgrid[:size, :size] / size
    channels = (0.5 + 0.5 * np.sin(2 * np.pi * x), y, 0.5 + 0.4 * np.cos(2 * np.pi * (x + 2 * y)))
    return Image.fromarray(np.round(np.stack(channels, -1) * 255).astype(np.uint8))


def torus(major: float = 2.0, minor: float = 0.7, rings: int = 48, sides: int = 24) -> trimesh.Trimesh:
    """A closed torus around z, textured once around each way; glTF's seam vertices are there twice."""
    u, v = np.meshgrid(np.linspace(0, 1, rings + 1), np.linspace(0, 1, sides + 1), indexing="ij")
    a, b = 2 * np.pi * (u % 1), 2 * np.pi * (v % 1)  # % 1: the last is exactly the first
    ring = major + minor * np.cos(b)
    vertices = np.stack((ring * np.cos(a), ring * np.sin(a), minor * np.sin(b)), -1).reshape(-1, 3)
    at = np.arange((rings + 1) * (sides + 1)).reshape(rings + 1, sides + 1)
    a, b, c, d = at[:-1, :-1].ravel(), at[1:, :-1].ravel(), at[1:, 1:].ravel(), at[:-1, 1:].ravel()
    faces = np.concatenate((np.stack((a, b, c), -1), np.stack((a, c, d), -1)))
    return textured(vertices, faces, np.stack((u, v), -1).reshape(-1, 2))


def sphere(subdivisions: int = 5, radius: float = 1.0) -> trimesh.Trimesh:
    """A sphere of triangles with UVs from longitude and latitude."""
    mesh = trimesh.creation.icosphere(subdivisions, radius)
    x, y, z = mesh.vertices.T / radius
    uv = np.stack((np.arctan2(y, x) / (2 * np.pi) + 0.5, np.arcsin(np.clip(z, -1, 1)) / np.pi + 0.5), -1)
    return textured(mesh.vertices, mesh.faces, uv)


def slab(x: float, y: float, z: float) -> trimesh.Trimesh:
    """A box with UVs of its x and y."""
    mesh = trimesh.creation.box((x, y, z))
    return textured(mesh.vertices, mesh.faces, mesh.vertices[:, :2] / (x, y) + 0.5)


def textured(vertices, faces, uv, image: Image.Image | None = None) -> trimesh.Trimesh:
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=image or picture(), metallicFactor=0.0, roughnessFactor=1.0
    )
    return trimesh.Trimesh(
        vertices, faces, visual=trimesh.visual.TextureVisuals(uv, material=material), process=False
    )


def write(mesh: trimesh.Trimesh, path: Path) -> Path:
    """`mesh`, whose z is up, as a GLB (whose y is up), or a PLY without a picture."""
    if path.suffix == ".glb":
        mesh = mesh.copy()
        mesh.vertices = mesh.vertices[:, [0, 2, 1]] * (1, 1, -1)
    path.write_bytes(mesh.export(file_type=path.suffix[1:]))
    return path
