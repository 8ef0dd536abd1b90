"""What the verbs for people do around a job: from model files to a job folder, and back to a model."""

from __future__ import annotations

import io
import re
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from ..export import game, model
from ..export.files import write_file
from ..export.inputs import files_of, keep
from ..pictures.images import cannot_write, read_image, save
from ..pictures.styles import read_style
from ..protocol import (
    CANCELLED,
    CHECKPOINT_FILE,
    CONTENT_FILE,
    CPPN_FILE,
    FINISHED,
    HEIGHT_FILE,
    IMAGE_FILE,
    JOB_FILE,
    MASK_FILE,
    MESH_FILE,
    NORMAL_FILE,
    PREVIEW_FILE,
    REPORT_FILE,
    TEXTURE_FILE,
    Event,
    Job,
    PatinaError,
    Style,
    numbered,
    write_job,
)
from ..reading import read_bytes
from ..rendering.mesh import build_mesh
from ..terminal import ProgressBar
from ..writing import write_bytes

DoJob = Callable[[Path, Callable[[Event], None], Callable[[], bool]], int]
MODELS = (".obj", ".gltf", ".glb", ".ply")
MODEL_FILE = "model.glb"
# What a job may write into its folder; of several, each with its number (see `protocol.numbered`).
WRITTEN = (
    *(JOB_FILE, MESH_FILE, CHECKPOINT_FILE, PREVIEW_FILE, TEXTURE_FILE, MASK_FILE, HEIGHT_FILE, NORMAL_FILE),
    *(IMAGE_FILE, CPPN_FILE, REPORT_FILE, MODEL_FILE, "a.cppn", "b.cppn", "content.*", "style.*"),
)
LARGEST = 16384  # no limit of its own on model.glb's texture


@dataclass(frozen=True)
class Inputs:
    """What a job is made from, as it lies on the disk.

    source: a mesh or a picture; content: a texture in place of the mesh's own; styles: named by their paths;
    cppns: the two ends of a morph.
    """

    source: Path | None = None
    content: Path | None = None
    styles: Sequence[Style] = ()
    cppns: Sequence[Path] = ()

    @property
    def files(self) -> list[Path]:
        """Every file that is named."""
        styles = [Path(style.image) for style in self.styles]
        return [path for path in (self.source, self.content, *styles, *self.cppns) if path is not None]


def is_model(path: Path) -> bool:
    """Whether a file is a model by its name, or else a picture."""
    return path.suffix.lower() in MODELS


def make_and_do(out: Path, inputs: Inputs, fields: dict[str, Any], do_job: DoJob) -> int:
    """Make `out` the folder of a job with `fields`, and do it; a mesh gets a model.glb that wears it.

    Gives the exit code. Raises PatinaError, before anything is written, for input that cannot be used.
    """
    surface = _check(inputs)
    source = inputs.source
    job = Job(
        name=source.stem if source is not None else fields["task"],
        mesh=MESH_FILE if surface is not None else None,
        content=_content_name(inputs, surface),
        styles=tuple(inputs.styles),
        cppns=tuple(f"{letter}.cppn" for letter, _ in zip("ab", inputs.cppns, strict=False)),
        **fields,
    )
    for style in inputs.styles:
        read_style(style, Path())
    keep_inputs(out, inputs.files)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(job, inputs, surface, out)
    except OSError as error:
        raise cannot_write(out, error) from None
    code = follow(out, do_job)
    if code == FINISHED:
        print(out / _result(job, inputs, surface, out))
    return code


def _check(inputs: Inputs) -> model.Model | None:
    """Read what a job is made from; gives the model, if there is one. Raises PatinaError."""
    for path in inputs.cppns:
        if not path.is_file():
            raise PatinaError(f"There is no file {path}.", "Name a .cppn file.", "cppns")
    if inputs.content is not None:
        read_image(inputs.content, "content texture", "content")
    if inputs.source is None:
        return None
    if not inputs.source.is_file():
        raise PatinaError(f"There is no file {inputs.source}.", "Name a mesh or a picture.", "input")
    if not is_model(inputs.source):
        read_image(inputs.source, "picture", "content")
        return None
    surface = model.read_model(inputs.source)
    if not np.ptp(surface.uvs.reshape(-1, 2), axis=0).any():
        raise PatinaError(
            f"{inputs.source.name} has no UV map, or one that covers nothing.",
            "Unwrap it (Blender: UV > Smart UV Project) and export it with its UVs.",
            "mesh",
        )
    build_mesh(surface.vertices, surface.faces, surface.uvs, name=inputs.source.name)
    return surface


def _content_name(inputs: Inputs, surface: model.Model | None) -> str | None:
    """How the picture that a job starts from is called in its folder; None where there is none."""
    if inputs.content is not None:
        return f"content{inputs.content.suffix.lower()}"
    if surface is not None:
        return CONTENT_FILE if surface.colored else None
    return None if inputs.source is None else f"content{inputs.source.suffix.lower()}"


def _write(job: Job, inputs: Inputs, surface: model.Model | None, out: Path) -> None:
    """Write the job and the files that it names into `out`. Raises OSError."""
    if surface is not None:
        write_mesh(surface, out / MESH_FILE)
        write_content(surface, inputs.content, out)
    elif inputs.source is not None and job.content is not None:
        copy_file(inputs.source, out / job.content)
    for path, name in zip(inputs.cppns, job.cppns, strict=True):
        copy_file(path, out / name)
    write_job(out, replace(job, styles=copy_styles(inputs.styles, out)))


def _result(job: Job, inputs: Inputs, surface: model.Model | None, out: Path) -> str:
    """The name of the result to look at; a mesh that has but one texture wears it."""
    if job.task in ("interpolate", "morph"):
        return numbered(TEXTURE_FILE if surface is not None else IMAGE_FILE, 0, job.frames)
    if surface is None or inputs.source is None:
        return IMAGE_FILE
    write_model(inputs.source, surface, out)
    return MODEL_FILE


def keep_inputs(out: Path, inputs: Sequence[Path]) -> None:
    """Raise PatinaError if a job in the folder `out` would write over what it reads: models and pictures."""
    outputs = [file for file in out.iterdir() if _is_written(file.name)] if out.is_dir() else []
    keep([file for path in inputs for file in files_of(path)], outputs)


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
    save(surface.textures[int(areas.argmax())], out / CONTENT_FILE)
    return CONTENT_FILE


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
