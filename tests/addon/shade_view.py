"""Shade a mesh as the backend does; run by the backend's Python: shade_view.py SCENE.npz RESULT.npy.

SCENE.npz holds vertices, faces, uvs and normals of a mesh whose bounding box is centred, with a diagonal of
2; the camera's position, axes and size; the light's direction, irradiance and sky; and the maps (S, S, C), as
they are in linear light: color, roughness, metalness, normal.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
import torch.nn.functional as F

from backend.pictures.color_space import to_srgb
from backend.rendering import rasterizer
from backend.rendering.camera import Camera
from backend.rendering.frames import corners_of, frame_of
from backend.rendering.gbuffer import render
from backend.rendering.mesh import build_mesh
from backend.rendering.sampling import gather, levels_of, mipmaps, taps
from backend.rendering.shading import Light, Surface, shade


def main(scene: str, result: str) -> None:
    """Write sRGB (H, W, 3), NaN where nothing is seen."""
    given = np.load(scene)
    mesh = build_mesh(*(given[name] for name in ("vertices", "faces", "uvs", "normals")))
    eye = Camera(given["position"], given["axes"], int(given["size"]))
    view = render(mesh, rasterizer.create("embree", mesh), eye)
    frame = frame_of(view, eye, corners_of(mesh))
    maps = [given[name] for name in ("color", "roughness", "metalness", "normal")]
    texture = torch.from_numpy(np.concatenate(maps, 2).transpose(2, 0, 1).copy()).float()
    levels = levels_of(texture)
    seen = gather(mipmaps(texture, levels), taps(view.uv, view.footprint, levels, False))
    bent = 2 * seen[:, 5:8] - 1
    axes = frame.tangents, frame.bitangents, frame.normals
    normals = F.normalize(sum(bent[:, k, None] * axis for k, axis in enumerate(axes)), dim=1)
    ones = torch.ones(len(view.pixels))
    surface = Surface(seen[:, :3], seen[:, 3], seen[:, 4], normals, frame.to_eye, ones, ones[:, None] * 0)
    direction = torch.from_numpy(given["direction"]).float()
    lit = shade(surface, Light(direction, float(given["irradiance"]), float(given["sky"])))
    image = torch.full((3, view.height, view.width), float("nan"))
    np.save(result, view.image(to_srgb(lit.clamp(0, 1)), image).permute(1, 2, 0).numpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
