"""Write a model that only Blender reads as a GLB: `as_glb.py SOURCE FOLDER`, run by a Blender as a script.

The backend starts it (see its models/through_blender.py). FOLDER gets model.glb, or problem.txt: what is
wrong, and on the next line the cure.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

IMPORTERS = {
    ".fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path),
    ".stl": lambda path: bpy.ops.wm.stl_import(filepath=path),
    ".dae": lambda path: bpy.ops.wm.collada_import(filepath=path),
    ".abc": lambda path: bpy.ops.wm.alembic_import(filepath=path, as_background_job=False),
} | dict.fromkeys((".usd", ".usda", ".usdc", ".usdz"), lambda path: bpy.ops.wm.usd_import(filepath=path))


def main(source: Path, folder: Path) -> None:
    """See above."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    try:
        IMPORTERS[source.suffix.lower()](str(source))
        problem = missing_picture(source)
        if not problem:
            target = str(folder / "model.glb")
            bpy.ops.export_scene.gltf(
                filepath=target, export_format="GLB", export_cameras=True, export_lights=True
            )
    except Exception as error:  # what an operator reports, or that this Blender has none for the format
        problem = unreadable(source, str(error).strip() or type(error).__name__)
    if problem:
        (folder / "problem.txt").write_text("\n".join(problem), encoding="utf-8")


def unreadable(source: Path, error: str) -> tuple[str, str]:
    """What is wrong with a model that this Blender cannot read, by what it said."""
    said = f"Blender {bpy.app.version_string} cannot read {source.name}"
    if "could not be found" in error:  # the operator
        which = "one before 5.0" if source.suffix.lower() == ".dae" else "one from blender.org"
        return f"{said}: it has no importer for it.", f"Let PATINA_BLENDER name another Blender: {which}."
    return f"{said}: {error.splitlines()[-1]}", "Export it again from where it came from."


def missing_picture(source: Path) -> tuple[str, str] | None:
    """What is wrong with a picture that the imported model names, if anything: no other files come along."""
    for image in bpy.data.images:
        if image.source not in ("FILE", "TILED") or image.packed_file or not image.filepath:
            continue
        path = Path(bpy.path.abspath(image.filepath).replace("<UDIM>", "1001")).resolve()
        if not path.is_file():
            return (
                f"{source.name} names the picture {path.name}, which is not there.",
                "Put it where the model is, or take it out of the material.",
            )
        if not path.is_relative_to(source.parent.resolve()):
            return (
                f"{source.name} names a file outside its own folder: {str(path)[:200]}.",
                "Put that file beside it, or in a folder below, and export it again.",
            )
    return None


if __name__ == "__main__":
    main(Path(sys.argv[-2]), Path(sys.argv[-1]))
