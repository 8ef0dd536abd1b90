"""The names of the files in a job folder."""

from __future__ import annotations

JOB_FILE = "job.json"
MESH_FILE = "mesh.npz"
POSES_FILE = "poses.npz"
MAX_POSES = 64
CONTENT_FILE = "content.png"
PREVIEW_FILE = "preview.png"
CHECKPOINT_FILE = "checkpoint.npz"
TEXTURE_FILE = "texture.png"
MASK_FILE = "mask.png"
HEIGHT_FILE = "height.png"
NORMAL_FILE = "normal.png"
ROUGHNESS_FILE = "roughness.png"
METALNESS_FILE = "metalness.png"
OWN_FILE = "own_{}.png"  # of a job's input: a map of the material that the object has
IMAGE_FILE = "image.png"
CPPN_FILE = "picture.cppn"
REPORT_FILE = "report.json"


def numbered(name: str, index: int, count: int) -> str:
    """Name the file `name` of the picture `index` of `count`.

    It keeps its name where it is the only one, else it gets its number.
    """
    stem, dot, suffix = name.rpartition(".")
    return name if count <= 1 else f"{stem}_{index}{dot}{suffix}"
