"""Patina for scripts: what `bl_ext.user_default.patina` offers. See docs/scripting.md."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import bpy

from ..backend.errors import PatinaError
from ..backend.protocol.events import Event
from . import history, jobs, scope, styles
from .operators import apply as applying
from .operators import stylize as stylizing
from .operators.history import wearable
from .properties.settings import PatinaSettings
from .scene import sets
from .scene.stage import keep_step

Objects = bpy.types.Object | str | Iterable["bpy.types.Object | str"]
OnEvent = Callable[["Result", Event], None]
Picture = str | Path | tuple["str | Path", float]

WAIT_SECONDS = 0.05


@dataclass(eq=False)
class Result:
    """What becomes of one job: of objects painted together, or of one that cannot be painted.

    name: of the objects, in a few words; error: why there is no texture, else None.
    """

    name: str
    run: jobs.Run | None = field(default=None, repr=False)
    error: PatinaError | None = None

    @property
    def state(self) -> str:
        """One of "waiting", "running", "painted" (and not applied yet), "finished", "failed", "cancelled"."""
        return self.run.state if self.run is not None else jobs.FAILED

    @property
    def is_over(self) -> bool:
        return self.run is None or self.run not in jobs.queue

    @property
    def folder(self) -> Path | None:
        """The job's folder: its log, its report, its textures; None where there is no job."""
        return self.run.folder if self.run is not None else None

    @property
    def textures(self) -> list[Path]:
        """The files of the textures, once they are painted."""
        return [path for path in self.run.job.files if path.is_file()] if self.run is not None else []

    @property
    def objects(self) -> list[bpy.types.Object]:
        """The objects of the job that are in the file."""
        return sets.present(self.run.job.members) if self.run is not None and self.run.is_at_home else []

    @property
    def images(self) -> list[bpy.types.Image]:
        """The images of this file that hold the result."""
        named = self.folder.name if self.folder is not None else ""
        return [image for image in bpy.data.images if named and image.get(history.FOLDER_KEY) == named]

    @property
    def notes(self) -> list[str]:
        """What should be known of it, though all went on."""
        return self.run.notes if self.run is not None else []

    @property
    def report(self) -> dict[str, Any]:
        """How it went, as the job's report.json has it; empty before it has."""
        if self.run is None or not self.run.report.is_file():
            return {}
        return dict(json.loads(self.run.report.read_text(encoding="utf-8")))

    def cancel(self) -> None:
        """End the job, be it under way, within two seconds; wait for that with `wait`."""
        if self.run is not None and jobs.queue and jobs.queue[0] is self.run:
            jobs.cancel()
        elif self.run is not None:
            jobs.remove(str(self.run.folder))


def stylize(
    objects: Objects,
    style: Picture | Sequence[Picture] | None = None,
    *,
    quality: str | None = None,
    wait: bool = True,
    on_event: OnEvent | None = None,
    **settings: Any,
) -> list[Result]:
    """Paint `objects`, as the panel's button does, and give the results, one a job.

    objects: objects of the view layer, or their names. style: a shipped painting's name (such as
    "great_wave"), or a picture's path; a pair of it and its weight; or several of those, to be mixed.
    settings: any property of the panel's (`PatinaSettings`, `PatinaScope`); what is not given is as it is
    at first, whatever the panel is set to. wait: until all are over; else they go on by themselves, where
    there is a window, and in `wait`. on_event: is told what happens, as it happens (see
    `backend.protocol.events.Event`).

    Raises PatinaError where nothing can be painted; what goes wrong with one job is its result's error.
    """
    values = settings | ({} if quality is None else {"quality": quality})
    values |= _style_values(style) if style is not None else {}
    _check(values)
    results = begin(_found(objects), values, on_event)
    if wait:
        wait_for(results)
    return results


def begin(
    objects: Sequence[bpy.types.Object], values: Mapping[str, Any], on_event: OnEvent | None = None
) -> list[Result]:
    """Begin to paint `objects` with the panel's properties as `values` has them. Raises PatinaError."""
    with _selected(objects):
        runs, errors = stylizing.begin(bpy.context, values, anew=True)
    results = [_begin(run, on_event) for run in runs]
    return results + [Result(name, error=error) for name, error in errors]


def wait_for(results: Iterable[Result]) -> None:
    """Wait until `results` are over; jobs that were before them in the queue are done meanwhile.

    A Ctrl-C cancels them.
    """
    waiting = list(results)
    try:
        while not all(result.is_over for result in waiting):
            jobs.pump()
            time.sleep(WAIT_SECONDS)
    except KeyboardInterrupt:
        for result in waiting:
            result.cancel()
        while not all(result.is_over for result in waiting):
            jobs.pump()
            time.sleep(WAIT_SECONDS)
        raise
    for result in waiting:
        if result.run is not None:
            result.error = result.run.error


def apply(folder: str | Path, objects: Objects | None = None) -> list[bpy.types.Image]:
    """Put the result of a job on `objects`, by default on those that it was made for, and give its images.

    folder: the job's, of this Blender or another. Of several objects each gets its own part, by its name.
    Raises PatinaError.
    """
    entry = history.read(Path(folder).absolute())
    if entry is None or not entry.is_whole or not entry.job.members:
        cure = "Name the folder of a job that has painted an object in Blender."
        raise PatinaError(f"There is no result for an object in {folder}.", cure, "folder")
    members = entry.job.members
    wanted = _found([member.name for member in members] if objects is None else objects)
    if len(members) == 1:
        shown = [history.member_for(wearable(obj), entry) for obj in wanted]
    else:
        numbers = {obj.name: obj.session_uid for obj in wanted}
        shown = [replace(one, uid=numbers[one.name]) for one in members if one.name in numbers]
    if not shown:
        raise PatinaError(f"{folder} is of other objects.", f"It is of: {entry.object_name}.", "objects")
    keep_step(bpy.context)
    if len(members) > 1:
        return applying.apply(entry.job, shown)
    return [image for one in shown for image in applying.apply(entry.job, [one])]


def _begin(run: jobs.Run, on_event: OnEvent | None) -> Result:
    result = Result(run.object_name, run)
    if on_event is not None:
        run.watch = lambda event: on_event(result, event)
    jobs.submit(run)
    return result


def _style_values(style: Picture | Sequence[Picture]) -> dict[str, Any]:
    """What the panel has for pictures: the first its own, the others mixed in."""
    several = list(style) if isinstance(style, Sequence) and not isinstance(style, str | tuple) else [style]
    if isinstance(style, tuple) and not (len(style) == 2 and isinstance(style[1], int | float)):
        several = list(style)
    choices = []
    for one in several:
        picture, weight = one if isinstance(one, tuple) else (one, 1.0)
        is_shipped = str(picture) in styles.PAINTINGS
        chosen = (
            {"style": str(picture)} if is_shipped else {"style_file": str(picture), "style": styles.OWN_IMAGE}
        )
        choices.append(chosen | {"weight": float(weight)})
    if not choices:
        raise PatinaError("There is no style.", "Name a painting, or a picture's file.", "style")
    return choices[0] | {"mixed": choices[1:]}


def _check(values: Mapping[str, Any]) -> None:
    """Raise PatinaError for a setting that there is none of."""
    known = [
        prop.identifier
        for group in (PatinaSettings, scope.PatinaScope)
        for prop in group.bl_rna.properties
        if prop.identifier not in ("rna_type", "name")
    ]
    for name in values:
        if name not in known:
            near = get_close_matches(name, known, 1)
            cure = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
            raise PatinaError(f"There is no setting {name!r}.", cure, name)


def _found(objects: Objects) -> list[bpy.types.Object]:
    """The objects, found by their names where these are given. Raises PatinaError."""
    several = [objects] if isinstance(objects, bpy.types.Object | str) else list(objects)
    there = bpy.context.view_layer.objects
    found = []
    for one in several:
        name = one if isinstance(one, str) else one.name
        if name not in there:
            cure = "Name objects of the view layer; those of an excluded collection are not."
            raise PatinaError(f"There is no object {name!r} here.", cure, "objects")
        found.append(there[name])
    if not found:
        raise PatinaError("There are no objects.", "Name at least one.", "objects")
    return found


@contextmanager
def _selected(objects: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Select just `objects` for a while, hidden ones, too; then what was."""
    layer = bpy.context.view_layer
    before, active = list(bpy.context.selected_objects), layer.objects.active
    hidden = [obj for obj in objects if obj.hide_get()]
    try:
        for obj in before:
            obj.select_set(False)
        for obj in objects:
            obj.hide_set(False)
            obj.select_set(True)
        layer.objects.active = objects[0]
        yield
    finally:
        for obj in bpy.context.selected_objects:
            obj.select_set(False)
        for obj in hidden:
            obj.hide_set(True)
        for obj in before:
            if obj.visible_get():
                obj.select_set(True)
        layer.objects.active = active
