"""What is measured: meshes, the paintings, jobs on them, and the machine that does it."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import trimesh
from torch import Tensor

from backend.export.model import read_model
from backend.networks import mixed_precision
from backend.painting import aim
from backend.pictures.images import read_image, resize, write_image
from backend.pictures.styles import Styles
from backend.protocol.job import Job
from backend.protocol.parts import Style
from backend.rendering.mesh import Mesh, build_mesh, read_mesh
from backend.rendering.views import Viewing

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "benchmarks"
SCRATCH = ROOT / "out" / "benchmarks"
BLENDER = ROOT / ".env" / "blender" / "bin" / "python"
SIZE = 1024  # texels along a side, where nothing else is said
DEVICE = torch.device(os.environ.get("PATINA_DEVICE", "cpu"))  # what is measured


@dataclass(frozen=True, eq=False)
class Subject:
    """A mesh with, perhaps, a texture of its own; `folder` holds them as a job's files."""

    name: str
    mesh: Mesh
    folder: Path

    def content(self, size: int = SIZE) -> Tensor | None:
        """(3, size, size): its own texture."""
        path = self.folder / "content.png"
        return resize(read_image(path, "texture", "content"), size, size) if path.exists() else None

    def job(self, style: Path, **settings: object) -> Job:
        """The job that paints it like the picture `style`."""
        content = "content.png" if (self.folder / "content.png").exists() else None
        options = {"texture_size": SIZE, "device": str(DEVICE), "content": content} | settings
        return Job(name=self.name, mesh="mesh.npz", styles=(Style(str(style)),), **options)


def painting(name: str) -> Path:
    """One of the shipped paintings."""
    return ROOT / "addon" / "styles" / f"{name}.jpg"


@cache
def subject(name: str) -> Subject:
    """fox, suzanne, islands or sphere; made once, in out/benchmarks/."""
    folder = SCRATCH / name
    if not (folder / "mesh.npz").exists():
        folder.mkdir(parents=True, exist_ok=True)
        {"fox": _fox, "suzanne": _suzanne, "islands": _islands, "sphere": _sphere}[name](folder)
    return Subject(name, read_mesh(folder / "mesh.npz", name), folder)


def _write(folder: Path, mesh: Mesh) -> None:
    part = folder / "part.npz"
    np.savez(part, vertices=mesh.vertices, faces=mesh.faces, uvs=mesh.uvs, normals=mesh.normals)
    part.replace(folder / "mesh.npz")


def _fox(folder: Path) -> None:
    model = read_model(ROOT / "tests" / "assets" / "fox.gltf")
    pixels = torch.from_numpy(np.asarray(model.textures[0].convert("RGB")).copy())
    write_image(pixels.permute(2, 0, 1).float() / 255, folder / "content.png")
    _write(folder, build_mesh(model.vertices, model.faces, model.uvs, name="fox"))


def _suzanne(folder: Path) -> None:
    part = folder / "part.npz"
    subprocess.run(
        [BLENDER, "-B", ROOT / "benchmarks" / "suzanne.py", part], check=True, stdout=subprocess.DEVNULL
    )
    part.replace(folder / "mesh.npz")


def _islands(folder: Path) -> None:
    """A dented ball in 320 triangular islands of 16 faces each, packed in pairs."""
    coarse = trimesh.creation.icosphere(2)
    ball, parents = coarse, np.arange(len(coarse.faces))
    for _ in range(2):
        vertices, faces, index = trimesh.remesh.subdivide(ball.vertices, ball.faces, return_index=True)
        order = np.concatenate([np.full(len(v), k) for k, v in index.items()])
        places = np.concatenate(list(index.values()))
        source = np.empty(len(faces), int)
        source[places] = order
        parents = parents[source]
        ball = trimesh.Trimesh(vertices, faces, process=False)
    barycentric = trimesh.triangles.points_to_barycentric(
        np.repeat(coarse.triangles[parents], 3, 0), ball.triangles.reshape(-1, 3)
    ).reshape(-1, 3, 3)
    points = ball.vertices / np.linalg.norm(ball.vertices, axis=1, keepdims=True)
    waves = np.sin(5 * points @ np.array([[1.0, 0.3, 0], [0, 1, 0.4], [0.5, 0, 1]]))
    points *= 1 + 0.12 * waves.sum(1, keepdims=True)
    side = int(np.ceil(np.sqrt(len(coarse.faces) / 2)))
    cell, upper = np.divmod(parents, 2)
    margin = 0.08
    corners = np.array(
        [
            [[margin, margin], [1 - 2.5 * margin, margin], [margin, 1 - 2.5 * margin]],
            [[1 - margin, 1 - margin], [2.5 * margin, 1 - margin], [1 - margin, 2.5 * margin]],
        ]
    )
    local = np.einsum("fck,fkd->fcd", barycentric, corners[upper])
    place = np.stack([cell % side, cell // side], 1)[:, None]
    _write(folder, build_mesh(points, ball.faces, (local + place) / side, name="islands"))


def _sphere(folder: Path) -> None:
    """A ball in six islands, one for each side of a cube around it, projected from the centre."""
    ball = trimesh.creation.icosphere(4)
    centers = ball.triangles_center
    axis = np.abs(centers).argmax(1)
    sign = np.sign(np.take_along_axis(centers, axis[:, None], 1)[:, 0])
    ahead, right, up = (
        np.take_along_axis(ball.triangles, ((axis + k) % 3)[:, None, None], 2)[..., 0] for k in range(3)
    )
    flat = np.stack([right / ahead, up / (sign[:, None] * ahead)], -1)
    cell = np.stack([axis, sign > 0], 1)[:, None]
    _write(folder, build_mesh(ball.vertices, ball.faces, (cell + 0.5 + flat * 0.34) / 3, name="sphere"))


def styles_of(style: Path) -> Styles:
    """The picture `style` alone."""
    return Styles((read_image(style, "painting", "styles"),), (1.0,))


def viewing_of(who: Subject, style: Path, size: int = SIZE) -> Viewing:
    """At what scale a job looks at the mesh."""
    return aim.viewing_of(who.job(style, texture_size=size), who.mesh, styles_of(style), DEVICE)


def machine() -> dict[str, object]:
    """What every number was measured on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].split(":", 1)[1].strip() if named else model
    card = {"card": torch.cuda.get_device_name(DEVICE)} if DEVICE.type == "cuda" else {}
    with mixed_precision(DEVICE):
        one = torch.ones(1, 1, device=DEVICE)
        kind = str((one @ one).dtype).removeprefix("torch.")
    return card | {"cpu": model, "cores": os.cpu_count(), "networks": kind, "torch": str(torch.__version__)}


def synchronize() -> None:
    """Wait until the card has done what it was given, so that a clock tells the truth."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize(DEVICE)
