"""One HTML file that turns stylized objects around, with what they were beside what they are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import bpy

from ...backend.errors import PatinaError
from ...backend.export.files import check_target
from ...backend.web import page
from . import engines
from .presets import Preset


def export(
    context: bpy.types.Context,
    objects: list[bpy.types.Object],
    preset: Preset,
    path: Path,
    texture_size: int,
    texture_format: str,
    overwrite: bool,
) -> engines.Written:
    """Write the page of the stylized `objects` to `path`. Raises PatinaError."""
    check_target(path, overwrite)
    if not page.has_viewer():
        raise PatinaError(
            "This Patina was built without the viewer that such a page needs.",
            "Take a released one, or run make viewer; or choose Web.",
            "preset",
        )
    model = replace(preset, operator="gltf", suffix=".glb")
    with tempfile.TemporaryDirectory(prefix="patina-page-", ignore_cleanup_errors=True) as folder:
        after, before = Path(folder, "after.glb"), Path(folder, "before.glb")
        written = engines.export(context, objects, model, after, texture_size, texture_format, False)
        with _as_they_were(context, objects):
            engines.run(model, before)
        data = {
            "name": objects[0].name if len(objects) == 1 else path.stem,
            "before": page.data_uri(before.read_bytes(), "model/gltf-binary"),
            "after": page.data_uri(after.read_bytes(), "model/gltf-binary"),
        }
    try:
        page.write("object.html", data, path)
    except OSError as error:
        raise PatinaError(
            f"{path} cannot be written: {error.strerror}.", "Choose another place.", "out"
        ) from None
    written.files = [path]
    return written


@contextmanager
def _as_they_were(context: bpy.types.Context, objects: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Select copies of `objects` in their own materials for a while, and nothing else."""
    layer = context.view_layer
    selected, active = list(context.selected_objects), layer.objects.active
    made: list[tuple[bpy.types.Object, bpy.types.Mesh]] = []
    try:
        for obj in selected:
            obj.select_set(False)
        for obj in objects:
            copy = obj.copy()
            copy.data = obj.data.copy()
            made.append((copy, copy.data))
            context.scene.collection.objects.link(copy)
            for slot in obj.patina.slots:
                copy.material_slots[slot.slot].material = slot.original
            copy.hide_set(False)
            copy.select_set(True)
        layer.objects.active = made[0][0]
        layer.update()
        yield
    finally:
        for copy, data in made:
            bpy.data.objects.remove(copy)
            bpy.data.meshes.remove(data)
        for obj in selected:
            obj.select_set(True)
        layer.objects.active = active
