"""What the verbs for people do around a job: from model files to a job folder, and back to a model."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import PatinaError, readable
from ..export.inputs import files_of, keep
from ..models import files, through_blender
from ..models.arrays import Floats
from ..models.maps import Pixels
from ..models.textures import Painted
from ..pictures.decode import has_alpha, opacity
from ..pictures.door import opened
from ..pictures.images import cannot_write, read_image, save, write_map
from ..pictures.styles import read_style
from ..protocol.events import CANCELLED, FINISHED, Event
from ..protocol.files import (
    CHECKPOINT_FILE,
    CPPN_FILE,
    HEIGHT_FILE,
    IMAGE_FILE,
    JOB_FILE,
    MASK_FILE,
    MESH_FILE,
    METALNESS_FILE,
    NORMAL_FILE,
    OWN_FILE,
    POSES_FILE,
    PREVIEW_FILE,
    REPORT_FILE,
    ROUGHNESS_FILE,
    TEXTURE_FILE,
    numbered,
)
from ..protocol.job import Job
from ..protocol.job_file import read_job, write_job
from ..protocol.parts import Style
from ..reading import read_bytes
from ..terminal import ProgressBar
from ..writing import write_bytes
from .mesh import contents, fields_of, own_maps, painted_model, posed_corners, write_mesh, write_model

DoJob = Callable[[Path, Callable[[Event], None], Callable[[], bool]], int]
MODELS = (*files.SUFFIXES[:-1], *through_blender.SUFFIXES)
MODEL_FILE = "model.glb"
# What a job may write into its folder; of several, each with its number (see `files.numbered`).
WRITTEN = (
    *(
        JOB_FILE,
        MESH_FILE,
        POSES_FILE,
        CHECKPOINT_FILE,
        PREVIEW_FILE,
        TEXTURE_FILE,
        MASK_FILE,
        HEIGHT_FILE,
        NORMAL_FILE,
    ),
    *(ROUGHNESS_FILE, METALNESS_FILE, OWN_FILE.format("*")),
    *(IMAGE_FILE, CPPN_FILE, REPORT_FILE, MODEL_FILE, "a.cppn", "b.cppn", "content.*", "style.*"),
)


@dataclass(frozen=True)
class Inputs:
    """What a job is made from, as it lies on the disk.

    source: a mesh or a picture; content: a texture in place of the mesh's own; styles: named by their paths;
    cppns: the two ends of a morph. keep_uvs: the mesh is painted by no other UV maps than it has. poses: the
    mesh at other times.
    """

    source: Path | None = None
    content: Path | None = None
    styles: Sequence[Style] = ()
    cppns: Sequence[Path] = ()
    keep_uvs: bool = False
    poses: Sequence[Path] = ()

    @property
    def files(self) -> list[Path]:
        """Every file that is named."""
        styles = [Path(style.image) for style in self.styles]
        named = self.source, self.content, *styles, *self.cppns, *self.poses
        return [path for path in named if path is not None]


def is_model(path: Path) -> bool:
    """Whether a file is a model by its name, or else a picture."""
    return path.suffix.lower() in MODELS


def make_and_do(out: Path, inputs: Inputs, fields: dict[str, Any], do_job: DoJob) -> int:
    """Make `out` the folder of a job with `fields`, and do it; a mesh gets a model.glb that wears it.

    Gives the exit code. Raises PatinaError, before anything is written, for input that cannot be used.
    """
    _check(inputs)
    source = inputs.source
    on_mesh = source is not None and is_model(source)
    job = Job(
        name=readable(source.stem) if source is not None else fields["task"],
        mesh=MESH_FILE if on_mesh else None,
        content=None if source is None else f"content{'.png' if on_mesh else source.suffix.lower()}",
        styles=tuple(inputs.styles),
        cppns=tuple(f"{letter}.cppn" for letter, _ in zip("ab", inputs.cppns, strict=False)),
        poses=POSES_FILE if inputs.poses else None,
        **fields,
    )
    for style in inputs.styles:
        read_style(style, Path())
    keep_inputs(out, inputs.files)
    painted, poses = None, list[Floats]()
    shown, owned = dict[str, Image.Image](), dict[str, Pixels]()
    if source is not None and on_mesh:
        painted = painted_model(source, job, inputs.content, inputs.keep_uvs)
        poses = [posed_corners(path, painted) for path in inputs.poses]
        shown = contents(painted, bare=job.strength > 0)
        if job.painted_maps is not None:
            owned = own_maps(painted, job.texture_size)
        job = replace(job, **{"content": None} | fields_of(painted, {*shown, *owned}))
        if (
            not job.strength and job.task == "stylize"
        ):  # nothing is to change, and the light of the form would
            job = replace(job, follow_shape=0.0)
    try:
        out.mkdir(parents=True, exist_ok=True)
        if painted is not None:
            write_mesh(painted, out / MESH_FILE, poses)
        _write(job, inputs, painted, out)
        for name, picture in shown.items():
            save(picture, out / name)
        for name, pixels in owned.items():
            write_map(pixels, out / name)
    except OSError as error:
        raise cannot_write(out, error) from None
    code = follow(out, do_job)
    if code == FINISHED:
        print(out / _result(job, painted, out))
    return code


def _check(inputs: Inputs) -> None:
    """Look at what a job is made from, but for a model. Raises PatinaError."""
    for path in inputs.cppns:
        if not path.is_file():
            raise PatinaError(f"There is no file {path}.", "Name a .cppn file.", "cppns")
    if inputs.content is not None:
        read_image(inputs.content, "content texture", "content")
    if inputs.source is None:
        return
    if not inputs.source.is_file():
        raise PatinaError(f"There is no file {inputs.source}.", "Name a mesh or a picture.", "input")
    if not is_model(inputs.source):
        read_image(inputs.source, "picture", "content")


def _write(job: Job, inputs: Inputs, painted: Painted | None, out: Path) -> None:
    """Write the job and the files that it names into `out`, but for a mesh's. Raises OSError."""
    if painted is None and inputs.source is not None and job.content is not None:
        copy_file(inputs.source, out / job.content)
    for path, name in zip(inputs.cppns, job.cppns, strict=True):
        copy_file(path, out / name)
    write_job(out, replace(job, styles=copy_styles(inputs.styles, out)))


def _result(job: Job, painted: Painted | None, out: Path) -> str:
    """The name of the result to look at; a mesh, but one in several frames, wears it."""
    if job.moves:
        return job.frame_files(0)[0]
    if job.task in ("interpolate", "morph"):
        return numbered(TEXTURE_FILE if painted is not None else IMAGE_FILE, 0, job.frames)
    if painted is None:
        if job.content is not None and (job.task == "stylize" or "deepdream" in job.kinds):
            _keep_opacity(out / job.content, out / IMAGE_FILE)
        return IMAGE_FILE
    write_model(painted, out, MODEL_FILE, job.painted_maps)
    return MODEL_FILE


def _keep_opacity(source: Path, result: Path) -> None:
    """Make the picture `result` as opaque as `source` is. Raises PatinaError if it cannot be written."""
    with opened(source, f"The picture {source}", "content") as image:
        found = opacity(image)
    if found is None:
        return
    with opened(result, f"The picture {result}", "out") as image:
        if has_alpha(image):  # it is the source itself, which was not to change
            return
        painted = image.convert("RGB")
    painted.putalpha(found.resize(painted.size, Image.Resampling.BOX))
    save(painted, result)


def keep_inputs(out: Path, inputs: Sequence[Path]) -> None:
    """Raise PatinaError if a job in the folder `out` would write over what it reads: models and pictures."""
    outputs = [file for file in out.iterdir() if _is_written(file.name)] if out.is_dir() else []
    for path in inputs:
        own = {file.resolve() for file in _own(out, outputs, path)}
        keep([file for file in files_of(path) if file.resolve() not in own], outputs)


def _own(out: Path, outputs: list[Path], model: Path) -> list[Path]:
    """Tell which of `outputs` an earlier job left that `model`, which may name any picture, does not name."""
    if model.suffix.lower() not in through_blender.SUFFIXES:
        return []
    try:
        read_job(out)
    except PatinaError:
        return []
    is_later = model.stat().st_mtime > (out / JOB_FILE).stat().st_mtime
    if is_later and model.suffix.lower() in through_blender.PACKED:
        return []  # the names in it cannot be told, and they may be new
    data = read_bytes(model)
    return [file for file in outputs if file.resolve() != model.resolve() and file.name.encode() not in data]


def _is_written(name: str) -> bool:
    stem, dot, suffix = name.casefold().rpartition(".")
    unnumbered = re.sub(r"(_\d+){1,2}$", "", stem) + dot + suffix
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
