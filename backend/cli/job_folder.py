"""What the verbs for people do around a job: from model files to a job folder, and back to a model."""

from __future__ import annotations

import argparse
import io
import re
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from ..export import game, model
from ..export.files import write_file
from ..export.inputs import files_of, keep
from ..pictures.images import cannot_write, read_image, save
from ..pictures.styles import read_style
from ..protocol import (
    CANCELLED,
    CHECKPOINT_FILE,
    CPPN_FILE,
    FINISHED,
    HEIGHT_FILE,
    IMAGE_FILE,
    JOB_FILE,
    MASK_FILE,
    NORMAL_FILE,
    PREVIEW_FILE,
    REPORT_FILE,
    TEXTURE_FILE,
    Event,
    Job,
    PatinaError,
    Style,
    write_job,
)
from ..reading import read_bytes
from ..rendering.mesh import build_mesh
from ..terminal import ProgressBar
from ..writing import write_bytes
from .options import styles_of, weighted_path

DoJob = Callable[[Path, Callable[[Event], None], Callable[[], bool]], int]
MODEL_FILE, MESH_FILE = "model.glb", "mesh.npz"
# What a job may write into its folder; of several, each with its number (see `protocol.numbered`).
WRITTEN = (
    *(JOB_FILE, MESH_FILE, CHECKPOINT_FILE, PREVIEW_FILE, TEXTURE_FILE, MASK_FILE, HEIGHT_FILE, NORMAL_FILE),
    *(IMAGE_FILE, CPPN_FILE, REPORT_FILE, MODEL_FILE, "a.cppn", "b.cppn", "content.*", "style.*"),
)
LARGEST = 16384  # no limit of its own on model.glb's texture


def stylize(options: argparse.Namespace, do_job: DoJob) -> int:
    """`options.out` becomes a job folder, is worked through, and gets a model.glb that wears the texture.

    Gives the exit code. Raises PatinaError, before anything is written, for input that cannot be used.
    """
    surface = model.read_model(options.mesh)
    if not np.ptp(surface.uvs.reshape(-1, 2), axis=0).any():
        raise PatinaError(
            f"{options.mesh.name} has no UV map, or one that covers nothing.",
            "Unwrap it (Blender: UV > Smart UV Project) and export it with its UVs.",
            "mesh",
        )
    styles = styles_of([weighted_path(text) for text in options.style], options.crops)
    if options.content:
        read_image(options.content, "content texture", "content")
    build_mesh(surface.vertices, surface.faces, surface.uvs, name=options.mesh.name)
    keep_inputs(options.out, options.mesh, options.content, *(Path(style.image) for style in styles))
    job = Job(
        name=options.mesh.stem,
        mesh=MESH_FILE,
        styles=tuple(styles),
        network=options.network or "vgg16",
        parameterization=options.parameterization or "pyramid",
        relief=options.relief,
        texture_size=options.texture_size,
        quality=options.quality,
        strength=options.strength,
        colors=options.colors,
        follow_shape=options.follow_shape,
        style_size=options.style_size,
        framing=options.framing,
        steps=options.steps,
        seed=options.seed,
        device=options.device,
        rasterizer=options.rasterizer,
    )
    for style in styles:
        read_style(style, Path())
    out: Path = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_mesh(surface, out / MESH_FILE)
        content = write_content(surface, options.content, out)
        write_job(out, replace(job, content=content, styles=copy_styles(styles, out)))
    except OSError as error:
        raise cannot_write(out, error) from None
    code = follow(out, do_job)
    if code == FINISHED:
        write_model(options.mesh, surface, out)
        print(out / MODEL_FILE)
    return code


def keep_inputs(out: Path, *inputs: Path | None) -> None:
    """Raise PatinaError if a job in the folder `out` would write over what it reads: models and pictures."""
    outputs = [file for file in out.iterdir() if _is_written(file.name)] if out.is_dir() else []
    keep([file for path in inputs if path is not None for file in files_of(path)], outputs)


def _is_written(name: str) -> bool:
    stem, dot, suffix = name.casefold().rpartition(".")
    unnumbered = re.sub(r"_\d+$", "", stem) + dot + suffix
    return any(fnmatchcase(unnumbered, pattern) for pattern in WRITTEN)


def copy_styles(styles: Sequence[Style], out: Path) -> tuple[Style, ...]:
    """Copy the style images, named by their paths, into the job folder `out` and give their entries."""
    return tuple(
        replace(style, image=copy_file(path, out / f"style_{index}{path.suffix.lower()}"))
        for index, style in enumerate(styles)
        for path in [Path(style.image)]
    )


def copy_file(source: Path, target: Path) -> str:
    """Copy a file, whole or not at all, and give its new name. Raises OSError."""
    write_bytes(target, read_bytes(source))
    return target.name


def write_mesh(surface: model.Model, path: Path) -> None:
    """Write a job's mesh.npz (see protocol). Raises PatinaError where it cannot be written."""
    mesh = surface.mesh
    normals = np.asarray(mesh.vertex_normals)[surface.faces]
    data = io.BytesIO()
    np.savez(
        data,
        vertices=surface.vertices.astype(np.float32),
        faces=surface.faces.astype(np.int32),
        uvs=surface.uvs.astype(np.float32),
        normals=normals.astype(np.float32),
    )
    write_file(path, data.getvalue())


def write_content(surface: model.Model, content: Path | None, out: Path) -> str | None:
    """Put `content`, or else the model's own largest picture, into the job folder `out` and give its name.

    None where the model has no picture. Raises OSError.
    """
    if content:
        return copy_file(content, out / f"content{content.suffix.lower()}")
    if not surface.colored:
        return None
    areas = np.bincount(surface.texture_of, surface.mesh.area_faces, len(surface.textures))
    save(surface.textures[int(areas.argmax())], out / "content.png")
    return "content.png"


def write_model(source: Path, surface: model.Model, out: Path) -> None:
    """Write model.glb: the source as it was, wearing texture.png."""
    texture = out / TEXTURE_FILE
    is_gltf = source.suffix.lower() in (".glb", ".gltf")
    data, images = game.game_glb(source, texture, LARGEST, "png") if is_gltf else (b"", [])
    if not images:  # nothing there to replace: a model without a picture
        worn = (model.read_image(texture),)
        data = game.to_glb(replace(surface, textures=worn, texture_of=np.zeros_like(surface.texture_of)))
    write_file(out / MODEL_FILE, data)


def follow(folder: Path, do_job: DoJob) -> int:
    """Do the job in `folder` with a progress bar on the terminal; Ctrl-C cancels it."""
    bar, stop = ProgressBar(), threading.Event()

    def show(event: Event) -> None:
        if event.kind == "progress":
            bar.show(event)
            return
        bar.end()
        if event.kind == "failed":
            print(f"patina: {event.message}\n        {event.cure}", file=sys.stderr)
        elif event.message:
            print(event.message, file=sys.stderr)

    try:
        return do_job(folder, show, stop.is_set)
    except KeyboardInterrupt:
        bar.end()
        print("Cancelled.", file=sys.stderr)
        return CANCELLED
