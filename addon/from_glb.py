"""Write a GLB as other files: `from_glb.py SOURCE TARGET …`, run by a Blender as a script.

The backend starts it (see its farm/blend.py). A TARGET is a .blend, with its pictures packed, or an .fbx,
with them embedded. Without any, it only shows that this Blender can run it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import bpy


def main(source: Path, targets: list[Path]) -> None:
    """See above."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(source))
    for target in targets:
        if target.suffix == ".blend":
            bpy.ops.file.pack_all()
            bpy.ops.wm.save_as_mainfile(filepath=str(target), copy=True)
        else:
            with tempfile.TemporaryDirectory() as folder:
                _write_pictures(Path(folder))
                bpy.ops.export_scene.fbx(filepath=str(target), path_mode="COPY", embed_textures=True)


def _write_pictures(folder: Path) -> None:
    """Write the pictures, which the exporter takes from the disk."""
    for index, image in enumerate(bpy.data.images):
        if image.has_data or image.packed_file:
            path = folder / f"{index}_{bpy.path.clean_name(image.name)}.png"
            image.file_format = "PNG"
            image.save(filepath=str(path))
            image.filepath_raw = str(path)


if __name__ == "__main__":
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    if words:
        main(Path(words[0]), [Path(word) for word in words[1:]])
